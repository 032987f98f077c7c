"""The gateway of an App or an endpoint, lent to the calls made in it: on the real Portkey gateway, and through LiteLLM."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic import App, agent_endpoint, llm
from fastagentic.context import UserInfo
from fastagentic.hooks import HookContext, hook
from fastagentic.integrations.litellm import LiteLLMGateway
from fastagentic.integrations.portkey import PortkeyGateway

from .serving import post

if TYPE_CHECKING:
    from fastagentic.demo.gateway import LocalGateway
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

MESSAGES = [{"role": "user", "content": "hi"}]


def target(stand_in: StandIn, behaviour: str) -> dict[str, Any]:
    return {"provider": "openai", "api_key": "sk-none", "custom_host": stand_in.url(behaviour)}


def falling_back(gateway: LocalGateway, stand_in: StandIn, **more: Any) -> PortkeyGateway:
    config = {"strategy": {"mode": "fallback"}, "targets": [target(stand_in, "fail-503"), target(stand_in, "ok")]}
    return PortkeyGateway(api_key="pk-none", base_url=gateway.url, config=config, **more)


async def by_portkey() -> str:
    """Plain code of somebody who has never heard of us."""
    from portkey_ai import AsyncPortkey

    answer: Any = await AsyncPortkey().chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    return str(answer.choices[0].message.content)


def by_blocking_portkey() -> str:
    from portkey_ai import Portkey

    answer: Any = Portkey().chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    return str(answer.choices[0].message.content)


async def by_asking() -> str:
    """Code that asks for the gateway's client."""
    answer: Any = await llm(async_=True).chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    return str(answer.choices[0].message.content)


def app_of(function: Any, gateway: Any, **more: Any) -> App:
    app = App(instrument=False, llm_gateway=gateway, **more)
    app.include(agent_endpoint("/ask")(function))
    return app


@pytest.mark.parametrize("function", [by_portkey, by_blocking_portkey, by_asking])
async def test_plain_code_in_an_endpoint_goes_through_the_apps_gateway(
    function: Any, portkey_gateway: LocalGateway, stand_in: StandIn, observed: Memory
) -> None:
    seen: list[Any] = []

    @hook("on_llm_end")
    def note(ctx: HookContext) -> None:
        seen.append(ctx.metadata["portkey"])

    app = app_of(function, falling_back(portkey_gateway, stand_in))
    answer = await post(app, "/ask")

    assert answer.status_code == 200, answer.text
    (_, _, _), (name, parent, found) = observed.tree
    assert (name, parent) == ("chat gpt-4o-mini", f"invoke_agent {function.__name__}")
    assert (found["fastagentic.gateway"], found["fastagentic.target.index"], found["fastagentic.fallback.used"]) == (
        "portkey",
        1,
        True,
    )
    assert (seen[0]["target_index"], seen[0]["fallback_used"]) == (1, True)
    assert [exchange["segment"] for exchange in stand_in.log.as_json()] == ["fail-503", "ok"]


async def test_the_endpoints_gateway_beats_the_apps(portkey_gateway: LocalGateway, stand_in: StandIn, observed: Memory) -> None:
    app = App(instrument=False, llm_gateway=PortkeyGateway(api_key="pk-none", base_url="http://127.0.0.1:9/v1"))
    app.include(agent_endpoint("/ask", llm_gateway=falling_back(portkey_gateway, stand_in))(by_portkey))

    assert (await post(app, "/ask")).status_code == 200


async def test_run_id_and_user_reach_the_gateway(stand_in: StandIn, observed: Memory) -> None:
    gateway = PortkeyGateway(
        api_key="pk-none",
        base_url=stand_in.url("portkey"),
        provider="openai",
        metadata={"_user": lambda ctx: ctx.user.id, "mail": lambda ctx: ctx.user.email, "app": "shop"},
    )
    who = UserInfo("u-42", email="u@acme.test")

    answer = await post(app_of(by_portkey, gateway, authenticate=lambda request: who), "/ask")

    assert answer.status_code == 200, answer.text
    headers = stand_in.log.as_json()[0]["headers"]
    assert headers["x-portkey-trace-id"] == answer.headers["x-run-id"]
    assert json.loads(headers["x-portkey-metadata"]) == {"_user": "u-42", "mail": "u@acme.test", "app": "shop"}


async def test_litellms_gateway_lends_its_fallbacks(stand_in: StandIn, observed: Memory) -> None:
    gateway = LiteLLMGateway(
        fallback_models=[{"model": "openai/gpt-4o", "api_base": stand_in.url(), "api_key": "sk-none"}], num_retries=0
    )

    async def ask() -> str:
        import litellm

        model = {"model": "openai/gpt-4o-mini", "api_base": stand_in.url("fail-500"), "api_key": "sk-none"}
        answer: Any = await litellm.acompletion(**model, messages=MESSAGES)
        return str(answer.choices[0].message.content)

    answer = await post(app_of(ask, gateway), "/ask")

    assert answer.status_code == 200, answer.text
    assert observed.tree[1][2]["gen_ai.response.model"].startswith("gpt-4o")
