"""Hooks fire for every LLM call, through each door: what they are told agrees with the span and with the provider."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from fastagentic.core.names import StreamEnd
from fastagentic.hooks import HookContext, HookResult, hook
from fastagentic.hooks.dispatch import settle
from tests.clients.doors import DOORS, MESSAGES, MODEL

from .conftest import each_door, streamed_or_not

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.provider import StandIn
    from tests.clients.doors import Door
    from tests.spans import Memory

    from .conftest import Told

EVENTS = ("on_llm_start", "on_llm_end", "on_error", "on_retry")
MOCKED = {"model": MODEL, "messages": MESSAGES, "mock_response": "It does."}


@each_door
@streamed_or_not
def test_a_call_is_told_before_and_after(
    door: Door, stream: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    for event in EVENTS:
        register(event)
    with fastagentic.run("report", user="u-42", tenant="acme") as run:
        door.ask(stand_in.url("ok"), stream=stream)
    before, after = told.of("on_llm_start"), told.of("on_llm_end")
    assert told.names == ["on_llm_start", "on_llm_end"]
    assert (before.model, before.messages, before.usage, before.response) == (MODEL, MESSAGES, None, None)
    assert (before.run_id, before.endpoint, before.tenant) == (run.run_id, "report", "acme")
    assert before.user is not None
    assert before.user.id == "u-42"
    assert after.response == stand_in.exchanges[0].text if stream else after.response.choices[0].message.content
    assert after.duration_ms is not None


@each_door
@streamed_or_not
def test_what_the_hook_is_told_is_what_the_span_says(
    door: Door, stream: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end")
    with fastagentic.run("report") as run:
        door.ask(stand_in.url("ok"), stream=stream)
    found, ctx = dict(recorded.spans[0].attributes or {}), told.of("on_llm_end")
    facts = ctx.metadata[door.gateway]
    assert facts["cost"] == found["gen_ai.usage.cost"] == run.usage.cost
    assert facts["cache_hit"] is found["fastagentic.cache.hit"]
    assert facts["model"] == found["gen_ai.response.model"]
    assert facts["trace_id"] == run.run_id
    assert facts["cost_source"] == found["fastagentic.cost.source"]
    assert (facts["time_to_first_chunk_ms"] is not None) is stream
    assert ctx.usage is not None
    assert ctx.usage.input_tokens == found["gen_ai.usage.input_tokens"]
    assert (ctx.usage.cost, ctx.usage.model, ctx.usage.unpriced_calls) == (facts["cost"], facts["model"], 0)
    assert run.metadata[door.gateway] == facts


FACTS = {
    "cost", "cache_hit", "cache_status", "saved", "cost_source", "provider", "model", "target_index", "retries",
    "fallback_used", "trace_id", "latency_ms", "time_to_first_chunk_ms",
}  # fmt: skip


@each_door
def test_the_facts_are_those_of_the_table(
    door: Door, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end")
    door.ask(stand_in.url("ok"))
    assert set(told.of("on_llm_end").metadata[door.gateway]) == FACTS


def test_a_cost_that_nobody_knows_is_not_there(
    stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end")
    litellm.completion(model="openai/of-our-own", messages=MESSAGES, api_base=stand_in.url("ok"), api_key="sk-test")
    ctx = told.of("on_llm_end")
    assert "cost" not in ctx.metadata["litellm"]
    assert ctx.metadata["litellm"]["cost_source"] == "unknown"
    assert ctx.usage is not None
    assert (ctx.usage.cost, ctx.usage.unpriced_calls) == (0.0, 1)


def test_outside_any_run_the_run_id_is_the_trace_id(
    stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end")
    litellm.completion(**MOCKED)
    ctx = told.of("on_llm_end")
    assert ctx.run_id == f"{recorded.span.context.trace_id:032x}"
    assert (ctx.endpoint, ctx.user) == ("", None)


def test_every_operation_has_its_hooks(stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told) -> None:
    register("on_llm_start")
    register("on_llm_end")
    litellm.embedding(model="text-embedding-3-small", input=["a"], api_base=stand_in.url("ok"), api_key="sk-test")
    assert told.names == ["on_llm_start", "on_llm_end"]


@each_door
@streamed_or_not
def test_a_call_that_fails_is_told_as_an_error(
    door: Door, stream: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    for event in EVENTS:
        register(event)
    with pytest.raises(Exception, match="400") as raised:
        door.ask(stand_in.url("fail-400"), stream=stream)
    assert told.names == ["on_llm_start", "on_error"]
    assert told.of("on_error").error is raised.value


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_a_stream_that_breaks_is_an_error_with_what_came(
    door: Door, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end")
    register("on_error")
    with pytest.raises(Exception):  # noqa: B017, PT011  # whatever the client makes of it
        door.ask(stand_in.url("break-3"), stream=True)
    ctx = told.of("on_error")
    assert told.names == ["on_error"]
    assert ctx.response
    assert "cost" in ctx.metadata[door.gateway]


def test_a_closed_stream_ends_before_close_returns(recorded: Memory, register: Callable[..., None], told: Told) -> None:
    register("on_llm_end")
    stream = litellm.completion(**MOCKED, stream=True)
    next(stream)
    stream.close()
    assert told.names == ["on_llm_end"]
    stream.close()
    assert told.names == ["on_llm_end"]


async def test_an_async_stream_left_by_its_with_ends_in_the_task(stand_in: StandIn, recorded: Memory, told: Told) -> None:
    loops = []

    @hook("on_llm_end")
    async def end(ctx: HookContext) -> None:
        loops.append(asyncio.get_running_loop())

    async with await litellm.acompletion(**MOCKED, stream=True) as stream:
        await anext(stream)
    assert loops == [asyncio.get_running_loop()]


def test_an_abandoned_stream_fires_on_the_hooks_own_thread(recorded: Memory, register: Callable[..., None], told: Told) -> None:
    register("on_llm_end")
    stream = litellm.completion(**MOCKED, stream=True)
    next(stream)
    del stream
    gc.collect()
    fastagentic.flush()
    assert settle(10)
    assert told.names == ["on_llm_end"]
    assert (recorded.span.attributes or {})["fastagentic.stream.end"] == StreamEnd.ABANDONED


async def test_a_cancelled_stream_is_told_and_nobody_waits(
    stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end")
    started = asyncio.Event()

    async def read() -> None:
        stream = await litellm.acompletion(**MOCKED, stream=True)
        await anext(stream)

        async def never() -> Any:
            started.set()
            await asyncio.Event().wait()

        stream.__wrapped__.__class__ = type("Hangs", (type(stream.__wrapped__),), {"__anext__": lambda _: never()})
        await anext(stream)

    task = asyncio.create_task(read())
    await started.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(settle, 10)
    assert isinstance(told.of("on_llm_end").error, asyncio.CancelledError)


def test_what_a_hook_writes_into_metadata_reaches_the_run(recorded: Memory) -> None:
    @hook("on_llm_end")
    async def count(ctx: HookContext) -> None:
        ctx.metadata["calls"] = ctx.metadata.get("calls", 0) + 1
        ctx.metadata.setdefault("models", []).append(ctx.model)

    with fastagentic.run("report") as run:
        litellm.completion(**MOCKED)
        litellm.completion(**MOCKED)
    assert (run.metadata["calls"], run.metadata["models"]) == (2, [MODEL, MODEL])


async def test_fifty_tasks_each_have_their_own_metadata(recorded: Memory) -> None:
    @hook("on_llm_start")
    async def start(ctx: HookContext) -> HookResult:
        await asyncio.sleep(0)
        return HookResult.modify({"mock_response": f"for {ctx.endpoint}"})

    @hook("on_llm_end")
    async def end(ctx: HookContext) -> None:
        await asyncio.sleep(0)
        ctx.metadata["answer"] = ctx.response.choices[0].message.content
        ctx.metadata["own"] = ctx.metadata["litellm"]["trace_id"]

    async def one(number: int) -> Any:
        with fastagentic.run(f"run {number}") as run:
            await litellm.acompletion(**MOCKED)
        return run

    runs = await asyncio.gather(*(one(number) for number in range(50)))
    assert [run.metadata["answer"] for run in runs] == [f"for run {number}" for number in range(50)]
    assert all(run.metadata["own"] == run.run_id for run in runs)


async def test_calls_side_by_side_in_one_run_each_see_their_own_facts(recorded: Memory) -> None:
    all_started, seen = asyncio.Event(), []

    @hook("on_llm_end")
    async def end(ctx: HookContext) -> None:
        if len(recorded.keeper.open) == 11:  # ten calls and the run
            seen.append(None)
        if len(seen) == 10:
            all_started.set()
        await all_started.wait()
        assert ctx.usage is not None
        seen.append((ctx.metadata["litellm"]["cost"], ctx.usage.cost))

    with fastagentic.run("report"):
        texts = ["word " * number for number in range(1, 11)]
        await asyncio.gather(*(litellm.acompletion(**MOCKED | {"mock_response": text}) for text in texts))
    pairs = [pair for pair in seen if pair is not None]
    assert len(pairs) == 10
    assert all(one == other for one, other in pairs)


def test_a_hook_that_calls_a_model_is_observed_and_not_called_for_its_own_call(recorded: Memory) -> None:
    @hook("on_llm_start")
    def judge(ctx: HookContext) -> HookResult:
        verdict = litellm.completion(model="gpt-4o", messages=ctx.messages, mock_response="yes")
        return HookResult.modify({"mock_response": verdict.choices[0].message.content})

    answer = litellm.completion(**MOCKED)
    assert answer.choices[0].message.content == "yes"
    assert [name for name, *_ in recorded.tree] == [f"chat {MODEL}", "chat gpt-4o"]


def test_hooks_of_a_run_come_after_those_of_all(recorded: Memory, register: Callable[..., None], told: Told) -> None:
    class OfTheRun(fastagentic.Hook):
        async def on_llm_start(self, ctx: HookContext) -> HookResult:
            told.keep("of the run", ctx)
            return HookResult.proceed()

    register("on_llm_start", name="first")
    register("on_llm_start", name="second")
    with fastagentic.run("report") as run:
        run.hooks = (OfTheRun(),)
        litellm.completion(**MOCKED)
        with fastagentic.run("chapter"):
            litellm.completion(**MOCKED)
    litellm.completion(**MOCKED)
    assert told.names == ["first", "second", "of the run"] * 2 + ["first", "second"]


def test_a_hook_in_a_plain_thread_sees_its_run(recorded: Memory, register: Callable[..., None], told: Told) -> None:
    register("on_llm_end")
    with fastagentic.run("report"):
        thread = threading.Thread(target=litellm.completion, kwargs=MOCKED)
        thread.start()
        thread.join()
    assert told.of("on_llm_end").endpoint == "report"


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_on_retry_fires_when_the_client_tries_again(
    is_async: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_retry")
    asked = {
        "model": MODEL, "messages": MESSAGES, "api_base": stand_in.url("flaky-2-500"), "api_key": "sk-test",
        "max_retries": 0, "num_retries": 1,
    }  # fmt: skip  # the OpenAI SDK asks twice, then LiteLLM tries again
    if is_async:
        asyncio.run(litellm.acompletion(**asked))
    else:
        litellm.completion(**asked)
    ctx = told.of("on_retry")
    assert ctx.retry_count == 1
    assert "500" in str(ctx.error) or "InternalServerError" in type(ctx.error).__name__


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_on_retry_fires_for_each_further_try_of_a_router(
    is_async: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_retry")
    register("on_llm_end")
    deployment = {"model": f"openai/{MODEL}", "api_base": stand_in.url("flaky-2-500"), "api_key": "sk-test", "max_retries": 0}
    router = litellm.Router(
        model_list=[{"model_name": "ours", "litellm_params": deployment}], num_retries=2, retry_after=0, cooldown_time=0
    )
    if is_async:
        asyncio.run(router.acompletion(model="ours", messages=MESSAGES))
    else:
        router.completion(model="ours", messages=MESSAGES)
    assert told.names == ["on_retry", "on_retry", "on_llm_end"]
    assert [ctx.retry_count for name, ctx in told.seen if name == "on_retry"] == [1, 2]
