"""Spans and metrics in memory: ids count from 1 and the clock ticks, so that snapshots need no masking.

The fixtures `memory` and `recorded` hand them out; `snapshot` and `as_tree` say what to compare.
"""

from __future__ import annotations

import gc
import itertools
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import opentelemetry.sdk.trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import pytest
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

FIRST_NS = 1_767_225_600_000_000_000
"""2026-01-01 00:00:00 UTC: when the clock starts."""


class CountingIds(IdGenerator):
    """Trace ids 1, 2, 3 ... and span ids 1, 2, 3 ..."""

    def __init__(self) -> None:
        self._traces = itertools.count(1)
        self._spans = itertools.count(1)

    def generate_trace_id(self) -> int:
        return next(self._traces)

    def generate_span_id(self) -> int:
        return next(self._spans)


class TickingClock:
    """Stands in for the module `time`: every look finds it `step_s` later. All else is the real module's."""

    def __init__(self, step_s: float = 0.001) -> None:
        self._ticks = itertools.count()
        self._step_ns = int(step_s * 1e9)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def time_ns(self) -> int:
        return FIRST_NS + next(self._ticks) * self._step_ns

    def perf_counter(self) -> float:
        return next(self._ticks) * self._step_ns / 1e9

    def time(self) -> float:
        return self.time_ns() / 1e9


def tick(monkeypatch: pytest.MonkeyPatch, clock: TickingClock) -> None:
    """Put the clock where spans get their times: the SDK, our observer and our clients. Threads need the real one."""
    monkeypatch.setattr(opentelemetry.sdk.trace, "time_ns", clock.time_ns)
    for name, module in list(sys.modules.items()):
        if name.startswith(("fastagentic.observe", "fastagentic.clients")) and vars(module).get("time") is time:
            monkeypatch.setattr(module, "time", clock)


class Keeper(SpanProcessor):
    """Keeps the spans that ended, in order, and knows those that have not."""

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []
        self.open: dict[int, str] = {}

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        self.open[span.context.span_id] = span.name

    def on_end(self, span: ReadableSpan) -> None:
        self.open.pop(span.context.span_id, None)
        self.ended.append(span)


@dataclass
class Memory:
    """A tracer and a meter provider whose telemetry stays here."""

    keeper: Keeper = field(default_factory=Keeper)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)

    def __post_init__(self) -> None:
        self.tracer_provider = TracerProvider(id_generator=CountingIds(), shutdown_on_exit=False)
        self.tracer_provider.add_span_processor(self.keeper)
        self.meter_provider = MeterProvider([self.reader], shutdown_on_exit=False)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that ended, in the order in which they did."""
        return list(self.keeper.ended)

    @property
    def span(self) -> ReadableSpan:
        """The only span that ended."""
        (span,) = self.keeper.ended
        return span

    @property
    def tree(self) -> list[Snapshot]:
        """All spans that ended, as `as_tree` tells them."""
        return as_tree(self.spans)

    @property
    def metrics(self) -> dict[str, list[tuple[dict[str, Any], Any]]]:
        """Metric name -> (attributes, value) of each point; of a histogram's point, (count, sum)."""
        found: dict[str, list[tuple[dict[str, Any], Any]]] = {}
        data = self.reader.get_metrics_data()
        for metric in _metrics_of(data):
            found[metric.name] = [(dict(point.attributes or {}), _value(point)) for point in metric.data.data_points]
        return found

    def still_open(self) -> list[str]:
        """Names of spans that were started and not ended, the garbage collector having had its chance."""
        if self.keeper.open:
            gc.collect()
        return list(self.keeper.open.values())

    def shutdown(self) -> None:
        """End both providers."""
        self.tracer_provider.shutdown()
        self.meter_provider.shutdown()


Snapshot = tuple[str, str | None, dict[str, Any]]


def snapshot(span: ReadableSpan, names: Mapping[int, str] | None = None) -> Snapshot:
    """(name, parent's name, attributes) of a span; `names` has the names of the spans around it, by id."""
    parent = None if span.parent is None else (names or {}).get(span.parent.span_id, f"span {span.parent.span_id}")
    return span.name, parent, dict(sorted((span.attributes or {}).items()))


def as_tree(spans: Iterable[ReadableSpan]) -> list[Snapshot]:
    """Snapshots of the spans, parents before their children, siblings as they were started."""
    spans = list(spans)
    names = {span.context.span_id: span.name for span in spans}
    return [snapshot(span, names) for span in _below(None, spans, set(names))]


def _below(parent: int | None, spans: list[ReadableSpan], known: set[int]) -> Iterator[ReadableSpan]:
    for span in sorted(spans, key=lambda span: (span.start_time or 0, span.context.span_id)):
        above = None if span.parent is None or span.parent.span_id not in known else span.parent.span_id
        if above == parent:
            yield span
            yield from _below(span.context.span_id, spans, known)


def _metrics_of(data: Any) -> Iterator[Any]:
    for resource in data.resource_metrics if data is not None else ():
        for scope in resource.scope_metrics:
            yield from scope.metrics


def _value(point: Any) -> Any:
    return (point.count, point.sum) if isinstance(point, HistogramDataPoint) else point.value
