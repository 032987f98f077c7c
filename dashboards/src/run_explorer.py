"""Run Explorer: from a time range to a run, and from a run id to every call of it, its trace and its page in Langfuse."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import units

from fastagentic.core import names

from . import clickhouse, look
from .board import Board, Panel

BOARD = Board(
    "Run Explorer",
    uid="fastagentic-run-explorer",
    about="Runs of a time range, and all that is known of one. The run id is the trace id, in Tempo and in Langfuse too.",
    tags=("runs",),
    variables=[
        builders.TextBoxVariable("run_id").label("Run id").default_value(""),
        builders.TextBoxVariable("user").label("User").default_value(""),
        builders.TextBoxVariable("tenant").label("Tenant").default_value(""),
    ],
)
RUNS, RUN, TRACE = "Runs", "This run: $run_id", "Its trace"
# An empty box selects all.
WHOSE = (
    "(${user:sqlstring} = '' OR user_id = ${user:sqlstring}) AND (${tenant:sqlstring} = '' OR tenant_id = ${tenant:sqlstring})"
)
OF_RUN = f"FROM {clickhouse.CALLS} WHERE {clickhouse.OF_RUN}"


@BOARD.panel(1, "Runs, newest first", row=RUNS, width=16, height=10)
def runs() -> Panel:
    """The 200 newest runs of the selected time range, those of a user or tenant only if one is entered above. A click on a
    run id shows the run below, in Langfuse or in Tempo.
    """
    panel = look.table_of(
        {"cost_usd": units.Dollars, "started": units.DatetimeLocal, "duration_s": units.Seconds, "calls": units.Short},
        f"""SELECT run_id, min(ts) AS started, any(service) AS of_service, any(tenant_id) AS tenant, any(user_id) AS user,
                   count() AS calls, sum(is_error) AS errors, countIf(cache_status IN ('hit', 'semantic_hit')) AS cache_hits,
                   sum(cost_usd) AS cost_usd, sum(duration_s) AS duration_s
            FROM {clickhouse.CALLS} WHERE run_id != '' AND {clickhouse.CALLS_IN_RANGE} AND {WHOSE}
            GROUP BY run_id ORDER BY started DESC LIMIT 200""",
    )
    return look.to_run(panel, "run_id")


@BOARD.panel(2, "Runs over time", row=RUNS, height=10)
def runs_over_time() -> Panel:
    """How many runs had calls in each interval of the graph, by service."""
    return look.over_time_from_clickhouse(
        units.Short,
        f"""SELECT $__timeInterval(ts) AS time, service, toFloat64(uniqExact(run_id)) AS runs
            FROM {clickhouse.CALLS} WHERE run_id != '' AND {clickhouse.CALLS_IN_RANGE} AND {WHOSE}
            GROUP BY time, service ORDER BY time""",
    )


@BOARD.panel(3, "Cost", row=RUN, width=4, height=4)
def run_cost() -> Panel:
    """Exact USD of the whole run."""
    return look.number_from_clickhouse(units.Dollars, f"SELECT sum(cost_usd) AS cost_usd {OF_RUN}").decimals(6)


@BOARD.panel(4, "Calls", row=RUN, width=4, height=4)
def run_calls() -> Panel:
    """LLM calls of the run, whatever retries and fallbacks stood behind each."""
    return look.number_from_clickhouse(units.Short, f"SELECT count() AS calls {OF_RUN}")


@BOARD.panel(5, "Failed", row=RUN, width=4, height=4)
def run_errors() -> Panel:
    """Calls of the run that ended with an error."""
    steps: look.Steps = ((None, look.GREEN), (1, look.RED))
    return look.number_from_clickhouse(units.Short, f"SELECT sum(is_error) AS errors {OF_RUN}", steps)


@BOARD.panel(6, "Answered by cache", row=RUN, width=4, height=4)
def run_hits() -> Panel:
    """Calls of the run that a gateway's cache answered."""
    sql = f"SELECT countIf(cache_status IN ('hit', 'semantic_hit')) AS hits {OF_RUN}"
    return look.number_from_clickhouse(units.Short, sql)


@BOARD.panel(7, "Tokens", row=RUN, width=4, height=4)
def run_tokens() -> Panel:
    """Tokens the run read and wrote."""
    sql = f"SELECT sum(toUInt64(input_tokens) + output_tokens) AS tokens {OF_RUN}"
    return look.number_from_clickhouse(units.Short, sql)


@BOARD.panel(8, "From first call to last", row=RUN, width=4, height=4)
def run_length() -> Panel:
    """Seconds from the start of the first call to the end of the last."""
    end = "toUnixTimestamp64Milli(ts) / 1000 + duration_s"
    sql = f"SELECT max({end}) - min(toUnixTimestamp64Milli(ts) / 1000) AS length_s {OF_RUN}"
    return look.number_from_clickhouse(units.Seconds, sql).decimals(2)


@BOARD.panel(9, "Calls of the run", row=RUN, width=16, height=10)
def calls() -> Panel:
    """Every LLM call of the run, in the order in which they began."""
    return look.table_of(
        {"cost_usd": units.Dollars, "ts": units.DatetimeLocal, "duration_s": units.Seconds, "input_tokens": units.Short},
        f"""SELECT ts, model, provider, cache_status, is_error, cost_usd, duration_s, input_tokens, output_tokens
            {OF_RUN} ORDER BY ts LIMIT 1000""",
    )


@BOARD.panel(10, "Cost of the run by model", row=RUN, height=10)
def run_models() -> Panel:
    """What each model cost in this run."""
    return look.table_of(
        {"cost_usd": units.Dollars, "calls": units.Short},
        f"SELECT model, count() AS calls, sum(cost_usd) AS cost_usd {OF_RUN} GROUP BY model ORDER BY cost_usd DESC",
    )


@BOARD.panel(11, "Spans of the run", row=TRACE, width=16, height=12)
def spans() -> Panel:
    """Every span of the run from ClickHouse, which has them unsampled for 7 days: runs, calls, attempts, tools."""
    return look.table_of(
        {"duration_s": units.Seconds, "Timestamp": units.DatetimeLocal},
        f"""SELECT Timestamp, SpanName, StatusCode, Duration / 1e9 AS duration_s, {_attribute(names.TARGET_PATH)} AS target,
                   {_attribute(names.RETRIES)} AS retries, {_attribute(names.ERROR_TYPE)} AS error
            FROM {clickhouse.SPANS} WHERE {_attribute(names.RUN_ID)} = ${{run_id:sqlstring}}
            ORDER BY Timestamp LIMIT 1000""",
    )


@BOARD.panel(12, "Trace in Tempo", row=TRACE, height=12)
def trace() -> Panel:
    """The run's trace, if sampling kept it: every run that failed, was dear, slow or fell back is kept."""
    return look.traces(f'{{ span.{names.RUN_ID} = "$run_id" }}')


def _attribute(name: str) -> str:
    return f"SpanAttributes['{name}']"
