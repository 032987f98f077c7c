"""How panels look: one function a kind, each with a unit, and the defaults that all panels of the kind share.

What comes back is the SDK's builder, so a panel function can go on: `look.number(...).decimals(4)`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from grafana_foundation_sdk.builders import bargauge, common, heatmap, prometheus, stat, table, tempo, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as dashboards
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from . import promql
from .clickhouse import Query
from .variables import CLICKHOUSE, LANGFUSE, PROMETHEUS, TEMPO

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder

    from .series import Histogram

GREEN, ORANGE, RED = "green", "orange", "red"
CALM: Final = ((None, "blue"),)  # a number that is neither good nor bad
NONE: Final = "none"

Steps = tuple[tuple[float | None, str], ...]


def ask(expr: str, legend: str = "", *, ref: str = "A", at_once: bool = False, exemplars: bool = False) -> prometheus.Dataquery:
    """One Prometheus query: over time, or `at_once` for a number or a table of now."""
    query = prometheus.Dataquery().expr(expr).ref_id(ref).legend_format(legend or "__auto").exemplar(exemplars)
    return query.instant() if at_once else query.range()


def by(*labels: str) -> str:
    """A legend that calls a line by the values of its labels."""
    return " ".join(f"{{{{{label}}}}}" for label in labels)


def over(first: float, then: float) -> Steps:
    """Green, orange from `first` on, red from `then` on."""
    return ((None, GREEN), (first, ORANGE), (then, RED))


def under(first: float, then: float) -> Steps:
    """Green, orange below `first`, red below `then`."""
    return ((None, RED), (then, ORANGE), (first, GREEN))


def thresholds(steps: Steps) -> builders.ThresholdsConfig:
    """At which value which colour begins."""
    config = builders.ThresholdsConfig().mode(dashboards.ThresholdsMode.ABSOLUTE)
    return config.steps([dashboards.Threshold(color=colour, value=value) for value, colour in steps])


def stat_of(unit: str, steps: Steps = CALM) -> stat.Panel:
    """A number, without the query that gives it."""
    panel = stat.Panel().unit(unit).thresholds(thresholds(steps)).graph_mode(options.BigValueGraphMode.NONE)
    panel.color_mode(options.BigValueColorMode.VALUE)
    return panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))


def number(unit: str, expr: str, steps: Steps = CALM) -> stat.Panel:
    """One number, as it is now, from Prometheus."""
    return stat_of(unit, steps).datasource(PROMETHEUS).with_target(ask(expr, at_once=True))


def number_from_clickhouse(unit: str, sql: str, steps: Steps = CALM) -> stat.Panel:
    """One number from ClickHouse."""
    return stat_of(unit, steps).datasource(CLICKHOUSE).with_target(Query(sql))


def lines(unit: str, *queries: tuple[str, str], steps: Steps | None = None, exemplars: bool = False) -> timeseries.Panel:
    """Lines over time. Each query is PromQL and its legend; `steps` draws a line at each threshold."""
    panel = timeseries.Panel().unit(unit).datasource(PROMETHEUS).line_width(2).fill_opacity(8).axis_soft_min(0)
    panel.show_points(options.VisibilityMode.NEVER).span_nulls(False)
    legend = common.VizLegendOptions().show_legend(True).display_mode(options.LegendDisplayMode.TABLE)
    panel.legend(legend.placement(options.LegendPlacement.BOTTOM).calcs(["max", "lastNotNull"]))
    panel.tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
    for at, (expr, name) in enumerate(queries):
        panel.with_target(ask(expr, name, ref=chr(ord("A") + at), exemplars=exemplars))
    if steps is not None:
        style = common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(thresholds(steps)).thresholds_style(style)
    return panel


def stacked(unit: str, *queries: tuple[str, str]) -> timeseries.Panel:
    """Areas on top of one another: their sum means something."""
    panel = lines(unit, *queries).fill_opacity(45).line_width(1)
    return panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL).group("A"))


def bars(unit: str, expr: str, legend: str, steps: Steps = CALM) -> bargauge.Panel:
    """A bar for each series, as it is now."""
    panel = bargauge.Panel().unit(unit).datasource(PROMETHEUS).thresholds(thresholds(steps)).min(0)
    panel.orientation(options.VizOrientation.HORIZONTAL).display_mode(options.BarGaugeDisplayMode.BASIC)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return panel.with_target(ask(expr, legend, at_once=True))


def heat(unit: str, histogram: Histogram, *where: str) -> heatmap.Panel:
    """How measurements spread over a histogram's buckets over time; the dots are exemplars and lead to a trace."""
    panel = heatmap.Panel().unit(unit).datasource(PROMETHEUS).calculate(False)
    panel.y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(options.AxisPlacement.LEFT))
    panel.color(heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64))
    panel.filter_values(heatmap.FilterValueRange().le(1e-9)).cell_gap(1).exemplars_color("rgba(0, 120, 255, 0.8)")
    panel.tooltip(heatmap.HeatmapTooltip().mode(options.TooltipDisplayMode.SINGLE).y_histogram(True)).show_legend()
    query = ask(promql.buckets(histogram, *where), "{{le}}", exemplars=True)
    return panel.with_target(query.format(PromQueryFormat.HEATMAP))


