"""A limit of a run at each door: the call after the one that reached it is not made, and its exception says why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from tests.hooks.conftest import ALL_DOORS, PORTKEY_HEADERS, Door, each_door, streamed_or_not

from .conftest import call_cost

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory


@each_door
@streamed_or_not
def test_the_call_after_the_limit_is_not_made(
    door: Door, stream: bool, stand_in: StandIn, instrumented: Callable[..., None]
) -> None:
    instrumented()
    more = {"stream": True} if stream else {}
    cost = call_cost(door, stand_in, **more)
    stand_in.reset()

    with fastagentic.run("report", budget_usd=1.5 * cost) as run:
        for _ in range(2):
            door.ask(stand_in.url(), **more)
        with pytest.raises(fastagentic.BudgetExceeded) as caught:
            door.ask(stand_in.url(), **more)

    assert len(stand_in.exchanges) == 2
    assert (caught.value.scope, caught.value.name) == ("run", run.run_id)
    assert caught.value.limit_usd == pytest.approx(1.5 * cost)
    assert caught.value.spent_usd == pytest.approx(2 * cost)
    assert str(caught.value) == (
        f"run 'report' has used up its budget: {2 * cost:.9g} of {1.5 * cost:.9g} USD spent; the call was not made"
    )


@each_door
def test_a_limit_beside_hooks_is_kept_too(door: Door, stand_in: StandIn, instrumented: Callable[..., None]) -> None:
    told = []
    fastagentic.hook("on_llm_start")(lambda ctx: told.append("start"))
    fastagentic.hook("on_error")(lambda ctx: told.append("error"))
    instrumented()

    with fastagentic.run("report", budget_usd=0), pytest.raises(fastagentic.BudgetExceeded):
        door.ask(stand_in.url())

    assert not stand_in.exchanges
    assert told == ["start"]


def test_a_hook_that_makes_a_call_again_asks_the_budget_again(stand_in: StandIn, instrumented: Callable[..., None]) -> None:
    fastagentic.hook("on_llm_end")(lambda ctx: fastagentic.HookResult.retry(max_retries=3))
    instrumented()
    door = ALL_DOORS[0]

    with fastagentic.run("report", budget_usd=1e9) as run:
        door.ask(stand_in.url())

    assert len(stand_in.exchanges) == 4
    assert run.usage.calls == 1


def test_a_refused_call_is_a_span_that_says_so_and_costs_nothing(memory: Memory, stand_in: StandIn) -> None:
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)

    with fastagentic.run("report", budget_usd=0) as run, pytest.raises(fastagentic.BudgetExceeded):
        ALL_DOORS[0].ask(stand_in.url())

    attributes = memory.spans[0].attributes or {}
    assert attributes["error.type"] == "BudgetExceeded"
    assert "gen_ai.usage.cost" not in attributes
    assert (run.usage.calls, run.usage.errors, run.usage.unpriced_calls) == (1, 1, 0)


def test_a_stream_that_was_closed_early_is_charged(stand_in: StandIn, instrumented: Callable[..., None]) -> None:
    import litellm

    instrumented()
    arguments: dict[str, Any] = {"api_base": stand_in.url(), "api_key": "sk-test", "stream": True}
    messages = [{"role": "user", "content": "What did the run cost?"}]

    with fastagentic.run("report", budget_usd=0.01) as run:
        stream = litellm.completion("gpt-4o-mini", messages, **arguments)
        for _ in range(5):
            next(stream)
        del stream
        fastagentic.flush(5)
        assert run.usage.cost > 0.01
        with pytest.raises(fastagentic.BudgetExceeded):
            litellm.completion("gpt-4o-mini", messages, **arguments)


def test_a_failed_call_costs_nothing(stand_in: StandIn, instrumented: Callable[..., None]) -> None:
    instrumented()
    door = ALL_DOORS[0]

    with fastagentic.run("report", budget_usd=1e-9):
        for _ in range(2):
            with pytest.raises(Exception, match=r"503|overloaded|unavailable"):
                door.ask(stand_in.url("fail-503"))


def test_a_router_with_fallbacks_is_refused_once_and_tries_nothing(
    stand_in: StandIn, instrumented: Callable[..., None]
) -> None:
    from litellm import Router

    instrumented()
    model = {"model": "gpt-4o-mini", "api_base": stand_in.url(), "api_key": "sk-test"}
    router = Router(
        [{"model_name": name, "litellm_params": model} for name in ("first", "second")], fallbacks=[{"first": ["second"]}]
    )

    async def ask() -> None:
        await router.acompletion("first", [{"role": "user", "content": "What did it cost?"}])

    with fastagentic.run("report", budget_usd=0):
        with pytest.raises(fastagentic.BudgetExceeded):
            router.completion("first", [{"role": "user", "content": "What did it cost?"}])
        with pytest.raises(fastagentic.BudgetExceeded):
            asyncio.run(ask())

    assert not stand_in.exchanges


def test_a_call_of_the_openai_sdk_is_refused_once_it_is_known_who_answers(
    stand_in: StandIn, instrumented: Callable[..., None]
) -> None:
    from openai import OpenAI

    instrumented()
    client = OpenAI(base_url=stand_in.url(), api_key="sk-test", default_headers=PORTKEY_HEADERS)

    with fastagentic.run("report", budget_usd=0), pytest.raises(fastagentic.BudgetExceeded):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])

    assert not stand_in.exchanges


def test_a_suppressed_call_has_no_budget(stand_in: StandIn, instrumented: Callable[..., None]) -> None:
    instrumented()

    with fastagentic.run("report", budget_usd=0), fastagentic.suppress():
        ALL_DOORS[0].ask(stand_in.url())

    assert len(stand_in.exchanges) == 1
