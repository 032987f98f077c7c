"""The local store at a million calls: its size, how fast it takes spans in, and each question by kept sums and on raw rows.

    .venv/bin/python benchmarks/store.py [--calls 1000000] [--ingest 60000] [--json] [--keep PATH]

`--keep` names the store to make, or to use again when it is there. Each question is asked several times and the best is
shown: wall time, and CPU of the asking thread, which other work on the machine disturbs less. "raw" is the same question
with the kept sums left aside. Ingest goes through the writer's thread, alone and while another process asks the dashboard
for its pages as an open one does; its figures are spans a second of wall time and of the writing thread's CPU. What the
dashboard takes to answer is the median over whole requests, at rest and while calls come in. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
from fastagentic.store.file import StoreFile
from fastagentic.store.projection import project
from fastagentic.store.queries import sources
from fastagentic.store.queries.calls import calls
from fastagentic.store.queries.compare import compare
from fastagentic.store.queries.costs import GroupBy, costs
from fastagentic.store.queries.model_table import model_table
from fastagentic.store.queries.overview import DAY_NS, overview, spend
from fastagentic.store.queries.runs import RunOrder, runs
from fastagentic.store.queries.scope import Scope
from fastagentic.store.queries.series import series
from fastagentic.store.queries.traffic import traffic
from fastagentic.store.reader import open_store
from fastagentic.store.writer import StoreWriter
from made_up_traffic import Traffic
from store_api import medians

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

    from fastagentic.store.rows import StoredSpan

BATCH = 4_000
ASK = (sys.executable, str(Path(__file__).with_name("store_api.py")))


def fill(path: Path, made: Iterable[StoredSpan], wanted: int, console: Console) -> float:
    """Write the spans, `wanted` calls among them, to a store; spans a second of the time that writing took."""
    file, batch, writing_s, spans = StoreFile(path, busy_s=10), [], 0.0, 0
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("making calls", total=wanted)
        for span in made:
            batch.append(project(span))
            if len(batch) == BATCH:
                writing_s += _write(file, batch)
                spans += BATCH
                progress.advance(task, sum(rows.call is not None for rows in batch))
                batch = []
        writing_s += _write(file, batch)
    file.close()
    return (spans + len(batch)) / writing_s


def _write(file: StoreFile, batch: list[Any]) -> float:
    began = time.perf_counter()
    file.write(batch, {})
    return time.perf_counter() - began


def page(connection: sqlite3.Connection, now_ns: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """What an open dashboard asks."""
    month = Scope(since_ns=now_ns - 30 * DAY_NS)
    yield "overview, 30 days", lambda: overview(connection, month)
    yield "overview, 24 hours", lambda: overview(connection, month.between(now_ns - DAY_NS, None))
    yield "spend today, 7, 30 days", lambda: spend(connection, month, now_ns=now_ns)
    yield "chart by model, 30 days", lambda: series(connection, month, now_ns=now_ns, by=GroupBy.MODEL)
    yield "top users, 30 days", lambda: costs(connection, month, by=GroupBy.USER)
    yield "runs, latest 50", lambda: runs(connection, month, limit=50)
    yield "runs, dearest 50", lambda: runs(connection, month, limit=50, order=RunOrder.COST)


def further(connection: sqlite3.Connection, now_ns: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """What the other pages ask, and filters that no kept sum knows."""
    week = Scope(since_ns=now_ns - 7 * DAY_NS)
    month = week.between(now_ns - 30 * DAY_NS, None)
    yield "chart by user, 30 days", lambda: series(connection, month, now_ns=now_ns, by=GroupBy.USER)
    yield "models, 30 days", lambda: model_table(connection, month)
    yield "what-if traffic, 30 days", lambda: traffic(connection, month)
    yield "compare two weeks", lambda: compare(connection, month.between(now_ns - 14 * DAY_NS, week.since_ns), week)
    yield "calls, latest 50", lambda: calls(connection, month)
    yield "runs of a user", lambda: runs(connection, Scope(user="user-00003"), limit=50)
    yield "runs, a text", lambda: runs(connection, Scope(search="user-0000"), limit=50)
    yield "overview of a session's calls", lambda: overview(connection, Scope(since_ns=week.since_ns, session="session-00003"))


def measure(path: Path, rounds: int = 3) -> list[dict[str, Any]]:
    """Each question by kept sums and on raw rows, in milliseconds."""
    with open_store(path) as connection:
        (now_ns,) = connection.execute("SELECT MAX(started_ns) + 1 FROM calls").fetchone()
        found = []
        for question, ask in (*page(connection, now_ns), *further(connection, now_ns)):
            kept = best(ask, rounds)
            with on_raw_rows():
                raw = best(ask, 1)
            found.append({"question": question, "ms": kept[0], "cpu_ms": kept[1], "raw_ms": raw[0], "raw_cpu_ms": raw[1]})
    return found


def best(ask: Callable[[], object], rounds: int) -> tuple[float, float]:
    found = []
    for _ in range(rounds):
        began, cpu = time.perf_counter(), time.thread_time()
        ask()
        found.append(((time.perf_counter() - began) * 1e3, (time.thread_time() - cpu) * 1e3))
    return min(wall for wall, _ in found), min(cpu for _, cpu in found)


@contextmanager
def on_raw_rows() -> Iterator[None]:
    kept, sources.CUBES = sources.CUBES, ()  # type: ignore[misc]  # only to compare
    try:
        yield
    finally:
        sources.CUBES = kept  # type: ignore[misc]


def ingest(path: Path, wanted: int, *, is_polled: bool) -> dict[str, Any]:
    """Spans a second through the writer's thread, into the store at `path`; what the dashboard took meanwhile."""
    made = list(Traffic(wanted, end_ns=time.time_ns(), days=0.01, seed=time.time_ns()).spans())
    cpu = [0.0]

    class Timed(StoreWriter[Any]):
        def _handle(self, items: list[Any]) -> float | None:
            began = time.thread_time()
            try:
                return super()._handle(items)
            finally:
                cpu[0] += time.thread_time() - began

    reader = subprocess.Popen([*ASK, str(path), "--forever"], stdout=subprocess.PIPE, text=True) if is_polled else None
    try:
        if reader is not None:
            reader.stdout.readline()  # the page is open
        writer = Timed(path, convert=lambda span: span, keep_s=None, capacity=len(made))
        began = time.perf_counter()
        for span in made:
            writer.put(span)
        assert writer.flush(600)
        wall = time.perf_counter() - began
        writer.close(60)
    finally:
        asked = ended(reader) if reader is not None else {}
    return {"spans_a_second": len(made) / wall, "spans_a_cpu_second": len(made) / cpu[0], "dashboard_ms": asked}


