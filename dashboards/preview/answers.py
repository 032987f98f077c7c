"""The answers to a dashboard's queries: of Prometheus over its API, of ClickHouse by a function; Tempo is not asked."""

from __future__ import annotations

import json
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .interpolate import View

    Rows = list[dict[str, Any]]
    Answer = dict[str, Any]

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
LEGEND = re.compile(r"\{\{(\w+)\}\}")


class Prometheus:
    """Prometheus' HTTP API at a base URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, endpoint: str, **parameters: Any) -> Any:
        """The `data` of an answer. Raises RuntimeError with Prometheus' own words where it refuses."""
        address = f"{self.url}/api/v1/{endpoint}?{urllib.parse.urlencode(parameters)}"
        try:
            with OPENER.open(address, timeout=60) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{parameters.get('query')}: {error.read().decode()}") from error


def answers(dashboard: dict[str, Any], view: View, prometheus: Prometheus, clickhouse: Callable[[str], Rows]) -> dict[int, Any]:
    """For each panel by its id, what each of its queries gives."""
    chosen = view.of(dashboard)
    return {
        panel["id"]: [answer for target in panel["targets"] for answer in _answer(target, chosen, prometheus, clickhouse)]
        for panel in dashboard["panels"]
        if panel.get("targets")
    }


def _answer(target: dict[str, Any], view: View, prometheus: Prometheus, clickhouse: Callable[[str], Rows]) -> list[Answer]:
    if "rawSql" in target:
        return [{"kind": "rows", "rows": clickhouse(view.sql(target["rawSql"]))}]
    if "expr" not in target:
        return [{"kind": "unasked"}]
    expr, legend = view.promql(target["expr"]), target.get("legendFormat", "")
    if target.get("instant"):
        found = prometheus.get("query", query=expr, time=view.end)["result"]
        series = [
            {"labels": one["metric"], "legend": _named(legend, one["metric"]), "value": _finite(one["value"][1])}
            for one in found
        ]
        return [{"kind": "now", "series": series}]
    found = prometheus.get("query_range", query=expr, start=view.start, end=view.end, step=view.step_s)["result"]
    lines = [
        {
            "legend": _named(legend, one["metric"]),
            "labels": one["metric"],
            "points": [[at, _finite(value)] for at, value in one["values"]],
        }
        for one in found
    ]
    answered: list[Answer] = [{"kind": "range", "series": lines}]
    if target.get("exemplar"):
        found = prometheus.get("query_exemplars", query=expr, start=view.start, end=view.end)
        dots = [[dot["timestamp"], float(dot["value"])] for one in found for dot in one["exemplars"]]
        answered.append({"kind": "exemplars", "points": sorted(map(list, {tuple(dot) for dot in dots}))})
    return answered


def _named(legend: str, labels: dict[str, str]) -> str:
    if legend in ("", "__auto"):
        return ", ".join(value for name, value in sorted(labels.items()) if name != "__name__") or "value"
    return LEGEND.sub(lambda found: labels.get(found[1], ""), legend).strip()


def _finite(value: str) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
