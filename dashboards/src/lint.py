"""What must hold of a dashboard's JSON: that Grafana understands it, and that it does not mislead.

Grafana's own linter does not come through the Go module proxy; these are its rules that matter here, and those that it lacks:
traps in which a panel shows a number, and the number is wrong.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from .board import COLUMNS
from .known import MATCHER, SELECTOR, promql, unknown_in

if TYPE_CHECKING:
    from collections.abc import Iterator

UNITS: Final = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}

# Panels that compare fixed spans of time, whatever is on display, and so cannot use Grafana's windows.
FIXED_WINDOWS: Final = {"Projected month", "Against last week", "Spend per hour, now and a week ago"}

WINDOW: Final = re.compile(r"\b(?:rate|irate|increase)\(\w[\w:]*\{[^}]*\}\[(?!\$__rate_interval\]|\$__range\])([^\]]*)\]")
VARIABLE: Final = re.compile(r"\$\{?(\w+)")
SERIES_OF_COUNTERS: Final = re.compile(r"_(?:total|bucket|count|sum)$")


def lint(dashboard: dict[str, Any]) -> list[str]:
    """What is wrong with a dashboard, each with the panel's title; nothing when all is well."""
    found = [*_of_the_whole(dashboard), *unknown_in(dashboard)]
    declared = {variable["name"] for variable in dashboard["templating"]["list"]}
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            found += [f"panel {panel.get('title')!r}: {what}" for what in _of_a_panel(panel, declared)]
    return found


def _of_the_whole(dashboard: dict[str, Any]) -> Iterator[str]:
    plugins.register_default_plugins()
    if json.loads(json.dumps(Dashboard.from_json(dashboard), cls=JSONEncoder)) != dashboard:
        yield "the SDK reads it and writes something else: a field is misspelt, or of the wrong type"
    if dashboard.get("editable", True):
        yield "it is editable: a change made in the page would be lost with the next provisioning"
    ids = [panel.get("id") for panel in dashboard["panels"]]
    if None in ids or len(set(ids)) != len(ids):
        yield "a panel has no id, or two have the same: links to panels would lead elsewhere"
    taken: dict[tuple[int, int], str] = {}
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        if at["x"] + at["w"] > COLUMNS:
            yield f"panel {panel['title']!r}: ends right of column {COLUMNS}"
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if (other := taken.setdefault(cell, panel["title"])) != panel["title"]:
                yield f"panel {panel['title']!r}: lies on {other!r}"
                break


def _of_a_panel(panel: dict[str, Any], declared: set[str]) -> Iterator[str]:
    if not panel.get("description"):
        yield "no description"
    if panel.get("fieldConfig", {}).get("defaults", {}).get("unit") not in UNITS:
        yield "no unit, or one that Grafana does not know"
    if not panel.get("targets"):
        yield "no query"
    for source in [panel.get("datasource", {}), *(target.get("datasource") or {} for target in panel.get("targets", []))]:
        if source and not str(source.get("uid", "")).startswith("${"):
            yield f"the data source is {source.get('uid')!r} and not a variable"
    for name in dict.fromkeys(VARIABLE.findall(json.dumps(panel))):
        if not name.startswith("__") and name not in declared:
            yield f"variable ${name} is not declared"
    queries = promql(panel)
    for expr in queries:
        yield from _of_promql(expr, panel["title"])
    legend = panel.get("options", {}).get("legend", {})
    if any("histogram_quantile" in expr for expr in queries) and {"mean", "sum"} & set(legend.get("calcs", [])):
        yield "its legend has the mean or sum of quantiles, which is the quantile of nothing"


def _of_promql(expr: str, title: str) -> Iterator[str]:
    if title not in FIXED_WINDOWS:
        for window in WINDOW.findall(expr):
            yield f"window [{window}]: use $__rate_interval or $__range, which fit any scrape interval and time range"
    if re.search(r"\b(?:avg|sum)\b[^(]*\([^()]*histogram_quantile", expr) or re.search(r"avg_over_time\(.*quantile", expr):
        yield "a mean or sum of quantiles is the quantile of nothing: add up the buckets, then take the quantile"
    for inner in re.findall(r"histogram_quantile\([^,]+, (.{0,16})", expr):
        if not inner.startswith("sum by (le"):
            yield "a quantile of buckets that are not added up by le first: each instance would give one of its own"
    for name, matchers in SELECTOR.findall(expr):
        for label, how, value in MATCHER.findall(matchers):
            if label == "le" and how in ("=", "!="):
                yield f'le{how}"{value}" is written 2 or 2.0, depending on the scrape: match it with =~"{value}(\\\\.0)?"'
        if SERIES_OF_COUNTERS.search(name) and not re.search(rf"\b(?:rate|increase)\({re.escape(name)}\{{", expr):
            yield f"{name} only grows: ask for its rate or increase"
