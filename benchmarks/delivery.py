"""What becomes of spans when backends fail and processes die: the fault table.

    .venv/bin/python benchmarks/delivery.py [--only dozen|all] [--calls 200] [--side-by-side 3] [--json] [--table FILE]

Each cell is a process that makes calls while an OTLP backend and Langfuse (both loopback receivers) behave as the cell
says, and that ends as the cell says. Then the backends are well again, the next process starts, makes no call, and flushes.
Counted is what arrived at the OTLP backend by (trace id, span id): delivered, twice, still on disk, lost. p50 and p99 are
milliseconds of a call as the application saw them. Exit code 1 when a cell lost a span that it promised to keep.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.export.receiver import Receiver  # noqa: E402  # the same stand-in as in the tests

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKENDS = {
    "well": "ok",
    "refuses": "refuses",
    "503": "503",
    "500": "500",
    "401": "401",
    "429, Retry-After 30": "429:30",
    "hangs": "hang",
    "slow, 1 s": "slow:1",
    "partial success": "partial:1",
    "resets": "reset",
    "wrong address": "wrong",
    "back after a while": "503",
}
ENDS = ("exit", "SIGTERM", "SIGKILL", "SIGKILL at once, durability=crash", "disk full", "disk unwritable")
"""SIGKILL comes a second after the last call: what the default promises to keep."""
FOREIGN = ("OTEL_", "LANGFUSE_", "FASTAGENTIC_")
BACK_AFTER_S = 3.0
QUIET_S = 1.2

DOZEN = (
    ("well", "well", "exit"), ("refuses", "well", "exit"), ("503", "well", "SIGTERM"), ("500", "down", "exit"),
    ("401", "well", "SIGKILL"), ("429, Retry-After 30", "well", "exit"), ("hangs", "well", "SIGTERM"),
    ("hangs", "down", "SIGKILL at once, durability=crash"), ("slow, 1 s", "well", "SIGKILL"), ("resets", "down", "exit"),
    ("back after a while", "well", "exit"), ("503", "well", "disk full"), ("well", "well", "disk unwritable"),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """How the OTLP backend is, how Langfuse is, how the process ends."""

    backend: str
    langfuse: str
    end: str

    @property
    def has_disk(self) -> bool:
        return not self.end.startswith("disk")

    @property
    def promises_all(self) -> bool:
        """Whether nothing may be lost; what a backend rejects for good is set aside, and counts as kept."""
        return self.has_disk or self.backend == "well"


@dataclass
class Row:
    """What became of the spans of one cell."""

    backend: str
    langfuse: str
    end: str
    made: int
    delivered: int
    twice: int
    on_disk: int
    lost: int
    langfuse_lost: int
    p50_ms: float
    p99_ms: float
    is_kept: bool


@contextlib.contextmanager
def backend(kind: str) -> Iterator[tuple[Receiver, str]]:
    """A receiver that behaves in this way, and the address that the application is given."""
    with Receiver() as receiver:
        mode = BACKENDS.get(kind, "ok")
        address = receiver.endpoint
        if mode == "refuses":
            receiver.stop()
        elif mode == "wrong":
            with Receiver() as elsewhere:
                address = elsewhere.endpoint
        else:
            receiver.mode = mode
        yield receiver, address


def run_cell(cell: Cell, calls: int) -> Row:
    with (
        tempfile.TemporaryDirectory(prefix="fastagentic-faults-") as folder,
        backend(cell.backend) as (otlp, otlp_address),
        backend("503" if cell.langfuse == "down" else "well") as (langfuse, langfuse_address),
    ):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_address,
            "OTEL_METRICS_EXPORTER": "none",
            "LANGFUSE_BASE_URL": langfuse_address,
            "LANGFUSE_PUBLIC_KEY": "pk-lf-1",
            "LANGFUSE_SECRET_KEY": "sk-lf-1",
            "FASTAGENTIC_EXIT_TIMEOUT": "2s",
            "FASTAGENTIC_EXPORT_TIMEOUT": "2s",
            "FASTAGENTIC_HOME": str(home_of(cell, Path(folder))),
        }
        said = run_app(cell, calls, {**environment, **({"DISK_IS_FULL": "1"} if cell.end == "disk full" else {})}, otlp)
        if cell.backend == "refuses":
            otlp.start()
        otlp.mode = langfuse.mode = "ok"
        app(0, "recover", environment).communicate(timeout=90)
        return counted(cell, said, otlp, langfuse, Path(folder))


def home_of(cell: Cell, folder: Path) -> Path:
    if cell.end == "disk unwritable":
        (folder / "in the way").touch()
        return folder / "in the way" / "home"
    return folder / "home"


def app(calls: int, end: str, environment: dict[str, str], durability: str = "normal") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / "delivery_app.py"), str(calls), end, durability],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run_app(cell: Cell, calls: int, environment: dict[str, str], otlp: Receiver) -> dict[str, Any]:
    """The process of a cell from its start to its end; what it said of itself."""
    is_killed = cell.end.startswith("SIG")
    stays = is_killed or cell.backend == "back after a while"
    durability = "crash" if "crash" in cell.end else "normal"
    process = app(calls, "wait" if stays else "exit", environment, durability)
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(process.stdout.readline() or "{}")
    if cell.backend == "back after a while":
        threading.Timer(BACK_AFTER_S, lambda: setattr(otlp, "mode", "ok")).start()
        with contextlib.suppress(AssertionError):
            otlp.wait_for(lambda one: one.span_count, timeout_s=20)
    if stays:
        if "crash" not in cell.end:
            time.sleep(QUIET_S)  # part of the promise: a second after the last call
        process.send_signal(signal.SIGKILL if cell.end.startswith("SIGKILL") else signal.SIGTERM)
    errors = process.communicate(timeout=90)[1]
    if "made" not in said:
        raise RuntimeError(f"{cell}: the application said nothing\n{errors}")
    return said


def counted(cell: Cell, said: dict[str, Any], otlp: Receiver, langfuse: Receiver, folder: Path) -> Row:
    from fastagentic.export.spool.survey import survey

    times = Counter((span.trace_id, span.span_id) for span in otlp.spans)
    at_langfuse = len({(span.trace_id, span.span_id) for span in langfuse.spans})
    on_disk = {one.name: one.spans + one.aside_spans for one in survey(folder / "home")} if cell.has_disk else {}
    made = said["made"]
    lost = max(0, made - len(times) - (on_disk.get("otlp", 0) if cell.backend != "partial success" else 0))
    langfuse_lost = max(0, made - at_langfuse - on_disk.get("langfuse", 0))
    return Row(
        cell.backend, cell.langfuse, cell.end, made,
        delivered=len(times), twice=sum(times.values()) - len(times), on_disk=on_disk.get("otlp", 0), lost=lost,
        langfuse_lost=langfuse_lost, p50_ms=said["p50"], p99_ms=said["p99"],
        is_kept=not cell.promises_all or not (lost or langfuse_lost),
    )  # fmt: skip


def table_of(rows: list[Row]) -> Table:
    table = Table(title="Spans when backends fail and processes die")
    for title in ("OTLP backend", "Langfuse", "end"):
        table.add_column(title)
    for title in ("made", "delivered", "twice", "on disk", "lost", "lost (Langfuse)", "p50 ms", "p99 ms"):
        table.add_column(title, justify="right")
    for row in rows:
        counts = (row.made, row.delivered, row.twice, row.on_disk, row.lost, row.langfuse_lost)
        table.add_row(
            row.backend, row.langfuse, row.end, *map(str, counts), f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}",
            style=None if row.is_kept else "red",
        )  # fmt: skip
    return table


def as_markdown(rows: list[Row]) -> str:
    lines = [
        "| OTLP backend | Langfuse | end | made | delivered | twice | on disk | lost | lost (Langfuse) | p50 ms | p99 ms |",
        "|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        counts = (row.made, row.delivered, row.twice, row.on_disk, row.lost, row.langfuse_lost)
        cells = (row.backend, row.langfuse, row.end, *map(str, counts), f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    arguments.add_argument("--only", choices=("dozen", "all"), default="dozen", help="which cells")
    arguments.add_argument("--calls", type=int, default=200, help="calls a cell")
    arguments.add_argument("--side-by-side", type=int, default=3, help="cells at once")
    arguments.add_argument("--json", action="store_true", help="print JSON")
    arguments.add_argument("--table", type=Path, help="write the table as Markdown")
    asked = arguments.parse_args()
    every = itertools.product(BACKENDS, ("well", "down"), ENDS)
    cells = [Cell(*names) for names in (DOZEN if asked.only == "dozen" else every)]
    console = Console(stderr=True)
    with ThreadPoolExecutor(asked.side_by_side) as pool:
        done = pool.map(lambda cell: run_cell(cell, asked.calls), cells)
        rows = list(track(done, "cells", total=len(cells), console=console, disable=not console.is_terminal))
    if asked.table:
        asked.table.write_text(as_markdown(rows))
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(table_of(rows))
    broken = [row for row in rows if not row.is_kept]
    if broken:
        print(f"{len(broken)} of {len(rows)} cells lost spans that they had promised to keep", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