def ended(reader: subprocess.Popen[str]) -> dict[str, float]:
    """What the dashboard took until now; it is asked no more."""
    reader.terminate()
    said, _ = reader.communicate()
    return medians(said.splitlines(keepends=True))


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--calls", type=int, default=1_000_000)
    options.add_argument("--ingest", type=int, default=60_000, help="calls to write when ingest is measured")
    options.add_argument("--keep", type=Path, help="the store to make, or to use again")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    console = Console(stderr=given.json)
    with tempfile.TemporaryDirectory(prefix="fastagentic-bench-") as directory:
        path = given.keep or Path(directory, "store.db")
        traffic = Traffic(given.calls, end_ns=time.time_ns())
        made = None if path.exists() else fill(path, traffic.spans(), given.calls, console)
        figures = {
            "calls": given.calls,
            "size_mb": path.stat().st_size / 1e6,
            "made_spans_a_second": made,
            "questions": measure(path),
            "dashboard_ms": medians(subprocess.check_output([*ASK, str(path)], text=True).splitlines(keepends=True)),
            "ingest": ingest(path, given.ingest, is_polled=False),
            "ingest_while_polled": ingest(path, given.ingest, is_polled=True),
        }
    if given.json:
        print(json.dumps(figures, indent=2))
    else:
        show(console, figures)


def show(console: Console, figures: dict[str, Any]) -> None:
    console.print(f"{figures['calls']:,} calls, {figures['size_mb']:,.0f} MB")
    table = Table("question", *(title for title in ("ms", "CPU ms", "raw ms", "raw CPU ms", "ratio")))
    for row in figures["questions"]:
        ratio = row["raw_cpu_ms"] / row["cpu_ms"] if row["cpu_ms"] else 0.0
        cells = (f"{row[name]:,.1f}" for name in ("ms", "cpu_ms", "raw_ms", "raw_cpu_ms"))
        table.add_row(row["question"], *cells, f"{ratio:,.1f}")
    console.print(table)
    table = Table("the dashboard", "ms", "ms while calls come in")
    busy = figures["ingest_while_polled"]["dashboard_ms"]
    for address, took in figures["dashboard_ms"].items():
        table.add_row(address, f"{took:,.1f}", f"{busy[address]:,.1f}" if address in busy else "")
    console.print(table)
    for name in ("ingest", "ingest_while_polled"):
        rates = figures[name]
        told = name.replace("_", " ")
        console.print(f"{told}: {rates['spans_a_second']:,.0f} spans a second, {rates['spans_a_cpu_second']:,.0f} a CPU second")


if __name__ == "__main__":
    main()
