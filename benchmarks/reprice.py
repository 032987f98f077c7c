"""Correcting a store of a million calls: time, memory, and whether it comes to what an independent sum says.

    .venv/bin/python benchmarks/reprice.py [--calls 1000000] [--seed 7] [--json] [--keep DIRECTORY]

The store is made up: a fifth of its calls lost their price, a tenth have a gateway's bill, the others were priced by rules a
tenth too dear. `fastagentic reprice` runs over it as a program of its own, first killed with SIGKILL at a random point of
its transaction, then to its end. What should come out is counted here from the tokens in the store and from rates typed by
hand, in whole millionths of a micro-dollar and without any pricing of ours. Then every kept sum is compared with the rows.
`--keep` names a directory, for a store that stays. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent))
from fastagentic.core import names
from fastagentic.store.location import STORE_NAME
from fastagentic.store.reader import open_store
from made_up_traffic import Traffic
from store import fill, further, on_raw_rows, page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.store.rows import StoredSpan

HOUSE = "house-llama-8b"
HOUSE_PRICES = {HOUSE: {"input": 0.2, "output": 0.4}}


class Rates(NamedTuple):
    """Picodollars a token: a model of 0.15 USD a million tokens costs 150,000 of them for one."""

    input: int
    cached: int
    output: int


RATES = {
    "gpt-4o-mini-2024-07-18": Rates(150_000, 75_000, 600_000),
    "gpt-4o-2024-08-06": Rates(2_500_000, 1_250_000, 10_000_000),
    "claude-sonnet-4-5-20250929": Rates(3_000_000, 300_000, 15_000_000),
    "claude-haiku-4-5-20251001": Rates(1_000_000, 100_000, 5_000_000),
    "gemini-2.5-flash": Rates(300_000, 30_000, 2_500_000),
    "text-embedding-3-small": Rates(20_000, 20_000, 0),
    HOUSE: Rates(200_000, 200_000, 400_000),
}
CALLS = """SELECT response_model, gateway, cost_source, cache_hit, cost_usd, saved_usd, input_tokens, output_tokens,
    cache_read_tokens, CASE WHEN repriced_ns IS NULL THEN cost_usd ELSE first_cost_usd END, repriced_ns FROM calls"""


@dataclass(frozen=True)
class Totals:
    """Whole picodollars, summed row by row."""

    calls: int = 0
    repriced: int = 0
    cost: int = 0
    saved: int = 0
    first_cost: int = 0
    """What was recorded at first."""


@dataclass(frozen=True)
class Ended:
    """How a program ended: seconds, and the most memory that it had."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    corrected: int


@dataclass(frozen=True)
class Figures:
    calls: int
    store_mb: float
    killed_after_s: float
    """Seconds into the transaction."""
    is_as_before: bool
    """Whether the killed one left all totals as they were, in a sound file."""
    ended: Ended
    expected: Totals
    found: Totals
    questions: int
    """Asked of the kept sums and of the rows."""
    differing: tuple[str, ...]


def aged(spans: Iterator[StoredSpan]) -> Iterator[StoredSpan]:
    """The calls as they were recorded when rules knew less, or other prices."""
    for number, span in enumerate(spans):
        held: dict[str, object] = span.attributes  # type: ignore[assignment]
        cost = held.get(names.USAGE_COST)
        if isinstance(cost, float):
            is_hit = held[names.CACHE_HIT]
            if not is_hit and number % 10 < 2:
                del held[names.USAGE_COST]
                held[names.COST_SOURCE] = "unknown"
            elif not is_hit and number % 10 == 2:
                held |= {names.USAGE_COST: 0.00125, names.COST_SOURCE: "gateway"}
            elif is_hit:
                held[names.COST_SAVED] = float(str(held[names.COST_SAVED])) * 1.1
            else:
                held[names.USAGE_COST] = cost * 1.1
        yield span


def expected(path: Path) -> Totals:
    """What the store should come to, by its tokens and the rates above."""
    calls = repriced = cost = saved = first = 0
    for model, gateway, source, hit, usd, saved_usd, tokens_in, tokens_out, cached, *_ in _rows(path):
        calls += 1
        before, saved_before = pico(usd), pico(saved_usd)
        first += before
        after, saved_after = before, saved_before
        # LiteLLM's own calculation stays, as does a bill; a call that failed had no tokens
        if source == "unknown" or (source == "price_table" and gateway != "litellm"):
            rates, read = RATES[model], min(cached or 0, tokens_in)
            worth = (tokens_in - read) * rates.input + read * rates.cached + (tokens_out or 0) * rates.output
            after, saved_after = (0, worth) if hit else (worth, saved_before)
        repriced += source == "unknown" or (after, saved_after) != (before, saved_before)
        cost += after
        saved += saved_after
    return Totals(calls, repriced, cost, saved, first)


