"""LLM Cost: what is spent, where it goes, and how it compares with the budget and with last week."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from fastagentic.core import names

from . import clickhouse, look, promql, series
from .board import Board, Panel
from .runbooks import ANOMALY, BUDGET_BURN, UNPRICED

BOARD = Board(
    "LLM Cost",
    uid="fastagentic-llm-cost",
    about="What LLM calls cost: by model, service, tenant, user and run. All of it is counted before sampling.",
    tags=("cost",),
)
MONTH_S = 30 * 86400
NOW, GOES, UNIT, WHO = "Spend", "Where it goes", "Unit cost", "Who spends it (ClickHouse)"
BY_MODEL = (series.MODEL,)
MODEL_LEGEND = look.by(series.MODEL)
SERVICE_LEGEND = look.by(series.SERVICE)
TO_RUNS = f"/d/fastagentic-run-explorer?var-model=${{__field.labels.{series.MODEL}}}&${{__url_time_range}}"


def burn_over(window: str) -> str:
    """The recording rule of `rules/`: how many times faster than its budget allows each service spent over the window."""
    return f'service:llm_budget_burn:ratio_rate{window}{{{series.SERVICE}=~"$service"}}'


@BOARD.panel(1, "Spend in range", row=NOW, width=4, height=4)
def spend_in_range() -> Panel:
    """USD that the calls of the selected time range cost, extrapolated from counters. To the cent: the tables below."""
    return look.number(units.Dollars, promql.in_range(series.COST)).decimals(2)


@BOARD.panel(2, "Projected month", row=NOW, width=4, height=4)
def projected_month() -> Panel:
    """USD that 30 days cost if all go on as the last 24 hours did."""
    return look.number(units.Dollars, f"{MONTH_S} * {promql.over(series.COST, '1d')}")


@BOARD.panel(3, "Budget", row=NOW, width=4, height=4)
def budget() -> Panel:
    """USD that may be spent in a month, as the applications' settings say (`fastagentic.budget`), all services together."""
    a_service = f"max by ({series.SERVICE}) ({promql.pick(series.BUDGET, of=promql.PROCESS)})"
    return look.number(units.Dollars, f"sum({a_service})").no_value("not set")


@BOARD.panel(4, "Budget burn, 6 h", row=NOW, width=4, height=4, runbook=BUDGET_BURN)
def burn() -> Panel:
    """How fast the month's budget is spent, the fastest service of those selected: at 1 it lasts exactly the month."""
    return look.number(units.Short, f"max({burn_over('6h')})", look.over(1, 2)).decimals(2).no_value("no budget set")


@BOARD.panel(5, "Against last week", row=NOW, width=4, height=4, runbook=ANOMALY)
def against_last_week() -> Panel:
    """Spend of the last hour as a share of the same hour a week ago: 100% is the same."""
    ratio = promql.ratio(promql.over(series.COST, "1h"), promql.over(series.COST, "1h", offset="1w"))
    return look.number(units.PercentUnit, ratio, look.over(1.5, 2)).decimals(0).no_value("no last week")


@BOARD.panel(6, "Saved by cache", row=NOW, width=4, height=4)
def saved_in_range() -> Panel:
    """USD that the answers from the gateways' caches in the selected time range would have cost."""
    return look.number(units.Dollars, promql.in_range(series.SAVED), ((None, look.GREEN),)).decimals(2)


@BOARD.panel(7, "Spend per hour by model", row=GOES, width=12)
def spend_by_model() -> Panel:
    """USD an hour, by the model that was asked for. A click leads to its runs."""
    panel = look.stacked(units.Dollars, (promql.per_hour(series.COST, by=BY_MODEL), MODEL_LEGEND))
    return panel.data_links(look.links(("Runs with this model", TO_RUNS)))


@BOARD.panel(8, "Spend per hour by service", row=GOES, width=12)
def spend_by_service() -> Panel:
    """USD an hour, by service."""
    return look.stacked(units.Dollars, (promql.per_hour(series.COST, by=(series.SERVICE,)), SERVICE_LEGEND))


@BOARD.panel(9, "Spend per hour, now and a week ago", row=GOES, width=12, runbook=ANOMALY)
def this_week_and_last() -> Panel:
    """USD an hour over a sliding hour, and the same hour of last week. The alert compares the two."""
    return look.lines(
        units.Dollars,
        (f"3600 * {promql.over(series.COST, '1h')}", "now"),
        (f"3600 * {promql.over(series.COST, '1h', offset='1w')}", "a week ago"),
    )


@BOARD.panel(10, "Budget burn by service", row=GOES, width=12, runbook=BUDGET_BURN)
def burn_over_time() -> Panel:
    """How fast each service spends its month's budget: 1 lasts exactly the month. Alerts: 14.4 over an hour, 2 over a day."""
    steps: look.Steps = ((None, look.GREEN), (2, look.ORANGE), (14.4, look.RED))
    hour, day = ((burn_over(window), f"{SERVICE_LEGEND}, {name}") for window, name in (("1h", "1 hour"), ("1d", "1 day")))
    return look.lines(units.Short, hour, day, steps=steps)


@BOARD.panel(11, "Cost per call by model", row=UNIT)
def cost_per_call() -> Panel:
    """Mean USD a call costs. Cache hits count as calls that cost nothing."""
    cost, calls = (promql.per_second(name, by=BY_MODEL) for name in (series.COST, series.DURATION.count))
    return look.lines(units.Dollars, (promql.ratio(cost, calls), MODEL_LEGEND)).decimals(5)


