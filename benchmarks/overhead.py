"""What observing a call costs: ours against the same calls bare, and against a span with the same metrics written by hand.

    .venv/bin/python benchmarks/overhead.py [--rounds 15] [--calls 400] [--json]

Every variant runs in turn within each round of one process, so that a busy machine slows all of them alike; figures are the
medians over rounds of the difference to bare, microseconds a call. "caller" is CPU of the calling thread, "total" is
CPU of the process until everything is flushed. Trust the ratios, not the digits. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
os.environ["FASTAGENTIC_HOME"] = tempfile.mkdtemp(prefix="fastagentic-bench-")
os.environ["FASTAGENTIC_BUDGET_LEDGER"] = "process"

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import fastagentic

sys.path.insert(0, os.path.dirname(__file__))
from rich.console import Console
from rich.table import Table

from canned import CASES, Case, ObservedByHand

if TYPE_CHECKING:
    from collections.abc import Callable

GUARDED = "fastagentic, a budget"
VARIANTS = ("bare", "hand-written", "fastagentic", GUARDED, "fastagentic, local store", "sampled out", "uninstrumented")


@dataclass
class Figure:
    """Microseconds a call over bare."""

    caller: float
    total: float


class Providers:
    """One pair of providers a variant, so that no variant pays for another's."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.meter = MeterProvider([self.reader])
        self.tracer = TracerProvider()
        from fastagentic.export.trace_ids import RecordOurs

        self.off = TracerProvider(sampler=RecordOurs(ALWAYS_OFF))


def prepare(variant: str, providers: Providers) -> None:
    fastagentic.uninstrument()
    if variant == "uninstrumented":
        fastagentic.instrument(destinations=[])
        fastagentic.uninstrument()
    elif variant != "bare" and variant != "hand-written":
        fastagentic.instrument(
            destinations=["local"] if "local" in variant else [],
            tracer_provider=providers.off if variant == "sampled out" else providers.tracer,
            meter_provider=providers.meter,
            budgets={"month": 1e9} if variant == GUARDED else None,
        )


def measure(case: Case, variant: str, providers: Providers, by_hand: ObservedByHand, calls: int) -> Figure:
    prepare(variant, providers)
    call: Callable[[], None] = by_hand.around(case) if variant == "hand-written" else case.call
    for _ in range(20):
        call()
    fastagentic.flush(30)
    caller, total = time.thread_time(), time.process_time()
    for _ in range(calls):
        call()
    caller = time.thread_time() - caller
    fastagentic.flush(30)
    total = time.process_time() - total
    providers.reader.get_metrics_data()
    return Figure(caller / calls * 1e6, total / calls * 1e6)


def compare(case: Case, rounds: int, calls: int) -> dict[str, Figure]:
    providers, by_hand = Providers(), None
    by_hand = ObservedByHand(providers.tracer, providers.meter)
    calls = max(5, calls // case.weight)
    seen: dict[str, list[Figure]] = {variant: [] for variant in VARIANTS}
    with case.prepared():
        for number in range(rounds):
            order = VARIANTS[number % len(VARIANTS) :] + VARIANTS[: number % len(VARIANTS)]
            for variant in order:
                seen[variant].append(measure(case, variant, providers, by_hand, calls))
    fastagentic.uninstrument()
    return {
        variant: Figure(
            statistics.median(f.caller - b.caller for f, b in zip(figures, seen["bare"], strict=True)),
            statistics.median(f.total - b.total for f, b in zip(figures, seen["bare"], strict=True)),
        )
        if variant != "bare"
        else Figure(statistics.median(f.caller for f in figures), statistics.median(f.total for f in figures))
        for variant, figures in seen.items()
    }


def show(case: Case, figures: dict[str, Figure], console: Console) -> None:
    hand = figures["hand-written"]
    table = Table(title=case.title, title_justify="left")
    for column in ("", "caller us", "x hand-written", "total us", "x hand-written"):
        table.add_column(column, justify="right" if column else "left")
    for variant, figure in figures.items():
        name = f"{variant} (the whole call)" if variant == "bare" else f"{variant}, over bare"
        ratios = ("", "") if variant == "bare" else (ratio(figure.caller, hand.caller), ratio(figure.total, hand.total))
        table.add_row(name, f"{figure.caller:.1f}", ratios[0], f"{figure.total:.1f}", ratios[1])
    console.print(table)


def ratio(value: float, of: float) -> str:
    return f"{value / of:.2f}" if of > 0 else "-"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--calls", type=int, default=400, help="calls a round and variant, of the lightest case")
    parser.add_argument("--case", action="append", choices=[case.name for case in CASES])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    results = {}
    for case in CASES:
        if options.case and case.name not in options.case:
            continue
        results[case.name] = compare(case, options.rounds, options.calls)
        show(case, results[case.name], console)
    if options.json:
        print(json.dumps({name: {v: vars(f) for v, f in found.items()} for name, found in results.items()}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
