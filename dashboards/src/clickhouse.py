"""The questions panels ask of ClickHouse: who, which run, and how much to the cent.

The tables are those of `deploy/clickhouse/`, filled by the collector before it samples. Money is summed as Decimal there, so
these figures, unlike those extrapolated from Prometheus counters, are the ones to bill by.
"""

from __future__ import annotations

from typing import Final

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery

from fastagentic.core import names

from .variables import CLICKHOUSE

CALLS: Final = "otel.llm_calls"  # a row for each call, 90 days
COST: Final = "otel.llm_cost_1m"  # sums a minute, two years
SPANS: Final = "otel.otel_traces"  # every span as it came, 7 days

# `regex` and not `sqlstring`: "All" is the pattern `.*`, which no IN (...) would match.
SELECTED: Final = "match(service, '^(${service:regex})$') AND match(model, '^(${model:regex})$')"
IN_RANGE: Final = f"$__timeFilter(minute) AND {SELECTED}"
CALLS_IN_RANGE: Final = f"$__timeFilter(ts) AND {SELECTED}"
SPANS_IN_RANGE: Final = (
    f"$__timeFilter(Timestamp) AND match(ServiceName, '^(${{service:regex}})$')"
    f" AND match(SpanAttributes['{names.REQUEST_MODEL}'], '^(${{model:regex}})$')"
)
# `sqlstring` brings its own quotes.
OF_RUN: Final = "run_id = ${run_id:sqlstring}"


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
