"""The pipeline says what it delivered, spooled and dropped, by destination, whenever somebody collects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import fastagentic
from fastagentic.core import names
from fastagentic.export.destination import Accepted, Later, Malformed

from .test_delivery import Scripted

if TYPE_CHECKING:
    import pytest


def told(reader: InMemoryMetricReader) -> dict[tuple[str, str], float]:
    """Every point of the pipeline's own metrics: (metric, destination) to value."""
    data = reader.get_metrics_data()
    found: dict[tuple[str, str], float] = {}
    for of in data.resource_metrics if data is not None else ():
        for scope in of.scope_metrics:
            for metric in scope.metrics:
                if metric.name.startswith("fastagentic.export."):
                    for point in metric.data.data_points:
                        found[metric.name, str((point.attributes or {})[names.DESTINATION])] = point.value  # type: ignore[union-attr]
    return found


def observed(destination: Any, runs: int, flush_s: float = 5) -> dict[tuple[str, str], float]:
    reader = InMemoryMetricReader()
    fastagentic.instrument(destinations=[destination], meter_provider=MeterProvider(metric_readers=[reader]))
    for number in range(runs):
        with fastagentic.run(f"{number}"):
            pass
    fastagentic.flush(flush_s)
    return told(reader)


def test_what_was_delivered_is_counted() -> None:
    counted = observed(Scripted(Accepted()), runs=3)
    assert counted[names.EXPORT_DELIVERED, "scripted"] == 3
    assert counted[names.EXPORT_DROPPED, "scripted"] == 0


def test_what_had_to_wait_is_counted_once_however_often_it_was_tried() -> None:
    counted = observed(Scripted(Later("503"), Later("503"), Accepted()), runs=3)
    assert counted[names.EXPORT_SPOOLED, "scripted"] == 3
    assert counted[names.EXPORT_DELIVERED, "scripted"] == 3


def test_what_waits_is_told_as_long_as_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_EXIT_TIMEOUT", "1s")
    assert observed(Scripted(*[Later("503")] * 1000), runs=3, flush_s=0.1)[names.EXPORT_WAITING, "scripted"] == 3
    fastagentic.uninstrument()
    assert observed(Scripted(Accepted()), runs=3)[names.EXPORT_WAITING, "scripted"] == 0


def test_what_was_set_aside_is_not_counted_as_delivered() -> None:
    assert observed(Scripted(Malformed("400")), runs=3)[names.EXPORT_DELIVERED, "scripted"] == 0


def test_nothing_is_said_any_more_once_it_is_off() -> None:
    reader = InMemoryMetricReader()
    fastagentic.instrument(destinations=[Scripted()], meter_provider=MeterProvider(metric_readers=[reader]))
    fastagentic.uninstrument()
    assert not told(reader)
