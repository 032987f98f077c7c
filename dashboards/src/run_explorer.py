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
WHOSE = " AND ".join(f"(${{{box}:sqlstring}} = '' OR calls.{box}_id = ${{{box}:sqlstring}})" for box in ("user", "tenant"))
OF_RUN = f"FROM {clickhouse.CALLS} WHERE {clickhouse.OF_RUN}"
HITS = "countIf(calls.cache_hit = 1)"


@BOARD.panel(1, "Runs, newest first", row=RUNS, width=16, height=10)
def runs() -> Panel:
    """The 200 newest runs of the selected time range, those of a user or tenant only if one is entered above. A click on a
    run id shows the run below, in Langfuse or in Tempo.
    """
    panel = look.table_of(
        {"cost_usd": units.Dollars, "started": units.DatetimeLocal, "calls": units.Short},
        f"""SELECT calls.run_id AS run_id, any(named.name) AS name, min(calls.ts) AS started, count() AS calls,
                   sum(calls.is_error) AS failed, {HITS} AS cached, sum(calls.cost_usd) AS cost_usd,
                   any(calls.user_id) AS user, any(calls.tenant_id) AS tenant, any(calls.service) AS service
            FROM {clickhouse.CALLS}
            LEFT JOIN (SELECT runs.run_id AS run_id, argMin(runs.name, (runs.started_ns, -runs.ended_ns)) AS name
                       FROM {clickhouse.RUNS} WHERE $__timeFilter(runs.ts) GROUP BY run_id) AS named
                   ON named.run_id = calls.run_id
            WHERE {clickhouse.CALLS_IN_RANGE} AND {WHOSE} GROUP BY run_id ORDER BY started DESC LIMIT 200""",
    )
    return look.to_run(panel, "run_id")


@BOARD.panel(2, "Runs over time", row=RUNS, height=10)
def runs_over_time() -> Panel:
    """How many runs had calls in each interval of the graph, by service."""
    return look.over_time_from_clickhouse(
        units.Short,
        f"""SELECT $__timeInterval(calls.ts) AS time, calls.service AS service, toFloat64(uniqExact(calls.run_id)) AS runs
            FROM {clickhouse.CALLS} WHERE {clickhouse.CALLS_IN_RANGE} AND {WHOSE} GROUP BY time, service ORDER BY time""",
    )


@BOARD.panel(3, "Cost", row=RUN, width=4, height=4)
def run_cost() -> Panel:
    """Exact USD of the whole run, as far as its calls have a price."""
    return look.number_from_clickhouse(units.Dollars, f"SELECT sum(calls.cost_usd) AS cost_usd {OF_RUN}").decimals(5)


@BOARD.panel(4, "Calls", row=RUN, width=4, height=4)
def run_calls() -> Panel:
    """LLM calls of the run, whatever retries and fallbacks stood behind each."""
    return look.number_from_clickhouse(units.Short, f"SELECT count() AS calls {OF_RUN}")


@BOARD.panel(5, "Failed", row=RUN, width=4, height=4)
def run_errors() -> Panel:
    """Calls of the run that ended with an error."""
    steps: look.Steps = ((None, look.GREEN), (1, look.RED))
    return look.number_from_clickhouse(units.Short, f"SELECT sum(calls.is_error) AS failed {OF_RUN}", steps)


@BOARD.panel(6, "Answered by cache", row=RUN, width=4, height=4)
def run_hits() -> Panel:
    """Calls of the run that a gateway's cache answered."""
    return look.number_from_clickhouse(units.Short, f"SELECT {HITS} AS cached {OF_RUN}")


@BOARD.panel(7, "Tokens", row=RUN, width=4, height=4)
def run_tokens() -> Panel:
    """Tokens the run read and wrote."""
    tokens = "ifNull(calls.input_tokens, 0) + ifNull(calls.output_tokens, 0)"
    return look.number_from_clickhouse(units.Short, f"SELECT sum({tokens}) AS tokens {OF_RUN}")


@BOARD.panel(8, "From first call to last", row=RUN, width=4, height=4)
def run_length() -> Panel:
    """Seconds from the start of the first call to the end of the last."""
    length = "(max(calls.started_ns + calls.duration_ns) - min(calls.started_ns)) / 1e9"
    return look.number_from_clickhouse(units.Seconds, f"SELECT {length} AS length_s {OF_RUN}").decimals(2)


@BOARD.panel(9, "Calls of the run", row=RUN, width=16, height=10)
def calls() -> Panel:
    """Every LLM call of the run, in the order in which they began. Without a cost: nobody knows the model's price."""
    return look.table_of(
        {"cost_usd": units.Dollars, "started": units.DatetimeLocal, "took": units.Seconds}
        | {"tokens_in": units.Short, "tokens_out": units.Short},
        f"""SELECT calls.ts AS started, calls.model AS model, calls.provider AS provider, calls.cache_status AS cache,
                   calls.cost_usd AS cost_usd, calls.duration_s AS took, calls.input_tokens AS tokens_in,
                   calls.output_tokens AS tokens_out, calls.error_type AS error
            {OF_RUN} ORDER BY calls.started_ns LIMIT 1000""",
    )


@BOARD.panel(10, "Cost of the run by model", row=RUN, height=10)
def run_models() -> Panel:
    """What each model cost in this run, and how many of its calls have no price."""
    return look.table_of(
        {"cost_usd": units.Dollars, "calls": units.Short, "unpriced": units.Short},
        f"""SELECT calls.model AS model, count() AS calls, countIf(calls.cost_source = 'unknown') AS unpriced,
                   sum(calls.cost_usd) AS cost_usd
            {OF_RUN} GROUP BY model ORDER BY cost_usd DESC NULLS LAST""",
    )


@BOARD.panel(11, "Spans of the run", row=TRACE, width=16, height=12)
def spans() -> Panel:
    """Every span of the run from ClickHouse, which has them unsampled for 7 days: runs, calls, attempts, tools."""
    run = f"(SELECT runs.run_id FROM {clickhouse.RUNS} WHERE runs.external_id = {clickhouse.GIVEN_RUN})"
    return look.table_of(
        {"took": units.Seconds, "started": units.DatetimeLocal},
        f"""SELECT spans.Timestamp AS started, spans.SpanName AS span, spans.StatusCode AS status, spans.Duration / 1e9 AS took,
                   {_attribute(names.TARGET_PATH)} AS target, {_attribute(names.RETRIES)} AS retries,
                   {_attribute(names.ERROR_TYPE)} AS error
            FROM {clickhouse.SPANS}
            WHERE {_attribute(names.RUN_ID)} = {clickhouse.GIVEN_RUN} OR {_attribute(names.RUN_ID)} IN {run}
            ORDER BY spans.Timestamp LIMIT 1 BY spans.TraceId, spans.SpanId LIMIT 1000""",
    )


@BOARD.panel(12, "Trace in Tempo", row=TRACE, height=12)
def trace() -> Panel:
    """The run's trace, if sampling kept it: every run that failed, was dear, slow or fell back is kept."""
    return look.traces(f'{{ span.{names.RUN_ID} = "$run_id" || span.{names.RUN_EXTERNAL_ID} = "$run_id" }}')


def _attribute(name: str) -> str:
    return f"spans.SpanAttributes['{name}']"
