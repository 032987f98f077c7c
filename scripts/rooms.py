"""Draws the rooms of `src/fastagentic` and who imports whom: docs/images/rooms.svg, from the code.

    .venv/bin/python scripts/rooms.py [--check]

The rows are the layers of the import contract in `pyproject.toml`, the arrows what the modules really import. An arrow that
others imply (a to b, b to c, hence a to c) is left out: twenty are read where seventy are not. `--check` writes nothing and
exits with 1 when the picture is not the one that the code gives. The number in a box counts the lines of its modules.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import grimp

REPO = Path(__file__).resolve().parents[1]
PACKAGE = "fastagentic"
PICTURE = REPO / "docs" / "images" / "rooms.svg"

BOX_W, BOX_H, GAP_X, GAP_Y, MARGIN = 172, 40, 28, 34, 24

SAID = {
    "cli": "commands", "demo": "stand-in, workload", "app": "App, endpoints", "dashboard": "the local page",
    "doctor": "findings", "integrations": "gateways to construct", "testing": "pytest plugin", "_auto": "zero code",
    "_api": "public functions", "_instrumentation": "where the halves meet", "clients": "which SDK is called",
    "observe": "one call's life", "hooks": "the user's code", "gateways": "what gateways say",
    "pricing": "what a call cost", "budgets": "what may be spent", "export": "provider, delivery, spool",
    "store": "the local file", "_settings_file": "settings from files", "context": "users, runs", "core": "data and names",
}  # fmt: skip


@dataclass(frozen=True)
class Box:
    room: str
    x: float
    y: float
    lines: int


def layers() -> list[list[str]]:
    """The rows of the picture: each layer of the contract, the topmost first."""
    contracts = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = [contract for contract in contracts if contract["type"] == "layers"]
    return [[room.strip() for room in layer.replace(":", "|").split("|")] for layer in contract["layers"]]


def imports(rooms: list[str]) -> set[tuple[str, str]]:
    """Which room imports which, type checking left out."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=True, cache_dir=None)
    found = set()
    for module in graph.modules:
        for imported in graph.find_modules_directly_imported_by(module):
            pair = room_of(module), room_of(imported)
            if pair[0] != pair[1] and set(pair) <= set(rooms):
                found.add(pair)
    return found


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def needed(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The arrows that no chain of others implies."""
    below: dict[str, set[str]] = {}
    for source, target in arrows:
        below.setdefault(source, set()).add(target)

    def reaches(start: str, goal: str) -> bool:
        waiting, seen = [start], {start}
        while waiting:
            for room in below.get(waiting.pop(), ()):
                if room == goal:
                    return True
                if room not in seen:
                    seen.add(room)
                    waiting.append(room)
        return False

    return {
        (source, target)
        for source, target in arrows
        if not any(other != target and reaches(other, target) for other in below[source])
    }


def lines_of(room: str) -> int:
    path = REPO / "src" / PACKAGE / room
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    return sum(len(file.read_text().splitlines()) for file in files)


def boxes(rows: list[list[str]]) -> dict[str, Box]:
    width = max(map(len, rows)) * (BOX_W + GAP_X) - GAP_X
    placed = {}
    for number, row in enumerate(rows):
        left = MARGIN + (width - len(row) * (BOX_W + GAP_X) + GAP_X) / 2
        for place, room in enumerate(row):
            placed[room] = Box(room, left + place * (BOX_W + GAP_X), MARGIN + number * (BOX_H + GAP_Y), lines_of(room))
    return placed


def drawn(rows: list[list[str]], arrows: set[tuple[str, str]]) -> str:
    placed = boxes(rows)
    width = max(box.x for box in placed.values()) + BOX_W + MARGIN
    height = max(box.y for box in placed.values()) + BOX_H + MARGIN
    paths = [arrow(placed[source], placed[target]) for source, target in sorted(arrows)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img"',
        '     font-family="system-ui, sans-serif" font-size="12">',
        "<title>The rooms of fastagentic and what they import; arrows that others imply are left out</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#6b7a99"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>',
        *paths,
        *(line for box in placed.values() for line in box_lines(box)),
        "</svg>",
        "",
    ])  # fmt: skip


def arrow(source: Box, target: Box) -> str:
    x1, y1, x2, y2 = source.x + BOX_W / 2, source.y + BOX_H, target.x + BOX_W / 2, target.y - 1
    rows_between = round((target.y - source.y) / (BOX_H + GAP_Y))
    if rows_between > 1:  # past the boxes in between, on the side where the target lies
        side = BOX_W * 0.42 * (1 if x2 >= x1 else -1)
        x1, x2 = x1 + side, x2 + side
    bend = max(GAP_Y, (y2 - y1) / 2)
    return (
        f'<path d="M{x1:.0f} {y1:.0f} C{x1:.0f} {y1 + bend:.0f} {x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}" fill="none" '
        'stroke="#6b7a99" stroke-opacity="0.75" marker-end="url(#tip)"/>'
    )


def box_lines(box: Box) -> list[str]:
    return [
        f'<rect x="{box.x:.0f}" y="{box.y:.0f}" width="{BOX_W}" height="{BOX_H}" rx="6" fill="#eef2ff" stroke="#3f51b5"/>',
        f'<text x="{box.x + 10:.0f}" y="{box.y + 17:.0f}" font-weight="600" fill="#1a237e">{box.room}</text>',
        f'<text x="{box.x + BOX_W - 8:.0f}" y="{box.y + 17:.0f}" text-anchor="end" fill="#7a84a3">{box.lines:,}</text>',
        f'<text x="{box.x + 10:.0f}" y="{box.y + 32:.0f}" fill="#3c4664">{SAID[box.room]}</text>',
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when the picture is out of date")
    options = parser.parse_args()
    rows = layers()
    picture = drawn(rows, needed(imports([room for row in rows for room in row])))
    if options.check:
        if PICTURE.exists() and without_counts(PICTURE.read_text()) == without_counts(picture):
            return 0
        print(f"{PICTURE.relative_to(REPO)} is not what the code gives: run scripts/rooms.py", file=sys.stderr)
        return 1
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(picture)
    return 0


def without_counts(picture: str) -> str:
    """Rooms and arrows: a line more in a module is no reason to draw anew."""
    return "\n".join(line for line in picture.splitlines() if 'text-anchor="end"' not in line)


if __name__ == "__main__":
    sys.exit(main())
