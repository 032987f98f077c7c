"""What a span costs on its way to OTLP bytes: ours against the stock encoder, and what several destinations add.

    .venv/bin/python benchmarks/encode.py [--rounds 15] [--spans 512] [--json]

Every step runs in turn within each round of one process, so that a busy machine slows all of them alike; figures are
medians over rounds, microseconds of the thread's CPU a span. The span is that of a chat call, 22 attributes, in requests of
`--spans`; ids, tokens, cost and times differ from span to span, for compression is good at equal ones. Trust the ratios, not
the digits. Nothing here asserts a time.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import time
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.trace import SpanKind
from rich.console import Console
from rich.table import Table

from fastagentic.export.encode import dressed, encode_attributes, encode_span, frame_of, request
from fastagentic.export.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CALL = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o-mini",
    "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
    "gen_ai.response.finish_reasons": ("stop",),
    "gen_ai.usage.cache_read.input_tokens": 400,
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.max_tokens": 512,
    "fastagentic.cost.source": "price_table",
    "fastagentic.gateway": "portkey",
    "fastagentic.cache.status": "miss",
    "fastagentic.cache.hit": False,
    "fastagentic.retries": 0,
    "fastagentic.fallback.used": False,
    "server.address": "api.portkey.ai",
    "server.port": 443,
    "user.id": "u-42",
}
DRESS = {"langfuse.observation.type": "generation", "langfuse.session.id": "s-1"}

Step = tuple[str, "Callable[[], object]", str]
"""A name, the work for all spans, and the name of the step that it is compared with."""


def told(number: int, trace_id: int) -> dict[str, str | int | float]:
    """What differs from span to span."""
    return {
        "gen_ai.response.id": f"chatcmpl-{number * 7919:08x}",
        "gen_ai.usage.input_tokens": 1000 + number * 37 % 900,
        "gen_ai.usage.output_tokens": 200 + number * 17 % 300,
        "gen_ai.usage.cost": 0.00024 + number * 1e-7,
        "fastagentic.run.id": f"{trace_id:032x}",
    }


def recorded(spans: int) -> list[ReadableSpan]:
    """Spans of chat calls, each below the span of a run."""
    tracer = TracerProvider(shutdown_on_exit=False).get_tracer("fastagentic", "1.0")
    ended = []
    for number in range(spans):
        with tracer.start_as_current_span("run") as run:
            span = tracer.start_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=CALL)
            span.set_attributes(told(number, run.get_span_context().trace_id))
            span.end()
            assert isinstance(span, ReadableSpan)
            ended.append(span)
    return ended


def steps(spans: Sequence[ReadableSpan]) -> list[Step]:
    """What is measured. To send to two is to encode twice with the stock exporters, and to encode once and dress with ours."""

    def stock() -> bytes:
        return encode_spans(spans).SerializeToString()

    def encoded() -> list[bytes]:
        return [encode_span(span) for span in spans]

    def records(bodies: Sequence[bytes]) -> list[Record]:
        return [Record(frame_of(span), body, 1, 0) for span, body in zip(spans, bodies, strict=True)]

    def ours(destinations: int) -> None:
        bodies = encoded()
        request(records(bodies))
        for _ in range(1, destinations):
            request(records([dressed(body, encode_attributes(DRESS)) for body in bodies]))

    bodies, extra = encoded(), encode_attributes(DRESS)
    payload = stock()
    return [
        ("stock: one destination", stock, "stock: one destination"),
        ("ours: one destination", lambda: ours(1), "stock: one destination"),
        ("stock: two destinations", lambda: (stock(), stock()), "stock: one destination"),
        ("ours: two destinations", lambda: ours(2), "stock: two destinations"),
        ("  encode a span", encoded, "ours: one destination"),
        ("  encode 2 attributes more", lambda: [encode_attributes(DRESS) for _ in spans], "ours: one destination"),
        ("  dress it with them", lambda: [dressed(body, extra) for body in bodies], "ours: one destination"),
        ("  frame, record, request", lambda: request(records(bodies)), "ours: one destination"),
        *[
            (f"gzip level {level}", lambda level=level: gzip.compress(payload, level), "ours: one destination")
            for level in (1, 6, 9)
        ],
    ]


def measure(measured: Sequence[Step], rounds: int, spans: int) -> dict[str, float]:
    seen: dict[str, list[float]] = {name: [] for name, _, _ in measured}
    for number in range(rounds):
        first = number % len(measured)
        for name, work, _ in (*measured[first:], *measured[:first]):
            started = time.thread_time()
            work()
            seen[name].append((time.thread_time() - started) / spans * 1e6)
    return {name: statistics.median(times) for name, times in seen.items()}


def sizes(spans: Sequence[ReadableSpan]) -> dict[str, float]:
    payload = encode_spans(spans).SerializeToString()
    packed = {f"gzip level {level}": len(gzip.compress(payload, level)) for level in (1, 6, 9)}
    return {name: size / len(spans) for name, size in {"a request": len(payload), **packed}.items()}


def show(measured: Sequence[Step], figures: dict[str, float], bytes_a_span: dict[str, float], console: Console) -> None:
    table = Table(title="a span of 22 attributes to OTLP bytes", title_justify="left")
    for column in ("", "us a span", "ratio", "to"):
        table.add_column(column, justify="left" if column in ("", "to") else "right")
    for name, _, against in measured:
        ratio = "" if name == against else f"{figures[name] / figures[against]:.2f}"
        table.add_row(name, f"{figures[name]:.2f}", ratio, against if ratio else "")
    console.print(table)
    console.print("bytes a span: " + ", ".join(f"{name} {size:.0f}" for name, size in bytes_a_span.items()))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--spans", type=int, default=512, help="spans a request")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    spans = recorded(options.spans)
    measured = steps(spans)
    measure(measured, 2, len(spans))
    figures, bytes_a_span = measure(measured, options.rounds, len(spans)), sizes(spans)
    show(measured, figures, bytes_a_span, Console(stderr=options.json))
    if options.json:
        print(json.dumps({"us_a_span": figures, "bytes_a_span": bytes_a_span}, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