def totals(path: Path) -> Totals:
    """What the rows come to as they are."""
    calls = repriced = cost = saved = first = 0
    for *_, usd, saved_usd, _in, _out, _cached, first_usd, repriced_ns in _rows(path):
        calls += 1
        repriced += repriced_ns is not None
        cost += pico(usd)
        saved += pico(saved_usd)
        first += pico(first_usd)
    return Totals(calls, repriced, cost, saved, first)


def pico(usd: float | None) -> int:
    return round((usd or 0.0) * 1e12)


def _rows(path: Path) -> Iterator[tuple[object, ...]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        yield from connection.execute(CALLS)


def start(path: Path, prices: Path) -> subprocess.Popen[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("FASTAGENTIC_")}
    variables |= {"FASTAGENTIC_HOME": str(path.parent), "FASTAGENTIC_PRICES": str(prices)}
    command = [sys.executable, "-m", "fastagentic", "reprice", "--since", "all", "--yes", "--json"]
    return subprocess.Popen(command, env=variables, stdout=subprocess.PIPE, text=True)


def kill_half_way(path: Path, prices: Path, chance: random.Random) -> float:
    """Seconds into its transaction at which the program was killed.

    It looks before it writes, which takes no longer than the writing: so long, at most, it is left to write.
    """
    process, began = start(path, prices), time.perf_counter()
    while not _is_being_written(path):
        assert process.poll() is None, "it ended before it wrote anything"
        time.sleep(0.005)
    wrote = time.perf_counter()
    time.sleep(chance.uniform(0, (wrote - began) * 0.9))
    process.send_signal(signal.SIGKILL)
    after_s = time.perf_counter() - wrote
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    return after_s


def _is_being_written(path: Path) -> bool:
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            return True
    return False


def run(path: Path, prices: Path) -> Ended:
    process, began = start(path, prices), time.perf_counter()
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    per_mb = 1e6 if sys.platform == "darwin" else 1e3
    corrected = sum(model["calls"] for model in json.loads(said)["models"])
    return Ended(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / per_mb, corrected)


def differing(path: Path) -> tuple[int, tuple[str, ...]]:
    """How many questions were asked, and which of them kept sums answer otherwise than the rows do."""
    with open_store(path) as connection:
        (now_ns,) = connection.execute("SELECT MAX(started_ns) + 1 FROM calls").fetchone()
        asked = {**dict(page(connection, now_ns)), **dict(further(connection, now_ns))}
        kept = {question: ask() for question, ask in asked.items()}
        with on_raw_rows():
            return len(asked), tuple(question for question, ask in asked.items() if ask() != kept[question])


def is_sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)])


def measure(home: Path, calls: int, seed: int, console: Console) -> Figures:
    """Make a store in this directory, correct it, and compare."""
    path = home / STORE_NAME
    fill(path, aged(Traffic(calls, end_ns=time.time_ns(), seed=seed).spans()), calls, console)
    prices = home / "house-prices.json"
    prices.write_text(json.dumps(HOUSE_PRICES))
    size_mb, before, wanted = path.stat().st_size / 1e6, totals(path), expected(path)
    after_s = kill_half_way(path, prices, random.Random(seed))
    is_as_before = totals(path) == before and is_sound(path)
    ended = run(path, prices)
    asked, others = differing(path)
    return Figures(calls, size_mb, after_s, is_as_before, ended, wanted, totals(path), asked, others)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--calls", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--keep", type=Path, help="the directory to make the store in")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    console = Console(stderr=given.json)
    with tempfile.TemporaryDirectory(prefix="fastagentic-bench-") as directory:
        figures = measure((given.keep or Path(directory)).absolute(), given.calls, given.seed, console)
    if given.json:
        print(json.dumps(asdict(figures), indent=2))
    else:
        show(console, figures)


def show(console: Console, figures: Figures) -> None:
    ended, wanted, found = figures.ended, figures.expected, figures.found
    console.print(f"{figures.calls:,} calls, {figures.store_mb:,.0f} MB")
    as_it_was = "the store as it was" if figures.is_as_before else "ANOTHER store than it found"
    console.print(f"killed {figures.killed_after_s:.1f} s into its transaction: left {as_it_was}")
    console.print(
        f"to its end: {ended.wall_s:.1f} s, {ended.cpu_s:.1f} s of CPU, {ended.peak_mb:.0f} MB; {ended.corrected:,} corrected"
    )
    for name, value in asdict(wanted).items():
        console.print(f"{name}: {value:,} expected, {asdict(found)[name]:,} found, {asdict(found)[name] - value:,} apart")
    console.print(f"{figures.questions} questions to kept sums and rows: {', '.join(figures.differing) or 'the same answers'}")


if __name__ == "__main__":
    main()
