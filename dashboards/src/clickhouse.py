"""The questions panels ask of ClickHouse: who, which run, and how much to the cent.

The tables are those of `deploy/clickhouse/`, filled by the collector before it samples. Money is summed as Decimal there, and
a call that arrives twice counts once: these figures, and not those extrapolated from Prometheus' counters, are for bills.
"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery

from fastagentic.core import names

from .variables import CLICKHOUSE

# Each under a short name, and columns by it: a bare column in WHERE would be taken for a result column of the same name.
CALLS: Final = "otel.llm_calls AS calls"  # a row for each call, 90 days
COST: Final = "otel.llm_cost_1m AS cost"  # sums a minute, two years
RUNS: Final = "otel.llm_run_facts AS runs"  # the spans of runs, 90 days
SPANS: Final = "otel.otel_traces AS spans"  # every span as it came, 7 days

# `regex` and not `sqlstring`: "All" is the pattern `.*`, which no IN (...) would match. A call without a model counts as well.
SELECTED: Final = "match({0}, '^(${{service:regex}})$') AND match({1}, '^(${{model:regex}})$')"
MODEL: Final = f"spans.SpanAttributes['{names.REQUEST_MODEL}']"
COST_IN_RANGE: Final = "$__timeFilter(cost.minute) AND " + SELECTED.format("cost.service", "cost.model")
CALLS_IN_RANGE: Final = "$__timeFilter(calls.ts) AND " + SELECTED.format("calls.service", "ifNull(calls.model, '')")
SPANS_IN_RANGE: Final = "$__timeFilter(spans.Timestamp) AND " + SELECTED.format("spans.ServiceName", MODEL)

# `sqlstring` brings its own quotes. A run is known by its id, and by the text that was given for it.
GIVEN_RUN: Final = "${run_id:sqlstring}"
OF_RUN: Final = (
    f"(calls.run_id = {GIVEN_RUN} OR calls.run_id IN (SELECT runs.run_id FROM {RUNS} WHERE runs.external_id = {GIVEN_RUN}))"
)


class Query(Builder[UnknownDataquery]):
    """A query of Grafana's ClickHouse plugin, for which the SDK has no type of its own."""

    def __init__(self, sql: str, *, is_over_time: bool = False) -> None:
        self._sql = " ".join(sql.split())
        self._is_over_time = is_over_time

    def build(self) -> UnknownDataquery:
        """The plugin's JSON."""
        return UnknownDataquery(
            {
                "datasource": {"type": CLICKHOUSE.type_val, "uid": CLICKHOUSE.uid},
                "editorType": "sql",
                "format": 0 if self._is_over_time else 1,
                "queryType": "timeseries" if self._is_over_time else "table",
                "rawSql": self._sql,
                "refId": "A",
            }
        )
