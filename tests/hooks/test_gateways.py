"""What hooks are told of a gateway: by the real one, by its hosted headers, by a proxy that only its answer gives away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from openai import AsyncOpenAI, OpenAI
from openai._base_client import AsyncAPIClient
from portkey_ai import Portkey

import fastagentic
from fastagentic.hooks import HookResult
from tests.clients.doors import MESSAGES, MODEL
from tests.clients.openai_sdk import canned
from tests.clients.test_portkey import ANSWER, ask, client

from .conftest import PORTKEY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.gateway import LocalGateway
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

    from .conftest import Told

sync_and_async = pytest.mark.parametrize("kind", ["sync", "async"])


def test_of_the_real_gateway_the_hook_knows_who_answered(
    portkey_gateway: LocalGateway, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    targets = [
        {"provider": "openai", "api_key": "sk-test", "custom_host": stand_in.url(segment)} for segment in ("fail-503", "ok")
    ]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    portkey = Portkey(api_key="pk-test", base_url=portkey_gateway.url, config=config)
    register("on_llm_start", HookResult.modify({"temperature": 0.5}))
    register("on_llm_end")
    with fastagentic.run("report") as run:
        portkey.chat.completions.create(model=MODEL, messages=MESSAGES)
    facts = told.of("on_llm_end").metadata["portkey"]
    assert (facts["target_index"], facts["fallback_used"], facts["provider"]) == (1, True, "openai")
    assert (facts["cost"], facts["cost_source"]) == (run.usage.cost, "price_table")
    assert [(one.segment, one.status, one.body["temperature"]) for one in stand_in.exchanges] == [
        ("fail-503", 503, 0.5),
        ("ok", 200, 0.5),
    ]


@pytest.mark.parametrize(
    ("header", "is_hit", "cost"), [("HIT", True, 0.0), ("SEMANTIC HIT", True, 0.0), ("MISS", False, 0.00027)]
)
def test_a_hook_knows_whether_the_cache_answered(
    header: str, is_hit: bool, cost: float, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end")
    ask(client({"x-portkey-cache-status": header, "x-portkey-provider": "openai"}))
    facts = told.of("on_llm_end").metadata["portkey"]
    assert facts["cache_hit"] is is_hit
    assert facts["cost"] == pytest.approx(cost)
    assert facts["saved"] == (pytest.approx(0.00027) if is_hit else None)


@sync_and_async
def test_a_call_that_only_its_answer_gives_away_has_its_end(
    kind: str, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    for event in ("on_llm_start", "on_llm_end"):
        register(event)
    http = canned(kind, ANSWER, {"x-litellm-call-id": "c-1", "x-litellm-version": "1.104.0"})
    settings: dict[str, Any] = {"base_url": "http://127.0.0.1:9/v1", "api_key": "sk-test", "http_client": http}
    asked: dict[str, Any] = {"model": MODEL, "messages": MESSAGES}
    if kind == "sync":
        OpenAI(**settings).chat.completions.create(**asked)
    else:
        asyncio.run(AsyncOpenAI(**settings).chat.completions.create(**asked))
    assert told.names == ["on_llm_end"]
    assert told.of("on_llm_end").metadata["litellm"]["model"] == ANSWER["model"]


@sync_and_async
def test_a_call_that_no_gateway_answers_has_no_hooks(
    kind: str, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    for event in ("on_llm_start", "on_llm_end"):
        register(event)
    http = canned(kind, ANSWER, {})
    settings: dict[str, Any] = {"base_url": "http://127.0.0.1:9/v1", "api_key": "sk-test", "http_client": http}
    asked: dict[str, Any] = {"model": MODEL, "messages": MESSAGES}
    if kind == "sync":
        answer = OpenAI(**settings).chat.completions.create(**asked)
    else:
        answer = asyncio.run(AsyncOpenAI(**settings).chat.completions.create(**asked))
    assert answer.id == ANSWER["id"]
    assert told.names == []


def raw(url: str, *, is_streamed: bool) -> Any:
    with OpenAI(base_url=url, api_key="sk-test", default_headers=PORTKEY_HEADERS) as sdk:
        if not is_streamed:
            return sdk.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES).parse()  # type: ignore[arg-type]
        with sdk.chat.completions.with_streaming_response.create(model=MODEL, messages=MESSAGES) as response:  # type: ignore[arg-type]
            return response.parse()


async def raw_later(url: str, *, is_streamed: bool) -> Any:
    async with AsyncOpenAI(base_url=url, api_key="sk-test", default_headers=PORTKEY_HEADERS) as sdk:
        if not is_streamed:
            return (await sdk.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)).parse()  # type: ignore[arg-type]
        async with sdk.chat.completions.with_streaming_response.create(model=MODEL, messages=MESSAGES) as response:  # type: ignore[arg-type]
            return await response.parse()


@sync_and_async
@pytest.mark.parametrize("is_streamed", [False, True], ids=["raw", "streaming"])
def test_raw_responses_have_hooks_too(
    is_streamed: bool, kind: str, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    for event in ("on_llm_start", "on_llm_end"):
        register(event)
    url = stand_in.url("ok")
    answer = raw(url, is_streamed=is_streamed) if kind == "sync" else asyncio.run(raw_later(url, is_streamed=is_streamed))
    ctx = told.of("on_llm_end")
    assert told.names == ["on_llm_start", "on_llm_end"]
    assert answer.choices[0].message.content == stand_in.exchanges[0].text
    choice = ctx.response["choices"][0] if is_streamed else ctx.response.choices[0].model_dump()
    assert choice["message"]["content"] == stand_in.exchanges[0].text
    assert "cost" in ctx.metadata["portkey"]


def test_an_async_method_under_somebodys_plain_wrapper_has_hooks(
    stand_in: StandIn, memory: Memory, register: Callable[..., None], told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = AsyncAPIClient.request
    monkeypatch.setattr(AsyncAPIClient, "request", lambda self, *args, **kwargs: theirs(self, *args, **kwargs))
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    register("on_llm_start", HookResult.modify({"temperature": 0.5}))
    register("on_llm_end", HookResult.reject("no"))
    register("on_error")

    async def asked(segment: str) -> None:
        settings: dict[str, Any] = {"base_url": stand_in.url(segment), "api_key": "sk-test", "max_retries": 0}
        async with AsyncOpenAI(**settings, default_headers=PORTKEY_HEADERS) as sdk:
            await sdk.chat.completions.create(model=MODEL, messages=MESSAGES)  # type: ignore[arg-type]

    with pytest.raises(fastagentic.HookRejected):
        asyncio.run(asked("ok"))
    with pytest.raises(Exception, match="400"):
        asyncio.run(asked("fail-400"))
    assert told.names == ["on_llm_start", "on_llm_end", "on_llm_start", "on_error"]
    assert [one.body["temperature"] for one in stand_in.exchanges] == [0.5, 0.5]
