"""Who is told that a budget is used up: the hooks of `on_budget`, the log, and whoever collects metrics."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from fastagentic.core import names
from tests.clients.doors import DOORS

from .conftest import PRICES, call_cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.provider import StandIn
    from fastagentic.hooks import HookContext
    from tests.spans import Memory

DOOR = DOORS[0]


@pytest.mark.parametrize("action", ["warn", "stop"])
def test_hooks_are_told_once_of_each_budget(
    action: str, stand_in: StandIn, instrumented: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[HookContext] = []

    @fastagentic.hook("on_budget")
    async def keep(ctx: HookContext) -> None:
        told.append(ctx)

    class OnStep(fastagentic.Hook):
        async def on_budget(self, ctx: HookContext) -> None:
            raise ValueError("a hook of a hook's own failing")

    fastagentic.hook("on_budget")(OnStep().on_budget)
    instrumented({"tenant": {"usd": 1e-9, "action": action}})
    with caplog.at_level(logging.WARNING, "fastagentic"), fastagentic.run("ask", tenant="acme", user="u-42") as run:
        for _ in range(3):
            try:
                DOOR.ask(stand_in.url())
            except fastagentic.BudgetExceeded:
                assert action == "stop"
    fastagentic.flush(5)

    (ctx,) = told
    assert ctx.budget is not None
    assert (ctx.budget.scope, ctx.budget.name, ctx.budget.action) == ("tenant", "acme", action)
    assert (ctx.budget.limit_usd, ctx.budget.spent_usd > 1e-9, ctx.budget.unpriced_calls) == (1e-9, True, 0)
    assert (ctx.run_id, ctx.endpoint, ctx.tenant, ctx.user and ctx.user.id) == (run.run_id, "ask", "acme", "u-42")
    (line,) = [record.getMessage() for record in caplog.records if record.getMessage().startswith("budget:")]
    assert line.startswith("budget: tenant 'acme' has used up its budget: ")
    assert line.endswith("calls go on" if action == "warn" else "further calls are refused")
    assert run.usage.calls == 3


def test_nobody_is_told_of_a_budget_that_is_not_used_up(
    stand_in: StandIn, instrumented: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []
    fastagentic.hook("on_budget")(told.append)
    instrumented({"month": 1e9}, destinations=["local"])
    with caplog.at_level(logging.WARNING, "fastagentic"):
        DOOR.ask(stand_in.url())
    fastagentic.flush(5)

    assert told == []
    assert [record.getMessage() for record in caplog.records if record.name == "fastagentic"] == []


def test_metrics_say_what_was_reached_and_refused_and_what_the_month_has_cost(memory: Memory, stand_in: StandIn) -> None:
    budgets = {"month": {"usd": 1e-9, "action": "warn"}, "user": 1e9}
    fastagentic.instrument(
        destinations=[],
        prices=PRICES,
        budgets=budgets,
        tracer_provider=memory.tracer_provider,
        meter_provider=memory.meter_provider,
    )
    cost = call_cost(DOOR, stand_in)
    with fastagentic.run("none", budget_usd=0), pytest.raises(fastagentic.BudgetExceeded):
        DOOR.ask(stand_in.url())

    scope, action = names.BUDGET_SCOPE, names.BUDGET_ACTION
    metrics = memory.metrics
    assert metrics[names.BUDGET] == [({}, 1e-9)]
    assert metrics[names.BUDGET_SPENT] == [({}, pytest.approx(cost))]
    assert metrics[names.BUDGET_EXCEEDED] == [
        ({scope: "month", action: "warn"}, 1),
        ({scope: "run", action: "stop"}, 1),
        ({scope: "user", action: "stop"}, 0),
    ]
    assert metrics[names.BUDGET_REFUSED] == [({scope: "month"}, 0), ({scope: "run"}, 1), ({scope: "user"}, 0)]
    assert metrics[names.BUDGET_FAILURES] == [({}, 0)]


def test_a_budget_that_nothing_observes_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        with fastagentic.run("report", budget_usd=1):
            pass

    (record,) = caplog.records
    assert record.getMessage() == "fastagentic.run(budget_usd=...) limits observed calls: call fastagentic.instrument() first"


def test_a_budget_that_is_no_amount_is_an_error() -> None:
    with pytest.raises(fastagentic.ConfigError, match=r"run\(budget_usd=\.\.\.\) is '1'?.*|is 'much'; it takes an amount"):
        fastagentic.run("report", budget_usd="much")  # type: ignore[arg-type]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_an_estimate_refuses_what_would_surely_cost_too_much(
    stream: bool, stand_in: StandIn, instrumented: Callable[..., None]
) -> None:
    instrumented({"run": {"usd": 1, "estimate": True}})
    more = {"stream": True} if stream else {}

    with fastagentic.run("report"):
        with pytest.raises(fastagentic.BudgetExceeded) as caught:
            DOOR.ask(stand_in.url(), max_tokens=101, **more)  # a cent each
        assert not stand_in.exchanges
        DOOR.ask(stand_in.url(), max_tokens=100, **more)

    assert caught.value.estimate_usd == pytest.approx(1.01)


def test_a_call_whose_price_nobody_knows_is_not_estimated(stand_in: StandIn, instrumented: Callable[..., None]) -> None:
    instrumented({"run": {"usd": 1, "estimate": True}})

    with fastagentic.run("report"):
        DOOR.ask(stand_in.url(), model="openai/nobody-knows-me", max_tokens=10**9)

    assert len(stand_in.exchanges) == 1


def test_a_run_that_goes_on_in_another_process_has_spent_what_it_has(
    stand_in: StandIn, instrumented: Callable[..., None]
) -> None:
    instrumented(destinations=["local"])
    with fastagentic.run("report", run_id="order-42", budget_usd=1e-9):
        DOOR.ask(stand_in.url())
    fastagentic.uninstrument()
    instrumented(destinations=["local"])

    with fastagentic.run("report", run_id="order-42", budget_usd=1e-9), pytest.raises(fastagentic.BudgetExceeded):
        DOOR.ask(stand_in.url())
