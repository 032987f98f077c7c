"""The one span processor of ours on a provider: ended spans to the sinks, and encoded once to every delivery.

A processor cannot be taken off a provider again: this one stays, and is empty while nothing is instrumented.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.sdk.trace import SpanProcessor

from fastagentic.core.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from .chosen import Chosen
    from .delivery import Delivery

WINDOW_S: Final = 0.25
"""How long spans gather before they are encoded: what a SIGKILL can take, without `durability="crash"`."""
CROWDED: Final = 10_000
"""Spans waiting to be encoded, from which on callers encode their own: a burst costs time then, and no span."""
LAST_LOOK_S: Final = 0.05

_pipelines: Final[list[tuple[weakref.ref[Any], Pipeline]]] = []
"""A few at most. By identity: Logfire's provider is not hashable."""


class Sink(Protocol):
    """A destination inside the process, which takes spans as they are: the local store, the console."""

    def put(self, span: ReadableSpan) -> None:
        """Queue an ended span. Called on the caller's thread: it must not wait."""

    def flush(self, timeout_s: float) -> bool:
        """Whether all that was put before has arrived."""

    def close(self, timeout_s: float) -> bool:
        """Flush, and give everything back."""


def pipeline_on(provider: Any) -> Pipeline | None:
    """Our processor on a provider, added when it is not there yet; None when the provider takes no processors."""
    pipeline = next((pipeline for one, pipeline in _pipelines if one() is provider), None)
    if pipeline is None and hasattr(provider, "add_span_processor"):
        pipeline = Pipeline()
        _pipelines.append((weakref.ref(provider), pipeline))
        provider.add_span_processor(pipeline)
    _pipelines[:] = [(one, pipeline) for one, pipeline in _pipelines if one() is not None]
    return pipeline


class Pipeline(SpanProcessor):
    """Hands ended spans on; queues of its own and of the destinations keep the rest off the caller's path."""

    def __init__(self) -> None:
        self.sinks: Sequence[Sink] = ()
        self.deliveries: Sequence[Delivery] = ()
        self.is_durable = False
        """Whether a span is on disk before the call returns (`durability="crash"`)."""
        # Without an end: a crowd is met by `on_end`, and nothing is dropped here.
        self._worker: Worker[ReadableSpan] = Worker("fastagentic-export", self._encode, window_s=WINDOW_S, capacity=1 << 60)

    def open(self, chosen: Chosen) -> None:
        """Hand spans to these from here on; what dead processes have left for the deliveries goes out at once."""
        self.sinks, self.deliveries, self.is_durable = chosen.sinks, chosen.deliveries, chosen.is_durable
        for delivery in chosen.deliveries:
            delivery.start()

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: destinations see spans that have ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Pass an ended span on. What was sampled out goes to the sinks alone: it does not leave the process."""
        for sink in self.sinks:
            sink.put(span)
        if self.deliveries and span.context.trace_flags.sampled:
            if self.is_durable or self._worker.waiting >= CROWDED:
                self._encode([span])
            else:
                self._worker.put(span)

    def flush(self, timeout_s: float) -> bool:
        """Flush all destinations side by side; True when every one of them has acknowledged everything in time."""
        deadline = time.monotonic() + timeout_s
        is_encoded = not self.deliveries or self._worker.flush(timeout_s)
        return side_by_side([target.flush for target in self._targets()], deadline) and is_encoded

    def force_flush(self, timeout_millis: int = 5_000) -> bool:
        """As the SDK asks for it, when the user flushes the provider."""
        return self.flush(timeout_millis / 1000)

    def close(self, timeout_s: float) -> bool:
        """Let go of the destinations, each of which delivers what it can in the time."""
        deadline = time.monotonic() + timeout_s
        is_encoded = self._worker.close(timeout_s)
        targets = self._targets()
        self.sinks = self.deliveries = ()
        return side_by_side([target.close for target in targets], deadline) and is_encoded

    def _targets(self) -> list[Sink | Delivery]:
        return [*self.sinks, *self.deliveries]

    def shutdown(self) -> None:
        """The provider shuts down, for good: so do the destinations."""
        self.close(5.0)

    def _encode(self, spans: Sequence[ReadableSpan]) -> None:
        from .encoding import deliver  # by now something is to be sent, and its modules are there

        deliver(spans, self.deliveries)


def side_by_side(calls: Sequence[Callable[[float], bool]], deadline: float) -> bool:
    """Call all of them at once with the time that is left; whether each of them said True before the deadline."""
    results: list[bool] = []

    def call(one: Callable[[float], bool]) -> None:
        results.append(one(max(0.0, deadline - time.monotonic())))

    threads = [threading.Thread(target=call, args=(one,), daemon=True) for one in calls[1:]]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:  # the interpreter is shutting down and starts no threads: set all going, then wait for each
        for one in calls:
            one(0.0)
        results = [one(max(LAST_LOOK_S, deadline - time.monotonic())) for one in calls]
        return all(results)
    if calls:
        call(calls[0])
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return len(results) == len(calls) and all(results)
