"""The one span processor of ours on a provider, and the destinations behind it.

A processor cannot be taken off a provider again: this one stays, and is empty while nothing is instrumented.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import SpanProcessor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

_pipelines: Final[weakref.WeakKeyDictionary[Any, Pipeline]] = weakref.WeakKeyDictionary()


def pipeline_on(provider: Any) -> Pipeline | None:
    """Our processor on a provider, added when it is not there yet; None when the provider takes no processors."""
    pipeline = _pipelines.get(provider)
    if pipeline is None and hasattr(provider, "add_span_processor"):
        pipeline = _pipelines[provider] = Pipeline()
        provider.add_span_processor(pipeline)
    return pipeline


class Pipeline(SpanProcessor):
    """Hands ended spans to each destination in turn; a destination's own queue keeps it off the caller's path."""

    def __init__(self) -> None:
        self.destinations: Sequence[SpanProcessor] = ()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: destinations see spans that have ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Pass an ended span on."""
        for destination in self.destinations:
            destination.on_end(span)

    def force_flush(self, timeout_millis: int = 5_000) -> bool:
        """Flush all destinations side by side; True when every one of them has taken everything in time."""
        deadline = time.monotonic() + timeout_millis / 1000
        results: dict[int, bool] = {}
        threads = [
            threading.Thread(target=_flush, args=(destination, deadline, results, number), daemon=True)
            for number, destination in enumerate(self.destinations[1:], start=1)
        ]
        for thread in threads:
            thread.start()
        if self.destinations:
            _flush(self.destinations[0], deadline, results, 0)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return len(results) == len(self.destinations) and all(results.values())

    def shutdown(self) -> None:
        """The provider shuts down: so do the destinations."""
        for destination in self.destinations:
            destination.shutdown()


def _flush(destination: SpanProcessor, deadline: float, results: dict[int, bool], number: int) -> None:
    left_ms = max(0.0, deadline - time.monotonic()) * 1000
    results[number] = destination.force_flush(int(left_ms))
