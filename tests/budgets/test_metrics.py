"""The month's budget is a gauge, so that dashboards can draw it beside what was spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import fastagentic
from fastagentic.core import names

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from fastagentic.core.budget import Budgets


def gauge(reader: InMemoryMetricReader) -> list[tuple[float, str, dict[str, object]]]:
    """(value, unit, attributes) of every point of the gauge."""
    data = reader.get_metrics_data()
    return [
        (point.value, metric.unit, dict(point.attributes or {}))  # type: ignore[union-attr]
        for of in (data.resource_metrics if data is not None else ())
        for scope in of.scope_metrics
        for metric in scope.metrics
        if metric.name == names.BUDGET
        for point in metric.data.data_points
    ]


def instrumented(budgets: dict[str, object] | Budgets | str | None = None) -> InMemoryMetricReader:
    reader = InMemoryMetricReader()
    fastagentic.instrument(destinations=[], budgets=budgets, meter_provider=MeterProvider(metric_readers=[reader]))
    return reader


def test_the_months_budget_is_a_gauge_in_usd() -> None:
    assert gauge(instrumented({"month": {"usd": 500, "action": "warn"}})) == [(500.0, "USD", {})]


def test_it_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_BUDGETS", "month=12.50")

    assert gauge(instrumented())[0][0] == 12.5


def test_it_may_come_from_the_settings_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "fastagentic.toml").write_text("[budgets]\nmonth = 800\n")
    monkeypatch.chdir(tmp_path)

    assert gauge(instrumented())[0][0] == 800.0


def test_without_a_months_budget_there_is_no_gauge() -> None:
    assert gauge(instrumented("run=0.50")) == []


def test_nothing_is_said_any_more_once_it_is_off() -> None:
    reader = instrumented("month=500")
    fastagentic.uninstrument()

    assert gauge(reader) == []
