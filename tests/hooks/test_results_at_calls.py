"""What a hook's result does at an LLM call, cell by cell of the table, through real clients."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from openai import OpenAI
from portkey_ai import Portkey

import fastagentic
from fastagentic.hooks import HookContext, HookResult, hook
from tests.clients.doors import MESSAGES, MODEL

from .conftest import PORTKEY_HEADERS, each_door, streamed_or_not

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.provider import StandIn
    from tests.clients.doors import Door
    from tests.spans import Memory

    from .conftest import Told

OTHERS = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "And now?"}]
MOCKED = {"model": MODEL, "messages": MESSAGES, "mock_response": "It does."}


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING and one.name == "fastagentic"]


# --- on_llm_start ---------------------------------------------------------------------------------


@each_door
@streamed_or_not
def test_a_dict_updates_the_arguments_of_the_call(
    door: Door, stream: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_start", HookResult.modify({"model": "gpt-4o", "temperature": 0.25}))
    register("on_llm_start", HookResult.modify({"temperature": 0.5}), name="second")
    door.ask(stand_in.url("ok"), stream=stream)
    asked = stand_in.exchanges[0].body
    assert (asked["model"], asked["temperature"], asked["messages"]) == ("gpt-4o", 0.5, MESSAGES)
    assert told.of("second").model == "gpt-4o"
    span = recorded.span
    assert span.name == "chat gpt-4o"
    assert (span.attributes or {})["gen_ai.request.model"] == "gpt-4o"
    assert (span.attributes or {})["gen_ai.request.temperature"] == 0.5


@each_door
@streamed_or_not
def test_a_list_replaces_the_messages(
    door: Door, stream: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_start", HookResult.modify(OTHERS))
    register("on_llm_start", name="second")
    door.ask(stand_in.url("ok"), stream=stream)
    assert stand_in.exchanges[0].body["messages"] == OTHERS
    assert told.of("second").messages == OTHERS


def test_messages_that_a_hook_writes_into_are_not_the_users(recorded: Memory) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "mine"}]}]

    @hook("on_llm_start")
    def meddle(ctx: HookContext) -> None:
        ctx.messages[0]["content"][0]["text"] = "theirs"

    litellm.completion(**MOCKED | {"messages": messages})
    assert messages == [{"role": "user", "content": [{"type": "text", "text": "mine"}]}]


def test_a_list_replaces_the_input_of_a_response(stand_in: StandIn, recorded: Memory) -> None:
    hook("on_llm_start")(lambda ctx: HookResult.modify(OTHERS) if ctx.messages == [{"role": "user", "content": "Hi"}] else None)
    client = OpenAI(base_url=stand_in.url("ok"), api_key="sk-test", default_headers=PORTKEY_HEADERS)
    client.responses.create(model=MODEL, input="Hi")
    assert stand_in.exchanges[0].body["input"] == OTHERS


def test_what_stands_beside_the_body_is_changed_by_its_argument_s_name(stand_in: StandIn, recorded: Memory) -> None:
    changes = {"extra_headers": {"x-team": "blue"}, "extra_body": {"seed": 7}, "top_p": 0.5}
    hook("on_llm_start")(lambda ctx: HookResult.modify(changes))
    client = Portkey(api_key="pk-test", base_url=stand_in.url("ok"), provider="openai")
    client.chat.completions.create(model=MODEL, messages=MESSAGES)
    seen = stand_in.exchanges[0]
    assert (seen.headers["x-team"], seen.body["seed"], seen.body["top_p"]) == ("blue", 7, 0.5)


def test_captured_content_is_what_was_sent(stand_in: StandIn, memory: Memory) -> None:
    fastagentic.instrument(destinations=[], capture_content=True, tracer_provider=memory.tracer_provider)
    hook("on_llm_start")(lambda ctx: HookResult.modify([{"role": "user", "content": "And now?"}]))
    litellm.completion(**MOCKED)
    captured = str((memory.span.attributes or {})["gen_ai.input.messages"])
    assert "And now?" in captured
    assert MESSAGES[0]["content"] not in captured


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"stream": True}, "stream"), ("a text", "modify"), (7, "modify")],
    ids=["stream", "a text", "a number"],
)
def test_a_change_that_no_call_can_take_is_one_warning(
    changes: Any, why: str, recorded: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    hook("on_llm_start")(lambda ctx: HookResult.modify(changes))
    for _ in range(2):
        assert litellm.completion(**MOCKED).choices[0].message.content == "It does."
    (warning,) = warnings(caplog)
    assert why in warning
    assert "goes on" in warning


def test_an_embedding_has_no_messages_to_replace(stand_in: StandIn, recorded: Memory, caplog: pytest.LogCaptureFixture) -> None:
    hook("on_llm_start")(lambda ctx: HookResult.modify(OTHERS))
    litellm.embedding(model="text-embedding-3-small", input=["a"], api_base=stand_in.url("ok"), api_key="sk-test")
    assert stand_in.exchanges[0].body["input"] == ["a"]
    assert len(warnings(caplog)) == 1


@each_door
@streamed_or_not
@pytest.mark.parametrize(
    "answer", [HookResult.reject("not on a Sunday"), HookResult.skip("not on a Sunday")], ids=["reject", "skip"]
)
def test_a_refused_call_is_not_made(
    answer: HookResult, door: Door, stream: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_start", answer)
    for event in ("on_llm_start", "on_llm_end", "on_error"):
        register(event, name=f"later {event}")
    with pytest.raises(fastagentic.HookRejected, match="not on a Sunday") as raised:
        door.ask(stand_in.url("ok"), stream=stream)
    assert raised.value.event == "on_llm_start"
    assert stand_in.exchanges == []
    assert told.names == ["on_llm_start"]
    assert (recorded.span.attributes or {})["error.type"] == "HookRejected"


# --- on_llm_end -----------------------------------------------------------------------------------


@each_door
@streamed_or_not
def test_modify_changes_what_later_hooks_see_and_never_the_answer(
    door: Door, stream: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end", HookResult.modify("[redacted]"))
    register("on_llm_end", name="second")
    answer = door.ask(stand_in.url("ok"), stream=stream)
    assert told.of("second").response == "[redacted]"
    if not stream:
        assert answer.choices[0].message.content == stand_in.exchanges[0].text


@each_door
def test_skip_leaves_out_the_hooks_that_follow(
    door: Door, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end", HookResult.skip())
    register("on_llm_end", name="second")
    assert door.ask(stand_in.url("ok")).choices[0].message.content == stand_in.exchanges[0].text
    assert told.names == ["on_llm_end"]


@each_door
@streamed_or_not
def test_an_answer_that_is_refused_raises_and_its_cost_counts(
    door: Door, stream: bool, stand_in: StandIn, recorded: Memory, register: Callable[..., None]
) -> None:
    register("on_llm_end", HookResult.reject("no names in answers"))
    with (
        fastagentic.run("report") as run,
        pytest.raises(fastagentic.HookRejected, match="no names in answers") as raised,
    ):
        door.ask(stand_in.url("ok"), stream=stream)
    found = dict(recorded.spans[0].attributes or {})
    assert raised.value.event == "on_llm_end"
    assert found["error.type"] == "HookRejected"
    assert run.usage.cost == found["gen_ai.usage.cost"] > 0


@each_door
def test_retry_asks_again_and_each_is_an_attempt_that_was_paid_for(
    door: Door, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end", HookResult.retry(2))
    register("on_llm_end", name="second")
    register("on_retry")
    with fastagentic.run("report") as run:
        answer = door.ask(stand_in.url("ok"))
    assert answer.choices[0].message.content == stand_in.exchanges[-1].text
    assert len(stand_in.exchanges) == 3
    assert told.names == ["on_llm_end", "on_retry"] * 2 + ["on_llm_end", "second"]
    assert [ctx.retry_count for name, ctx in told.seen if name == "on_retry"] == [1, 2]
    assert [name for name, *_ in recorded.tree] == [
        "invoke_workflow report",
        f"chat {MODEL}",
        "attempt 1",
        "attempt 2",
        "attempt 3",
    ]
    usage = [one.usage for one in stand_in.exchanges if one.usage is not None]
    assert (run.usage.calls, run.usage.input_tokens) == (1, sum(one["prompt_tokens"] for one in usage))
    assert told.of("second").metadata[door.gateway]["cost"] == run.usage.cost


def test_a_second_answer_may_be_good_enough(recorded: Memory, register: Callable[..., None], told: Told) -> None:
    register("on_llm_end", lambda ctx: HookResult.retry() if ctx.retry_count == 0 else None)
    litellm.completion(**MOCKED)
    assert told.names == ["on_llm_end", "on_llm_end"]


def test_what_fails_when_it_is_asked_again_fails(
    stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_llm_end", HookResult.retry(1))
    register("on_error")
    register("on_retry", lambda ctx: failing.append(stand_in.url("fail-400")))
    failing: list[str] = []
    client = OpenAI(base_url=stand_in.url("ok"), api_key="sk-test", default_headers=PORTKEY_HEADERS, max_retries=0)
    register("on_retry", lambda ctx: setattr(client, "base_url", failing[0]), name="point elsewhere")
    with pytest.raises(Exception, match="400"):
        client.chat.completions.create(model=MODEL, messages=MESSAGES)
    tree = [(name, found.get("error.type")) for name, _, found in recorded.tree]
    assert tree == [(f"chat {MODEL}", "BadRequestError"), ("attempt 1", None), ("attempt 2", "BadRequestError")]


@each_door
def test_a_stream_that_was_handed_out_is_not_asked_for_again(
    door: Door, stand_in: StandIn, recorded: Memory, register: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    register("on_llm_end", HookResult.retry())
    for _ in range(2):
        door.ask(stand_in.url("ok"), stream=True)
    assert len(stand_in.exchanges) == 2
    (warning,) = warnings(caplog)
    assert "retry" in warning


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_refusal_does_not_take_the_place_of_the_users_own_exception(is_async: bool, recorded: Memory) -> None:
    hook("on_llm_end")(lambda ctx: HookResult.reject("no names in answers"))

    async def leave() -> None:
        if is_async:
            async with await litellm.acompletion(**MOCKED, stream=True) as stream:
                await anext(stream)
                raise LookupError("mine")
        with litellm.completion(**MOCKED, stream=True) as stream:
            next(stream)
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        asyncio.run(leave())


# --- on_error, on_retry ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [HookResult.modify("x"), HookResult.skip(), HookResult.retry()], ids=["modify", "skip", "retry"]
)
def test_an_error_of_a_call_is_nothing_that_a_hook_can_undo(
    answer: HookResult, stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    register("on_error", answer)
    register("on_error", name="second")
    for _ in range(2):
        with pytest.raises(litellm.BadRequestError):
            litellm.completion(model=MODEL, messages=MESSAGES, api_base=stand_in.url("fail-400"), api_key="sk-test")
    assert told.names == ["on_error", "second"] * 2
    assert len(warnings(caplog)) == 1


def test_reject_at_an_error_leaves_out_the_other_error_hooks(
    stand_in: StandIn, recorded: Memory, register: Callable[..., None], told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    register("on_error", HookResult.reject("seen"))
    register("on_error", name="second")
    with pytest.raises(litellm.BadRequestError):
        litellm.completion(model=MODEL, messages=MESSAGES, api_base=stand_in.url("fail-400"), api_key="sk-test")
    assert told.names == ["on_error"]
    assert warnings(caplog) == []


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_refusal_passes_through_a_run_and_stays_what_it_is(is_async: bool, recorded: Memory) -> None:
    hook("on_llm_start")(lambda ctx: HookResult.reject("no"))

    async def ask() -> None:
        with fastagentic.run("report"):
            await litellm.acompletion(**MOCKED) if is_async else litellm.completion(**MOCKED)

    with pytest.raises(fastagentic.FastagenticError):
        asyncio.run(ask())
    assert [(name, found["error.type"]) for name, _, found in recorded.tree] == [
        ("invoke_workflow report", "HookRejected"),
        (f"chat {MODEL}", "HookRejected"),
    ]
