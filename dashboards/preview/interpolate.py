"""What Grafana does to a query before it sends it: variables and their formats, its own windows, the ClickHouse macros."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE: Final = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")
SIGNS: Final = re.compile(r"[\\^$*+?.()|{}\[\]/]")
ALL: Final = ".*"
MACRO: Final = re.compile(r"\$__(timeFilter|timeInterval)\(([^()]*)\)")


@dataclass(frozen=True)
class View:
    """What a person has chosen in the page: a time range, in seconds since 1970, and the variables' values.

    `step_s` is the distance of two points of a graph, `scrape_s` the scrape interval that the data source was told.
    """

    start: float
    end: float
    step_s: float = 15.0
    scrape_s: float = 15.0
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def rate_interval_s(self) -> float:
        """As Grafana's Prometheus data source has it: at least four scrapes, and no less than a point and a scrape."""
        return max(self.step_s + self.scrape_s, 4 * self.scrape_s)

    def of(self, dashboard: dict[str, Any]) -> View:
        """The same with what the dashboard's variables are where nothing was chosen: all, or what its text boxes hold."""
        preset = {}
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                preset[variable["name"]] = variable["allValue"]
            elif variable["type"] == "textbox":
                preset[variable["name"]] = variable.get("query", "")
        return View(self.start, self.end, self.step_s, self.scrape_s, {**preset, **self.chosen})

    def promql(self, expr: str) -> str:
        """The PromQL as Prometheus gets it."""
        own = {
            "__rate_interval": _seconds(self.rate_interval_s),
            "__range": _seconds(self.end - self.start),
            "__interval": _seconds(self.step_s),
        }
        return self._filled(expr, own, how="regex", slashes="\\\\")  # PromQL's own text takes one of the two

    def sql(self, sql: str) -> str:
        """The SQL as ClickHouse gets it."""

        def expanded(found: re.Match[str]) -> str:
            name, column = found.groups()
            if name == "timeFilter":
                return f"{column} >= toDateTime({int(self.start)}) AND {column} <= toDateTime({int(self.end)})"
            return f"toStartOfInterval(toDateTime({column}), INTERVAL {max(int(self.step_s), 1)} second)"

        return self._filled(MACRO.sub(expanded, sql), {}, how="raw", slashes="\\")

    def _filled(self, text: str, own: dict[str, str], *, how: str, slashes: str) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1] or found[3]
            if name in own:
                return own[name]
            if name not in self.chosen:
                raise KeyError(f"variable ${name} in {text!r}: nothing was chosen, and the dashboard presets nothing")
            return _formatted(self.chosen[name], found[2] or how, slashes)

        return VARIABLE.sub(value, text)


def _formatted(value: str, how: str, slashes: str) -> str:
    """A value in the text. What "All" stands for goes in as it is; one that was chosen has the pattern's own signs escaped."""
    if how == "sqlstring":
        return "'" + value.replace("'", "''") + "'"
    if how == "raw" or value == ALL:
        return value
    return SIGNS.sub(lambda found: slashes + found[0], value)


def _seconds(seconds: float) -> str:
    return f"{max(int(seconds), 1)}s"