@BOARD.panel(12, "Cost per 1,000 tokens by model", row=UNIT)
def cost_per_1k_tokens() -> Panel:
    """Mean USD for a thousand tokens, input and output together."""
    cost, tokens = (promql.per_second(name, by=BY_MODEL) for name in (series.COST, series.TOKENS.sum))
    return look.lines(units.Dollars, (f"1000 * {promql.ratio(cost, tokens)}", MODEL_LEGEND)).decimals(5)


@BOARD.panel(13, "Saved by cache per hour", row=UNIT)
def saved_per_hour() -> Panel:
    """USD an hour that calls answered by the gateways' caches would have cost, by model."""
    return look.stacked(units.Dollars, (promql.per_hour(series.SAVED, by=BY_MODEL), MODEL_LEGEND))


@BOARD.panel(14, "Spend by provider", row=UNIT, height=6)
def spend_by_provider() -> Panel:
    """USD in the selected time range, by who answered."""
    by_provider = promql.in_range(series.COST, by=(series.PROVIDER,))
    return look.bars(units.Dollars, f"sort_desc({by_provider})", look.by(series.PROVIDER)).decimals(2)


@BOARD.panel(15, "Unpriced calls", row=UNIT, height=6, runbook=UNPRICED)
def unpriced_calls() -> Panel:
    """Calls in the selected time range whose price nobody knew, by model. They look free above: give the model a price."""
    unpriced = promql.in_range(series.UNPRICED, by=(series.SERVICE, series.MODEL))
    columns = {series.SERVICE: "service", series.MODEL: "model", "Value": "calls"}
    return look.table_of_now({"calls": units.Short}, f"sort_desc({unpriced} > 0)", columns).no_value("none")


@BOARD.panel(16, "Calls priced", row=UNIT, height=6, runbook=UNPRICED)
def priced_share() -> Panel:
    """Share of calls in the selected time range whose cost is known. Below 100% every sum on this page is too small."""
    unpriced, calls = promql.in_range(series.UNPRICED), promql.in_range(series.DURATION.count)
    share = f"1 - {promql.share(unpriced, calls)}"
    return look.number(units.PercentUnit, share, look.under(1, 0.99)).decimals(1)


@BOARD.panel(17, "Spend by tenant", row=WHO)
def by_tenant() -> Panel:
    """Exact USD and calls of the selected time range, by tenant."""
    return look.table_of(
        {"cost_usd": units.Dollars, "calls": units.Short, "share": units.PercentUnit},
        f"""SELECT if(cost.tenant_id = '', '(none)', cost.tenant_id) AS tenant, sum(cost.calls) AS calls,
                   sum(cost.cost_usd) AS cost_usd, toFloat64(cost_usd) / sum(toFloat64(cost_usd)) OVER () AS share
            FROM {clickhouse.COST} WHERE {clickhouse.COST_IN_RANGE} GROUP BY tenant ORDER BY cost_usd DESC LIMIT 50""",
    )


@BOARD.panel(18, "Spend by user", row=WHO)
def by_user() -> Panel:
    """Exact USD and calls of the selected time range, the 50 users who spent most."""
    return look.table_of(
        {"cost_usd": units.Dollars, "calls": units.Short, "runs": units.Short},
        f"""SELECT ifNull(calls.user_id, '(none)') AS user, ifNull(calls.tenant_id, '(none)') AS tenant, count() AS calls,
                   uniqExact(calls.run_id) AS runs, sum(calls.cost_usd) AS cost_usd
            FROM {clickhouse.CALLS} WHERE {clickhouse.CALLS_IN_RANGE} GROUP BY user, tenant ORDER BY cost_usd DESC LIMIT 50""",
    )


@BOARD.panel(19, "Spend by run", row=WHO)
def by_run() -> Panel:
    """The 50 runs that cost most in the selected time range. A click on one shows all of its calls."""
    panel = look.table_of(
        {"cost_usd": units.Dollars, "calls": units.Short, "started": units.DatetimeLocal},
        f"""SELECT calls.run_id AS run_id, sum(calls.cost_usd) AS cost_usd, count() AS calls, min(calls.ts) AS started
            FROM {clickhouse.CALLS} WHERE {clickhouse.CALLS_IN_RANGE} GROUP BY run_id ORDER BY cost_usd DESC LIMIT 50""",
    )
    return look.to_run(panel, "run_id")


@BOARD.panel(20, "Spend over time by tenant", row=WHO, width=16)
def by_tenant_over_time() -> Panel:
    """Exact USD in each interval of the graph, by tenant."""
    return look.over_time_from_clickhouse(
        units.Dollars,
        f"""SELECT $__timeInterval(cost.minute) AS time, if(cost.tenant_id = '', '(none)', cost.tenant_id) AS tenant,
                   toFloat64(sum(cost.cost_usd)) AS cost_usd
            FROM {clickhouse.COST} WHERE {clickhouse.COST_IN_RANGE} GROUP BY time, tenant ORDER BY time""",
    )


@BOARD.panel(21, "Dearest calls kept by sampling", row=WHO)
def dearest_calls() -> Panel:
    """Traces with a call that cost more than 5 cents, from Tempo. The Collector keeps every one of them."""
    cost, run, service = (f"span.{names.USAGE_COST}", f"span.{names.RUN_ID}", "resource.service.name")
    return look.traces(f'{{ {cost} > 0.05 && {service} =~ "$service" }} | select({run}, {cost})')
