"""What a fault costs the call: a process whose backends fail against one whose backends are well, in lock-step.

    .venv/bin/python benchmarks/lockstep.py [--only NAME ...] [--pairs 4] [--blocks 40] [--realtime] [--json] [--table FILE]

A machine shared with other work varies by more from minute to minute than a fault could add. So the two processes of a pair
take turns, block by block, in the order A B B A: whatever the machine does, it does to both. Compared are, by ratio, the p50
and the p99 of what a call took, and the CPU time of the calling thread, which waiting does not add to; with the 95 %
interval of a bootstrap over pairs of processes, started anew, and pairs of their blocks. The first row is a control: two
processes whose backends are well, so its ratios and intervals say what this machine's noise does to two equal things. With
`--realtime` both processes of a pair run before all other work of the machine (SCHED_FIFO, which takes privileges): what is
left in the p99 is then their own threads. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import track
from rich.table import Table

from piped import HERE, Piped, answer, asked, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Block = dict[str, list[float]]
    Pairs = Sequence[tuple[Block, Block]]

FAULTS = (
    ("control: well", "well", "well"),
    ("refuses", "refuses", "well"),
    ("503", "503", "well"),
    ("401", "401", "well"),
    ("429, Retry-After 30", "429, Retry-After 30", "well"),
    ("hangs", "hangs", "well"),
    ("slow, 1 s", "slow, 1 s", "well"),
    ("partial success", "partial success", "well"),
    ("resets", "resets", "well"),
    ("both 503", "503", "down"),
    ("both refuse", "refuses", "refuses"),
    ("both hang", "hangs", "hangs"),
)
"""Name, how the OTLP backend is, how Langfuse is."""
WARM_BLOCKS = 2


@dataclass
class Ratio:
    """Faulty over well: the estimate, and the ends of its 95 % interval."""

    ratio: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.ratio:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass
class Row:
    """One fault."""

    name: str
    down: int
    """Backends that do not take spans."""
    calls: int
    """Of each of the two processes."""
    p50_ms: float
    """Of the process whose backends are well."""
    p99_ms: float
    cpu_us: float
    """CPU of the calling thread, median of a call."""
    p50: Ratio
    p99: Ratio
    cpu: Ratio


# --- the process that is measured ------------------------------------------------------------------


def child(otlp: str, langfuse: str, *, is_realtime: bool) -> None:
    """Makes a run of calls whenever it is asked, and says what each took: by the clock, and of the thread's CPU."""
    if is_realtime:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.environ.update(
        OTEL_EXPORTER_OTLP_ENDPOINT=otlp, OTEL_METRICS_EXPORTER="none", LANGFUSE_BASE_URL=langfuse,
        LANGFUSE_PUBLIC_KEY="pk-lf-1", LANGFUSE_SECRET_KEY="sk-lf-1", FASTAGENTIC_EXPORT_TIMEOUT="2s",
        FASTAGENTIC_EXIT_TIMEOUT="1s",
    )  # fmt: skip
    import fastagentic
    from delivery_app import PAUSE_S, client

    fastagentic.instrument(destinations=["otlp", "langfuse"])
    portkey, messages = client(), [{"role": "user", "content": "What did the run cost?"}]
    for number, calls in enumerate(map(int, asked())):
        took: Block = {"wall": [], "cpu": []}
        with fastagentic.run(f"report-{number}", user=f"u-{number % 5}"):
            for _ in range(calls):
                cpu, wall = time.thread_time_ns(), time.perf_counter_ns()
                portkey.chat.completions.create(model="gpt-4o-mini", messages=messages)
                took["wall"].append((time.perf_counter_ns() - wall) / 1000)
                took["cpu"].append((time.thread_time_ns() - cpu) / 1000)
                time.sleep(PAUSE_S)  # between calls batches leave, fail and are spooled
        answer(took)


# --- the parent --------------------------------------------------------------------------------------


@contextlib.contextmanager
def pair(otlp: str, langfuse: str, more: Sequence[str]) -> Iterator[tuple[Piped, Piped]]:
    """The process whose backends are well, and the one whose backends are as said."""
    from delivery import backend

    with contextlib.ExitStack() as stack:
        processes = []
        for kinds in (("well", "well"), (otlp, langfuse)):
            addresses = [stack.enter_context(backend({"down": "503"}.get(kind, kind)))[1] for kind in kinds]
            home = stack.enter_context(tempfile.TemporaryDirectory(prefix="fastagentic-lockstep-"))
            arguments = [str(HERE / "lockstep.py"), "--child", *addresses, *more]
            processes.append(stack.enter_context(Piped(arguments, {"FASTAGENTIC_HOME": home})))
        yield processes[0], processes[1]


