"""Budgets of an App and of an endpoint: 402 with problem+json, before the call is made and however the endpoint would go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from fastagentic import App, agent_endpoint
from fastagentic.context import UserInfo
from fastagentic.core.errors import ConfigError
from tests.budgets.conftest import PRICES

from .serving import asking, events, is_problem, post

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn

FOR_NOTHING = {"run": 0}


def app_of(stand_in: StandIn, *, budget_usd: float | None = None, stream: bool = False, **more: Any) -> App:
    """An App whose endpoint makes one call and knows nothing of budgets."""
    app = App(telemetry={"destinations": [], "prices": PRICES}, **more)

    async def ask(text: str) -> str:
        import litellm

        messages = [{"role": "user", "content": text}]
        answer = await litellm.acompletion("gpt-4o-mini", messages, api_base=stand_in.url(), api_key="sk-test")
        return str(answer.choices[0].message.content)

    async def tell(text: str) -> Any:
        yield await ask(text)

    app.include(agent_endpoint("/ask", budget_usd=budget_usd, stream=stream)(tell if stream else ask))
    return app


async def test_over_a_budget_is_a_402_that_names_the_scope_and_no_amount(stand_in: StandIn) -> None:
    answer = await post(app_of(stand_in, budgets=FOR_NOTHING), "/ask", "hi")

    document = is_problem(answer, 402)
    assert document["title"] == "Payment Required"
    assert document["detail"] == "the budget of this run is used up"
    assert not stand_in.exchanges


async def test_a_stream_that_has_not_begun_is_a_402_too(stand_in: StandIn) -> None:
    answer = await post(app_of(stand_in, budgets=FOR_NOTHING, stream=True), "/ask", "hi")

    is_problem(answer, 402)
    assert not stand_in.exchanges


async def test_a_stream_that_has_begun_ends_with_the_problem(stand_in: StandIn) -> None:
    app = App(telemetry={"destinations": [], "prices": PRICES})

    async def tell(text: str) -> Any:
        import litellm

        yield "wait"
        await litellm.acompletion("gpt-4o-mini", [{"role": "user", "content": text}], api_base=stand_in.url(), api_key="sk-1")

    app.include(agent_endpoint("/tell", budget_usd=0, stream=True)(tell))
    answer = await post(app, "/tell", "hi")

    assert [(name, data["status"]) for name, data in events(answer.text)[1:]] == [("error", 402)]


async def test_an_endpoint_says_what_one_request_may_cost(stand_in: StandIn) -> None:
    app = app_of(stand_in, budget_usd=0.000_001)
    async with asking(app) as client:
        first = await client.post("/ask", json="hi")
        second = await client.post("/ask", json="hi")

    assert (first.status_code, second.status_code) == (200, 200)  # each request is a run, and makes one call


async def test_each_user_and_each_endpoint_has_a_limit(stand_in: StandIn) -> None:
    def authenticate(request: Any) -> UserInfo:
        return UserInfo(id=request.headers["authorization"])

    app = app_of(stand_in, budgets={"user": 0.000_001}, authenticate=authenticate)
    async with asking(app) as client:
        statuses = [
            (await client.post("/ask", json="hi", headers={"authorization": user})).status_code
            for user in ("ann", "ann", "bob", "bob")
        ]

    assert statuses == [200, 402, 200, 402]


async def test_a_refusal_is_neither_tried_again_nor_told_as_an_error(
    stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    fastagentic.hook("on_error")(lambda ctx: told.append("error"))
    fastagentic.hook("on_retry")(lambda ctx: told.append("retry"))

    is_problem(await post(app_of(stand_in, budgets=FOR_NOTHING, retry=3, fallback=["gpt-4o"]), "/ask", "hi"), 402)

    assert told == []
    assert not [record for record in caplog.records if "failed" in record.getMessage()]


async def test_an_apps_budgets_hold_where_the_program_instrumented_first(
    stand_in: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    fastagentic.instrument(destinations=[], prices=PRICES)
    app = app_of(stand_in, budgets=FOR_NOTHING)

    is_problem(await post(app, "/ask", "hi"), 402)

    (line,) = [record.getMessage() for record in caplog.records if "is not taken up" in record.getMessage()]
    assert "budgets" not in line


def test_budgets_that_are_none_are_an_error_that_names_the_argument(stand_in: StandIn) -> None:
    with pytest.raises(ConfigError, match=r"budgets: run \(App\(budgets=\.\.\.\)\) is 'much'; it takes an amount of USD"):
        App(budgets={"run": "much"})
    with pytest.raises(ConfigError, match=r"agent_endpoint\('/ask', budget_usd=\.\.\.\) is -1; it takes an amount of USD"):
        app_of(stand_in, budget_usd=-1)
