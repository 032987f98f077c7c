"""`python -m dashboards.src`: write the dashboards' JSON beside this folder, or with `--check` say what is out of date."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import alerting, gateway_reliability, latency_tokens, llm_cost, pages, run_explorer, variables
from .lint import lint

if TYPE_CHECKING:
    from .board import Board

BOARDS: tuple[Board, ...] = (llm_cost.BOARD, gateway_reliability.BOARD, latency_tokens.BOARD, run_explorer.BOARD)
FOLDER = Path(__file__).resolve().parents[1]
ALERTING = FOLDER / "provisioning/alerting/fastagentic.yaml"


def as_text(dashboard: dict[str, Any]) -> str:
    """The JSON as it is committed: sorted, so that a change shows as a small difference."""
    return json.dumps(dashboard, indent=2, sort_keys=True) + "\n"


def differences(committed: dict[str, Any], generated: dict[str, Any]) -> list[str]:
    """What is out of date, by panel."""
    old, new = ({panel["id"]: panel for panel in one["panels"]} for one in (committed, generated))
    found = [
        f"panel {(new.get(at) or old[at])['title']!r} is out of date"
        for at in sorted({*old, *new})
        if old.get(at) != new.get(at)
    ]
    rest = {**generated, "panels": committed["panels"]}
    return found if rest == committed else [*found, "its variables, annotations or settings are out of date"]


def check(folder: Path) -> list[str]:
    """What of the committed JSON is not what the sources give."""
    found = []
    for board in BOARDS:
        path = folder / board.file
        if not path.exists():
            found.append(f"{board.file}: missing")
            continue
        text, generated = path.read_text(encoding="utf-8"), board.as_json()
        if text != as_text(generated):
            found += [f"{board.file}: {one}" for one in differences(json.loads(text), generated) or ["its layout is another"]]
    return found


def beside() -> dict[Path, str]:
    """What is generated beside the JSON, in this repository only: Grafana's copy of the alerts, the lists of the page."""
    page = pages.PAGE.read_text(encoding="utf-8")
    return {ALERTING: alerting.provisioned(BOARDS), pages.PAGE: pages.with_lists(page, BOARDS)}


def main() -> int:
    """Write or check; 1 when the linter or the check found something."""
    parser = argparse.ArgumentParser(prog="make dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when something is out of date")
    parser.add_argument("--into", type=Path, metavar="FOLDER", help="where the JSON goes, and nothing else is written")
    for name, place in variables.PLACES.items():
        parser.add_argument(f"--{name}", default=place, metavar="URL", help=f"where links to {name} lead (%(default)s)")
    options = parser.parse_args()
    variables.PLACES.update({name: getattr(options, name).rstrip("/") for name in variables.PLACES})
    wrong = [f"{board.file}: {one}" for board in BOARDS for one in lint(board.as_json())]
    others = {} if options.into else beside()
    if options.check:
        wrong += [f"{one}; run `make dashboards`" for one in check(options.into or FOLDER)]
        old = [path for path, text in others.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
        wrong += [f"{path.relative_to(FOLDER.parent)}: is out of date; run `make dashboards`" for path in old]
    elif not wrong:
        for board in BOARDS:
            ((options.into or FOLDER) / board.file).write_text(as_text(board.as_json()), encoding="utf-8")
            print(f"{board.file}: {len(board.panels)} panels")
        for path, text in others.items():
            path.write_text(text, encoding="utf-8")
    print("\n".join(wrong) or "ok", file=sys.stderr if wrong else sys.stdout)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
