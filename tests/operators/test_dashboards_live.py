"""Every panel has something to show: its PromQL asked of a real Prometheus, which scrapes a real collector, which a real
workload sends to. What is compared with last week has a last week made for it.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboards.preview.history import openmetrics
from dashboards.preview.interpolate import View
from dashboards.src import known, promql, series

from .collector import Collector
from .prometheus import Prometheus, promtool
from .workload import performed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .workload import Truth

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "dashboards"
RULES = sorted((FOLDER / "rules").glob("*.yaml"))
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
QUERIES = [
    pytest.param(name, panel["title"], expr, id=f"{name}: {panel['title']} {at}")
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for at, expr in enumerate(known.promql(panel))
]
HEATMAPS = [
    pytest.param(known.promql(panel)[0], id=panel["title"])
    for dashboard in DASHBOARDS.values()
    for panel in dashboard["panels"]
    if panel["type"] == "heatmap"
]
MARKS = [
    pytest.param(name, mark["expr"], id=f"{name}: {mark['name']}")
    for name, dashboard in DASHBOARDS.items()
    for mark in dashboard["annotations"]["list"]
]
FELL_BACK = "SELECT DISTINCT target_path FROM calls WHERE fallback_used AND gateway = 'portkey'"
BUDGET_USD = 40.0

ONLY_ZERO = {
    "Rate-limited calls": "one call was limited, and a counter that begins at 1 has not grown yet",
    "Spans dropped": "nothing was lost",
    "Spans waiting": "nothing had to wait",
    "Spans spooled": "nothing had to wait",
}
"""Panels that show nothing but zero here, and why. None is empty."""


@dataclass(frozen=True)
class Live:
    """What was measured, and when."""

    prometheus: Prometheus
    truth: Truth
    view: View

    def ask(self, dashboard: str, expr: str, **chosen: str) -> list[tuple[dict[str, str], float]]:
        view = replace(self.view, chosen=chosen).of(DASHBOARDS[dashboard])
        return self.prometheus.query(view.promql(expr), at=view.end)


@pytest.fixture(scope="module")
def live(collector_binary: Path, prometheus_programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder, start = tmp_path_factory.mktemp("live"), time.time()
    budgets = f"month={BUDGET_USD}, month.action=warn"
    with (
        Collector(collector_binary, folder, "all-in-one.yaml") as collector,
        Prometheus(
            prometheus_programs, folder, scrape=[collector.prometheus_address], rules=RULES, interval="2s"
        ) as prometheus,
        performed(folder, otlp=collector.otlp_endpoint, calls=120, FASTAGENTIC_BUDGETS=budgets) as truth,
    ):
        prometheus.wait_for(f"sum({series.DURATION.count})", truth.total().calls)
        remember_last_week(prometheus, folder)
        prometheus.wait_for(f"sum({series.DURATION.count})", truth.total().calls)
        prometheus.wait_for("max(service:llm_budget_burn:ratio_rate1d)")
        end = time.time()
        yield Live(prometheus, truth, View(start, end, scrape_s=(end - start) / 4))  # $__rate_interval is all of it


def remember_last_week(prometheus: Prometheus, folder: Path) -> None:
    """Give the live series of cost a past a week ago, two hours of it."""
    costs, week_ago = prometheus.query(str(series.COST)), time.time() - 7 * 86400
    text = folder / "week-ago.txt"
    text.write_text("".join(openmetrics(costs, week_ago - 5400, week_ago + 1800, 60, times_an_hour=30)))
    prometheus.stop()
    made = promtool(prometheus.programs, "tsdb", "create-blocks-from", "openmetrics", text, folder / "tsdb")
    assert made.returncode == 0, made.stderr
    prometheus.start()


@pytest.mark.parametrize(("dashboard", "title", "expr"), QUERIES)
def test_a_panel_has_something_to_show(live: Live, dashboard: str, title: str, expr: str) -> None:
    found = live.ask(dashboard, expr)

    assert found, f"{title} is empty"
    assert title in ONLY_ZERO or any(value > 0 for _, value in found), found


def test_every_name_that_dashboards_know_is_a_series_of_the_pipeline(live: Live) -> None:
    arrived = {labels["__name__"] for labels in live.prometheus.series()}

    assert known.known_series() - arrived == set()


@pytest.mark.parametrize(("dashboard", "expr"), MARKS)
def test_what_marks_the_graphs_is_a_query_that_prometheus_takes(live: Live, dashboard: str, expr: str) -> None:
    live.ask(dashboard, expr)


def test_a_new_process_is_marked_as_a_deployment(live: Live) -> None:
    (deployments,) = (one["expr"] for one in DASHBOARDS["llm-cost"]["annotations"]["list"] if one["name"] == "Deployments")

    expr = live.view.of(DASHBOARDS["llm-cost"]).promql(deployments)
    marked = live.prometheus.query_range(expr, live.view.start, live.view.end, 5)
    assert [labels["job"] for labels, _ in marked] == [live.truth.service_name]


@pytest.mark.parametrize("variable", ["job", "instance", "service", "model"])
def test_a_variable_has_values_to_choose_from(live: Live, variable: str) -> None:
    (query,) = (one["query"] for one in DASHBOARDS["llm-cost"]["templating"]["list"] if one["name"] == variable)
    selector, label = re.fullmatch(r"label_values\((.*), (\w+)\)", query).groups()

    values = {labels.get(label) for labels, _ in live.ask("llm-cost", f"count by ({label}) ({selector})")}

    assert values - {None}


def test_a_model_that_is_chosen_is_the_only_one_shown(live: Live) -> None:
    expr = panel_query("llm-cost", "Spend per hour by model")
    models = {labels.get(series.MODEL) for labels, _ in live.ask("llm-cost", expr)}

    assert "gpt-4.1-mini" in models and len(models) > 2  # noqa: PT018  # one claim: there is something to choose from
    for model in models - {None}:
        assert {labels[series.MODEL] for labels, _ in live.ask("llm-cost", expr, model=str(model))} == {model}


def test_what_is_selected_by_default_misses_no_call(live: Live) -> None:
    """`.*`, not `.+`: a series without the label of the model is one of "All" as well."""
    everything = live.prometheus.value(f"sum({series.DURATION.count})")
    selected = live.ask("llm-cost", f"sum({promql.pick(series.DURATION.count)})")

    assert selected == [({}, everything)]


@pytest.mark.parametrize("expr", HEATMAPS)
def test_a_dot_of_a_heatmap_is_a_call_of_the_workload(live: Live, expr: str) -> None:
    view = live.view.of(DASHBOARDS["latency-tokens"])
    found = live.prometheus.exemplars(view.promql(expr), live.view.start, time.time())
    traces = {one["labels"]["trace_id"] for series_of in found for one in series_of["exemplars"]}

    assert traces
    assert traces <= {row["trace_id"] for row in live.truth.rows("SELECT trace_id FROM calls")}


def test_the_matrix_of_fallbacks_says_from_which_target_to_which(live: Live) -> None:
    found = live.ask("gateway-reliability", panel_query("gateway-reliability", "Fallbacks, from and to"))
    pairs = {(labels[series.FALLBACK_FROM], labels[series.FALLBACK_TO]) for labels, _ in found}
    reached = {row["target_path"] for row in live.truth.rows(FELL_BACK)}

    assert reached
    assert {("config.targets[0]", target) for target in reached} <= pairs


def panel_query(dashboard: str, title: str) -> str:
    (panel,) = (one for one in DASHBOARDS[dashboard]["panels"] if one["title"] == title)
    return known.promql(panel)[0]