def compared(fault: tuple[str, str, str], options: argparse.Namespace) -> Row:
    name, otlp, langfuse = fault
    groups = [blocks_of(otlp, langfuse, options) for _ in range(options.pairs)]
    return row_of(name, (otlp, langfuse), groups)


def blocks_of(otlp: str, langfuse: str, options: argparse.Namespace) -> Pairs:
    """What two processes took, newly started, block by block."""
    calls = str(options.calls)
    with pair(otlp, langfuse, ["--realtime"] if options.realtime else []) as (well, faulty):
        for _ in range(WARM_BLOCKS):
            well.ask(calls), faulty.ask(calls)
        pairs = []
        for number in range(options.blocks):
            order = (well, faulty) if number % 2 == 0 else (faulty, well)  # A B B A
            found = {process: process.ask(calls) for process in order}
            pairs.append((found[well], found[faulty]))
    return pairs


def row_of(name: str, kinds: tuple[str, str], groups: Sequence[Pairs]) -> Row:
    pairs = [pair for group in groups for pair in group]
    ratios = {
        "p50": ratio_of(groups, lambda drawn: quantile_ratio(drawn, "wall", 50)),
        "p99": ratio_of(groups, lambda drawn: quantile_ratio(drawn, "wall", 99)),
        "cpu": ratio_of(groups, lambda drawn: quantile_ratio(drawn, "cpu", 50)),
    }
    takes = {"well", "slow, 1 s", "partial success"}
    return Row(
        name, sum(kind not in takes for kind in kinds), sum(len(well["wall"]) for well, _ in pairs),
        p50_ms=quantile([well for well, _ in pairs], "wall", 50) / 1000,
        p99_ms=quantile([well for well, _ in pairs], "wall", 99) / 1000,
        cpu_us=quantile([well for well, _ in pairs], "cpu", 50), **ratios,
    )  # fmt: skip


def ratio_of(groups: Sequence[Pairs], ratio: Callable[[Pairs], float]) -> Ratio:
    return Ratio(ratio([pair for group in groups for pair in group]), *interval(groups, ratio))


def quantile_ratio(pairs: Pairs, measure: str, percent: int) -> float:
    well, faulty = ([pair[side] for pair in pairs] for side in (0, 1))
    return quantile(faulty, measure, percent) / quantile(well, measure, percent)


def quantile(blocks: Sequence[Block], measure: str, percent: int) -> float:
    """Of all calls of these blocks together."""
    ordered = sorted(took for block in blocks for took in block[measure])
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


TITLES = ("backends", "down", "calls", "well: p50 ms", "p99 ms", "CPU us", "p50, ratio", "p99, ratio", "thread CPU, ratio")


def cells(row: Row) -> tuple[str, ...]:
    return (
        row.name, str(row.down), str(row.calls), f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}", f"{row.cpu_us:.0f}",
        str(row.p50), str(row.p99), str(row.cpu),
    )  # fmt: skip


def table_of(rows: Sequence[Row]) -> Table:
    table = Table(
        title="What a fault costs the call: faulty over well, in lock-step, with 95 % intervals", title_justify="left"
    )
    for title in TITLES:
        table.add_column(title, justify="left" if title == TITLES[0] else "right")
    for row in rows:
        table.add_row(*cells(row))
    return table


def as_markdown(rows: Sequence[Row]) -> str:
    lines = [TITLES, ("---", *["--:"] * (len(TITLES) - 1)), *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", choices=[name for name, *_ in FAULTS])
    parser.add_argument("--pairs", type=int, default=4, help="pairs of processes, newly started")
    parser.add_argument("--blocks", type=int, default=40, help="blocks of each process")
    parser.add_argument("--calls", type=int, default=25, help="calls a block")
    parser.add_argument("--realtime", action="store_true", help="before all other work of the machine")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--table", type=Path, help="write the table as Markdown")
    parser.add_argument("--child", nargs=2, metavar=("OTLP", "LANGFUSE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child, is_realtime=options.realtime)
        return 0
    console = Console(stderr=options.json, width=None if sys.stdout.isatty() else 170)
    faults = [fault for fault in FAULTS if not options.only or fault[0] in options.only]
    rows = [
        compared(fault, options)
        for fault in track(faults, "pairs", console=Console(stderr=True), disable=not sys.stderr.isatty())
    ]
    console.print(table_of(rows))
    if options.table:
        options.table.write_text(as_markdown(rows))
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