def columns(panel: table.Panel, units: dict[str, str]) -> table.Panel:
    """Give columns their units."""
    for name, unit in units.items():
        panel.override_by_name(name, [dashboards.DynamicConfigValue(id_val="unit", value=unit)])
    return panel


def table_of(units: dict[str, str], sql: str) -> table.Panel:
    """A table from ClickHouse. `units` are those of its columns that have one; `none` is for the rest."""
    panel = table.Panel().unit(NONE).datasource(CLICKHOUSE).filterable(True).with_target(Query(sql))
    panel.cell_height(options.TableCellHeight.SM)
    return columns(panel, units)


def over_time_from_clickhouse(unit: str, sql: str) -> timeseries.Panel:
    """Bars over time from ClickHouse, on top of one another: columns time, name, value."""
    panel = stacked(unit).datasource(CLICKHOUSE).draw_style(options.GraphDrawStyle.BARS).fill_opacity(70).line_width(0)
    return panel.with_target(Query(sql, is_over_time=True))


def table_of_now(units: dict[str, str], expr: str, names: dict[str, str]) -> table.Panel:
    """A table from Prometheus, as it is now. `names` says which labels become columns, in order, and `Value` with them."""
    panel = table.Panel().unit(NONE).datasource(PROMETHEUS).filterable(True).cell_height(options.TableCellHeight.SM)
    panel.with_target(ask(expr, at_once=True).format(PromQueryFormat.TABLE))
    return columns(_renamed(panel, names), units)


def matrix_of_now(unit: str, expr: str, names: dict[str, str]) -> table.Panel:
    """A table with one label down and another across. `names` has these two, in this order, and what they are called."""
    panel = table.Panel().unit(unit).datasource(PROMETHEUS).cell_height(options.TableCellHeight.SM)
    panel.thresholds(thresholds(((None, "transparent"), (1, ORANGE)))).cell_options(options.TableColoredBackgroundCellOptions())
    panel.with_target(ask(expr, at_once=True).format(PromQueryFormat.TABLE))
    down, across = names.values()
    crossed = {"rowField": down, "columnField": across, "valueField": "Value", "emptyValue": "null"}
    _renamed(panel, {**names, "Value": "Value"})
    return panel.with_transformation(dashboards.DataTransformerConfig(id_val="groupingToMatrix", options=crossed))


def _renamed(panel: table.Panel, names: dict[str, str]) -> table.Panel:
    order = {"excludeByName": {"Time": True}, "indexByName": {name: at for at, name in enumerate(names)}, "renameByName": names}
    return panel.with_transformation(dashboards.DataTransformerConfig(id_val="organize", options=order))


def links(*titles_and_urls: tuple[str, str]) -> list[Builder[dashboards.DashboardLink]]:
    """Where a click on a value leads."""
    found: list[Builder[dashboards.DashboardLink]] = []
    for title, url in titles_and_urls:
        found.append(builders.DashboardLink(title).url(url).target_blank(not url.startswith("/d/")))
    return found


def dashed() -> list[dashboards.DynamicConfigValue]:
    """What makes a line a dashed one."""
    style = {"fill": "dash", "dash": [6, 6]}
    return [
        dashboards.DynamicConfigValue(id_val="custom.lineStyle", value=style),
        dashboards.DynamicConfigValue(id_val="custom.fillOpacity", value=0),
    ]


def link_cells(panel: table.Panel, column: str, *titles_and_urls: tuple[str, str]) -> table.Panel:
    """Links from the cells of a column."""
    found = [{"title": title, "url": url, "targetBlank": not url.startswith("/d/")} for title, url in titles_and_urls]
    return panel.override_by_name(column, [dashboards.DynamicConfigValue(id_val="links", value=found)])


def to_run(panel: table.Panel, column: str) -> table.Panel:
    """From a run id: to the run in the Run Explorer, in Langfuse and in Tempo. The three know it by the same id."""
    value = "${__value.raw}"
    return link_cells(
        panel,
        column,
        ("Show this run", f"/d/fastagentic-run-explorer?var-run_id={value}&${{__url_time_range}}"),
        ("Open in Langfuse", f"{LANGFUSE}/traces/{value}"),
        ("Open in Tempo", _in_tempo(value)),
    )


def traces(traceql: str) -> table.Panel:
    """Traces from Tempo, which has those that sampling kept: all that failed, were dear, slow or fell back, and some others."""
    panel = table.Panel().unit(NONE).datasource(TEMPO).cell_height(options.TableCellHeight.SM)
    panel.with_target(tempo.Dataquery().ref_id("A").query_type("traceql").limit(20).query(traceql))
    return link_cells(panel, "traceID", ("Open in Langfuse", f"{LANGFUSE}/traces/${{__value.raw}}"))


def _in_tempo(trace_id: str) -> str:
    source = {"type": "tempo", "uid": TEMPO.uid}
    query = {"refId": "A", "datasource": source, "queryType": "traceql", "query": trace_id}
    panes = {"run": {"datasource": TEMPO.uid, "queries": [query], "range": {"from": "now-7d", "to": "now"}}}
    return "/explore?schemaVersion=1&panes=" + quote(json.dumps(panes, separators=(",", ":")), safe="${}._:,[]")
