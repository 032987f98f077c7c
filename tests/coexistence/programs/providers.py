"""Another owner of tracing beside us: `providers.py VENDOR ORDER`, one run with one call and one span of theirs in it.

Prints what each side has got, and what OpenTelemetry and the vendor complained of.
"""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import httpx
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import fastagentic
from fastagentic.export.destination import Accepted
from fastagentic.store.location import store_path
from fastagentic.store.reader import open_store

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1764000000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Four cents."}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
}
THEIRS = "their own work"
exporter = InMemorySpanExporter()
envelopes: list[Any] = []
complaints: list[str] = []


class Complaints(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        complaints.append(f"{record.name}: {record.getMessage()}")


class Kept:
    """A destination of ours that keeps the names of what it is sent."""

    name, endpoint = "kept", "test:kept"

    def __init__(self) -> None:
        self.names: list[str] = []

    def wants(self, span: Any) -> bool:
        self.names.append(span.name)
        return True

    def dress(self, span: Any) -> None:
        return None

    def send(self, payload: Any, timeout_s: float) -> Accepted:
        return Accepted()

    def close(self) -> None:
        pass


def plain() -> Any:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return lambda: trace.get_tracer("theirs").start_as_current_span(THEIRS)


def logfire() -> Any:
    import logfire

    logfire.configure(
        send_to_logfire=False, console=False, inspect_arguments=False,
        additional_span_processors=[SimpleSpanProcessor(exporter)],
    )  # fmt: skip
    return lambda: logfire.span(THEIRS)


def sentry() -> Any:
    import sentry_sdk

    class Transport(sentry_sdk.transport.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            envelopes.extend(item.payload.json for item in envelope.items if item.type == "transaction")

    sentry_sdk.init(dsn="http://public@127.0.0.1:9/1", transport=Transport, traces_sample_rate=1.0)
    return lambda: sentry_sdk.start_transaction(name=THEIRS, op="task")


def call() -> None:
    from portkey_ai import Portkey

    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=ANSWER, headers={"x-portkey-provider": "openai"}))
    client = Portkey(
        api_key="pk", provider="openai", base_url="http://127.0.0.1:9/v1", http_client=httpx.Client(transport=transport)
    )
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "What did it cost?"}])


def main() -> None:
    vendor, order = sys.argv[1:]
    logging.getLogger().addHandler(Complaints(logging.WARNING))
    kept = Kept()

    def ours() -> None:
        fastagentic.instrument(destinations=["local", kept])

    if order == "theirs first":
        theirs = globals()[vendor]()
        ours()
    else:
        ours()
        theirs = globals()[vendor]()
    with theirs(), fastagentic.run("nightly"):
        call()
    flushed = fastagentic.flush(10)
    with open_store(store_path()) as connection:
        stored = [name for (name,) in connection.execute("SELECT name FROM spans ORDER BY started_ns")]
    print(
        json.dumps(
            {
                "flushed": flushed,
                "stored": stored,
                "sent": sorted(kept.names),
                "theirs": sorted(
                    {span.name for span in exporter.get_finished_spans()} | {one["transaction"] for one in envelopes}
                ),
                "traces": len({span.context.trace_id for span in exporter.get_finished_spans()}),
                "complaints": complaints,
            }
        )
    )


if __name__ == "__main__":
    main()
