"""How ClickHouse spells what the questions ask: functions it lacks, and the tables of `deploy/clickhouse/` under the names and
with the columns that the local store has. All of it stands before each query, as `WITH`; nothing has to be made on the server.

Times are `started_ns`, as in the local store; the servers' own columns (`ts`) are asked beside them, because partitions
and keys go by those.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names
from fastagentic.store import values
from fastagentic.store.cubes import DAY_NS
from fastagentic.store.queries.measures import MEASURES, measure
from fastagentic.store.queries.sql import Dialect
from fastagentic.store.schema import CALL_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_RUN_NS: Final = DAY_NS
"""A run that takes longer may be told of from its inner runs on: what was before the time asked for, less this, is not read."""

# Who may only read may not set join_use_nulls: a join fills what is not there with '' and 0, unless it may be NULL.
_FUNCTIONS: Final = f"""
    x -> toString(toDate32(toDateTime64(intDiv(x, 1000000000), 0, 'UTC'))) AS day_of,
    (started_ns, ts, ns) -> started_ns >= ns AND ts >= fromUnixTimestamp64Milli(intDiv(ns, 1000000)) AS is_since,
    (started_ns, ts, ns) -> started_ns < ns AND ts <= fromUnixTimestamp64Milli(intDiv(ns, 1000000)) AS is_before,
    x -> toInt64(least(greatest(sum(toInt128(ifNull(x, 0))), toInt128(-{2**63})), toInt128({2**63 - 1}))) AS added_up,
    (digits, first) -> length(digits) * 128 + if(first < 200, intDiv(first, 5), intDiv(first, 10) + 20) AS bin_by,
    digits -> bin_by(digits, toInt64(substring(concat(digits, '00'), 1, 3))) AS bin_within,
    ns -> if(ns > 0, toInt64(bin_within(toString(ns))), 0) AS bin_of,
    tags -> JSONExtract(ifNull(tags, '[]'), 'Array(Nullable(String))') AS tags_in
"""
_CALLS: Final = """
    SELECT * REPLACE (
            toNullable(span_id) AS span_id, toFloat64(cost_usd) AS cost_usd, toFloat64(saved_usd) AS saved_usd,
            if(isFinite(time_to_first_chunk_s), if(isFinite(time_to_first_chunk_s), ifNull(time_to_first_chunk_s, 0), 0), NULL)
                AS time_to_first_chunk_s -- even what is masked by NULL must be a number to be made a whole one
        ), started_ns AS rowid
    FROM llm_calls
"""
_SPANS: Final = f"""
    SELECT DISTINCT TraceId AS trace_id, SpanId AS span_id, nullIf(ParentSpanId, '') AS parent_span_id,
        ifNull(nullIf(SpanAttributes['{names.RUN_ID}'], ''), TraceId) AS run_id,
        SpanAttributes['{names.RUN_ID}'] AS said_run_id, SpanName AS name, toUnixTimestamp64Nano(Timestamp) AS started_ns,
        toUnixTimestamp64Nano(Timestamp) + greatest(toInt64(Duration), 0) AS ended_ns, lower(StatusCode) AS status,
        nullIf(SpanAttributes['{names.ERROR_TYPE}'], '') AS error_type, SpanAttributes AS said,
        toJSONString(SpanAttributes) AS attributes, Timestamp AS ts
    FROM otel_traces WHERE ScopeName = '{names.SCOPE}'
"""  # noqa: S608  # SQL of our own
_OUTER: Final = ("external_id", "name", "user_id", "session_id", "tenant_id", "tags", "status", "error_type")
"""What the earliest span of a run says of it; of two that start together, the one around the other."""


def _runs(where: str) -> str:
    outer = ", ".join(f"toNullable(tupleElement(outer_span, {at + 1})) AS {name}" for at, name in enumerate(_OUTER))
    return f"""
        SELECT run_id, {outer}, first_ns AS started_ns, last_ns AS ended_ns
        FROM (
            SELECT run_id, argMin(({", ".join(_OUTER)}), (started_ns, -ended_ns)) AS outer_span,
                min(started_ns) AS first_ns, max(ended_ns) AS last_ns
            FROM llm_run_facts WHERE {where} GROUP BY run_id
        )
    """  # noqa: S608  # SQL of our own


PRELUDE: Final = f"""WITH {_FUNCTIONS},
    calls AS ({_CALLS}), spans AS ({_SPANS}), runs AS ({_runs("1")}),
    drops AS (SELECT '' AS reason, toInt64(0) AS spans, toInt64(0) AS at_ns WHERE 0)
