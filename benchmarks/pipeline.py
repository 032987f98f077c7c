"""What a span costs from its end to the backend's answer, sending included: ours against the SDK's batch processors.

    .venv/bin/python benchmarks/pipeline.py [--rounds 10] [--spans 2000] [--rate 200] [--paced-rounds 4] [--json]

Each variant is a process of its own, of which all threads count, against one receiver in another process, whose CPU does
not. In each round every variant makes the same spans in turn and flushes; subtracted is what a process without any exporter
needs for them in the same round. Figures are medians over rounds, microseconds of CPU a span. Encoding, compression, HTTP
and, with ours, the spool on disk are in it. Two loads: a burst, as fast as spans can be made, and a steady `--rate` a second
for six seconds, where what a request costs is shared by fewer spans. Trust the ratios. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from piped import HERE, Piped, answer, asked, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

VARIANTS = ("no exporter", "ours: one destination", "ours: two", "stock: one processor", "stock: two")
RATIOS = (
    ("ours: two", "ours: one destination"),
    ("ours: two", "stock: two"),
    ("ours: one destination", "stock: one processor"),
    ("stock: two", "stock: one processor"),
)
STEADY_S = 6.0
"""More than the five seconds that a stock processor gathers."""
WARM_UP = 300


# --- the process that is measured --------------------------------------------------------------------


def child(variant: str, endpoint: str) -> None:
    """Makes spans when it is asked (`SPANS PAUSE_S`), flushes, and says what CPU the process took."""
    os.environ.update(OTEL_METRICS_EXPORTER="none", OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
    tracer, flush = prepared(variant, endpoint)
    for line in asked():
        spans, pause_s = line.split()
        before = time.process_time()
        make(tracer, int(spans), float(pause_s))
        is_flushed = flush()
        answer({"cpu_s": time.process_time() - before, "is_flushed": is_flushed})


def prepared(variant: str, endpoint: str) -> tuple[Any, Callable[[], bool]]:
    """A tracer of the variant, and what flushes it."""
    from opentelemetry.sdk.trace import TracerProvider

    # No queue of the stock processor may overflow in a burst: a span dropped would be a span saved.
    provider = TracerProvider(shutdown_on_exit=False)
    destinations = {"no exporter": 0}.get(variant, 2 if variant.endswith("two") else 1)
    if variant.startswith("ours"):
        import fastagentic
        from fastagentic.export.destinations.otlp import OTLPDestination

        chosen = [OTLPDestination(endpoint, name=f"otlp-{number}") for number in range(destinations)]
        fastagentic.instrument(destinations=chosen, clients=[], tracer_provider=provider)
        return provider.get_tracer("fastagentic", "1.0"), lambda: fastagentic.flush(60)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    for _ in range(destinations):
        exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=100_000))
    return provider.get_tracer("fastagentic", "1.0"), lambda: provider.force_flush(60_000)


def make(tracer: Any, spans: int, pause_s: float) -> None:
    """Spans of chat calls: 22 attributes each, of which five differ from span to span."""
    from opentelemetry.trace import SpanKind

    from encode import CALL, told

    for number in range(spans):
        span = tracer.start_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=CALL)
        span.set_attributes(told(number, span.get_span_context().trace_id))
        span.end()
        if pause_s:
            time.sleep(pause_s)


# --- the parent ----------------------------------------------------------------------------------------


def measure(rounds: int, spans: int, pause_s: float) -> list[dict[str, float]]:
    """Microseconds a span over a process without an exporter, by variant, round by round."""
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(
            Piped(["-m", "tests.export.receiver", "--http", "0", "--count-only", "--until-stdin-closes"])
        )
        endpoint = f"http://127.0.0.1:{receiver.said()['http']}"
        children = {variant: stack.enter_context(_child(variant, endpoint, stack)) for variant in VARIANTS}
        for process in children.values():
            process.ask(f"{WARM_UP} 0")
        found = []
        for number in range(rounds):
            first = number % len(VARIANTS)
            took = {name: _cpu_us(children[name], spans, pause_s) for name in (*VARIANTS[first:], *VARIANTS[:first])}
            found.append({name: took[name] - took["no exporter"] for name in VARIANTS[1:]})
    return found


def _child(variant: str, endpoint: str, stack: contextlib.ExitStack) -> Piped:
    home = stack.enter_context(tempfile.TemporaryDirectory(prefix="fastagentic-pipeline-"))
    return Piped([str(HERE / "pipeline.py"), "--child", variant, endpoint], {"FASTAGENTIC_HOME": home})


def _cpu_us(process: Piped, spans: int, pause_s: float) -> float:
    said = process.ask(f"{spans} {pause_s}")
    if not said["is_flushed"]:
        raise RuntimeError("not everything arrived: the figures would be of less work than was asked for")
    return said["cpu_s"] / spans * 1e6


def result(rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    figures = {name: statistics.median(one[name] for one in rounds) for name in VARIANTS[1:]}
    ratios = {}
    for name, against in RATIOS:
        pairs = [(one[name], one[against]) for one in rounds]
        ratios[f"{name} / {against}"] = (_ratio(pairs), *interval([pairs], _ratio))
    return {"us_a_span": figures, "ratios": ratios}


def _ratio(pairs: Sequence[tuple[float, float]]) -> float:
    return statistics.median(one for one, _ in pairs) / statistics.median(other for _, other in pairs)


def show(title: str, found: dict[str, Any], console: Console) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("", "us a span"):
        table.add_column(column, justify="right" if column else "left")
    for name, figure in found["us_a_span"].items():
        table.add_row(name, f"{figure:.1f}")
    console.print(table)
    for name, (ratio, low, high) in found["ratios"].items():
        console.print(f"  {name}: {ratio:.2f} (95 %: {low:.2f} to {high:.2f})")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--spans", type=int, default=2000, help="spans of a burst")
    parser.add_argument("--rate", type=int, default=200, help="spans a second of the steady load")
    parser.add_argument("--paced-rounds", type=int, default=4, help="rounds of the steady load, 30 s each; 0 for none")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return 0
    console, found = Console(stderr=options.json), {}
    loads = {
        f"a burst of {options.spans} spans": (options.rounds, options.spans, 0.0),
        f"{options.rate} spans a second": (options.paced_rounds, int(options.rate * STEADY_S), 1 / options.rate),
    }
    for title, load in loads.items():
        if load[0]:
            found[title] = result(measure(*load))
            show(title, found[title], console)
    if options.json:
        print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