"""
"""What stands before each query."""


class ClickHouse(Dialect):
    """Only what differs. Answers come from the rows alone, each call once."""

    keeps_sums = False
    calls_outlive_spans = True
    tag = "arrayJoin(emptyArrayToSingle(tags_in(calls.tags)))"
    tags = ""
    first_chunk_ns = "toInt64(calls.time_to_first_chunk_s * 1e9)"
    in_this_order = "JOIN"
    # A batch that came twice is counted twice here, unlike calls and runs: to tell takes as much memory as there are spans.
    span_count = f"(SELECT count() FROM otel_traces WHERE ScopeName = '{names.SCOPE}')"  # noqa: S608
    ends = (
        "SELECT if(count() = 0, 0, toUnixTimestamp64Nano(min(Timestamp))) FROM otel_traces",
        "SELECT count() FROM otel_traces",
    )

    def day(self, time_ns: str) -> str:
        return f"day_of({time_ns})"

    def since(self, table: str) -> str:
        return super().since(table) if table == "runs" else f"is_since({table}.started_ns, {table}.ts, ?)"

    def before(self, table: str) -> str:
        return super().before(table) if table == "runs" else f"is_before({table}.started_ns, {table}.ts, ?)"

    def added_up(self, number: str) -> str:
        return f"added_up({number})"

    def has_tag(self, tags: str) -> str:
        return f"has(tags_in({tags}), ?)"

    def is_listed(self, text: str) -> str:
        return f"has(tags_in(?), {text})"

    def bin_of(self, nanoseconds: str) -> str:
        return f"bin_of({nanoseconds})"

    def attribute(self, name: str) -> str:
        return f"nullIf(spans.said['{name}'], '')"

    def whole_attribute(self, name: str) -> str:
        return f"toInt64OrNull(spans.said['{name}'])"

    def json_attribute(self, name: str) -> str:
        return self.attribute(name)

    def of_run(self, matches: str) -> str:
        by_trace = f"spans.trace_id {matches} AND spans.run_id = spans.trace_id"
        return f"(({by_trace}) OR (spans.said_run_id {matches}))"

    def span_of_call(self) -> str:
        return self.call_of("spans")

    def has_a_call(self, where: str, start_ns: int) -> str:
        return f"runs.run_id IN (SELECT calls.run_id FROM calls WHERE {_from('calls', start_ns)} AND {where})"  # noqa: S608

    def summed_runs(self, start_ns: int) -> str:
        where = _from("calls", start_ns)
        sums = f"SELECT calls.run_id AS run_id, {self._sums()} FROM calls WHERE {where} GROUP BY calls.run_id"  # noqa: S608
        facts = _runs(_from("llm_run_facts", start_ns))
        return f"(SELECT * FROM ({facts}) AS facts LEFT JOIN ({sums}) AS sums USING (run_id)) AS runs"  # noqa: S608

    def lone_calls(self, start_ns: int) -> str:
        runs = f"SELECT run_id FROM llm_run_facts WHERE {_from('llm_run_facts', start_ns - LONGEST_RUN_NS)}"  # noqa: S608
        said = ("user_id", "session_id", "tenant_id", "tags", "error_type")
        return f"""(
            SELECT calls.run_id AS run_id, {", ".join(f"max(calls.{name}) AS {name}" for name in said)},
                min(calls.started_ns) AS started_ns, max(calls.started_ns + calls.duration_ns) AS ended_ns,
                {self._sums()}
            FROM calls WHERE {_from("calls", start_ns)} AND calls.run_id NOT IN ({runs})
            GROUP BY calls.run_id
        ) AS lone"""  # noqa: S608  # SQL of our own

    def attributes(self, said: Mapping[str, Any]) -> dict[str, Any]:
        return {name: _typed(name, text) for name, text in said.items()}

    def _sums(self) -> str:
        return ", ".join(f"{measure(self, name)} AS {name}" for name in MEASURES)


def _from(table: str, start_ns: int) -> str:
    """The rows that may be of a run that was started at `start_ns` or later."""
    first_ns = max(0, start_ns - LONGEST_RUN_NS)
    return f"{table}.ts >= fromUnixTimestamp64Nano(toInt64({first_ns}))" if first_ns else "1"


# --- attributes, all of which are texts there -----------------------------------------------------

_NUMBERS_AND_LISTS: Final = frozenset(
    (
        *(column.attribute for column in CALL_COLUMNS if column.read is not values.text),
        names.ATTEMPT_NUMBER, names.SERVER_PORT, names.HTTP_STATUS_CODE, names.RESPONSE_FINISH_REASONS, names.RUN_COST,
        names.RUN_CALLS, names.SAMPLE_FORCE, names.REQUEST_TEMPERATURE, names.REQUEST_TOP_P, names.REQUEST_SEED,
        names.REQUEST_MAX_TOKENS, names.REQUEST_FREQUENCY_PENALTY, names.REQUEST_PRESENCE_PENALTY,
        names.REQUEST_STOP_SEQUENCES, names.REQUEST_CHOICE_COUNT,
    )
)  # fmt: skip


def _typed(name: str, text: Any) -> Any:
    if name not in _NUMBERS_AND_LISTS:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


CLICKHOUSE: Final = ClickHouse()
