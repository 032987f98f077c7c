"""What LiteLLM tries by itself (fallbacks, retries, the Router) is one LLM span with the winner's answer, the tries below."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from tests.clients import every_door
from tests.clients.every_door import ASKED, MESSAGES, awaited

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

MODEL = "gpt-4o-mini"
INPUT, OUTPUT = 0.15e-6, 0.60e-6  # USD per token, typed by hand on 2026-11-23


def complete(is_async: bool, **arguments: Any) -> Any:
    if is_async:
        return asyncio.run(awaited(litellm.acompletion, arguments))
    return litellm.completion(**arguments)


def at(stand_in: StandIn, segment: str, **more: Any) -> dict[str, Any]:
    return {"messages": MESSAGES, "api_base": stand_in.url(segment), "api_key": "sk-test", "max_retries": 0, **more}


def told(recorded: Memory) -> list[tuple[str, str | None, str | None]]:
    return [(name, parent, found.get("error.type")) for name, parent, found in recorded.tree]


sync_and_async = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


@sync_and_async
def test_fallbacks_are_one_call_in_one_trace_with_the_cost_of_the_winner(
    is_async: bool, stand_in: StandIn, recorded: Memory
) -> None:
    winner = {"model": MODEL, "api_base": stand_in.url("ok")}
    complete(is_async, model="gpt-4o", fallbacks=[winner], **at(stand_in, "fail-500"))
    assert told(recorded) == [
        ("chat gpt-4o", None, None),
        ("attempt 1", "chat gpt-4o", "InternalServerError"),
        ("attempt 2", "chat gpt-4o", None),
    ]
    assert len({span.context.trace_id for span in recorded.spans}) == 1
    (_, _, call), *_ = recorded.tree
    usage = stand_in.exchanges[-1].usage
    assert call["gen_ai.response.model"] == MODEL
    assert call["fastagentic.fallback.used"] is True
    assert call["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert call["gen_ai.usage.cost"] == pytest.approx(INPUT * usage["prompt_tokens"] + OUTPUT * usage["completion_tokens"])


@sync_and_async
def test_retries_are_one_call_with_the_first_try_told_too(is_async: bool, stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("retried") as run:  # the OpenAI SDK asks twice, then LiteLLM tries again
        complete(is_async, model=MODEL, num_retries=1, **at(stand_in, "flaky-2-500"))
    assert told(recorded)[1:] == [
        (f"chat {MODEL}", "invoke_workflow retried", None),
        ("attempt 1", f"chat {MODEL}", "InternalServerError"),
        ("attempt 2", f"chat {MODEL}", None),
    ]
    assert (len(stand_in.exchanges), run.usage.calls) == (3, 1)


@sync_and_async
def test_retries_in_vain_are_one_failed_call(is_async: bool, stand_in: StandIn, recorded: Memory) -> None:
    with pytest.raises(litellm.InternalServerError):
        complete(is_async, model=MODEL, num_retries=1, **at(stand_in, "fail-500"))
    failed = "InternalServerError"
    assert told(recorded) == [
        (f"chat {MODEL}", None, failed),
        ("attempt 1", f"chat {MODEL}", failed),
        ("attempt 2", f"chat {MODEL}", failed),
    ]


def test_an_error_that_the_user_is_handling_is_no_first_try(stand_in: StandIn, recorded: Memory) -> None:
    try:
        raise LookupError("the user's own")
    except LookupError:
        winner = {"model": MODEL, "api_base": stand_in.url("ok")}
        litellm.completion(model="gpt-4o", fallbacks=[winner], **at(stand_in, "fail-500"))
    assert [name for name, _, _ in recorded.tree] == ["chat gpt-4o", "attempt 1", "attempt 2"]


def test_a_batch_is_as_many_calls_as_it_has_prompts(stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("batch") as run:
        answers = litellm.batch_completion(model=MODEL, **{**at(stand_in, "ok"), "messages": [MESSAGES] * 3})
    assert len(answers) == run.usage.calls == 3
    assert told(recorded)[1:] == [(f"chat {MODEL}", "invoke_workflow batch", None)] * 3


@pytest.mark.parametrize(
    ("method", "row"),
    [
        ("acompletion", "completion"),
        ("atext_completion", "text_completion"),
        ("aembedding", "embedding"),
        ("aresponses", "responses"),
        ("aanthropic_messages", "anthropic_messages"),
        ("aimage_generation", "image_generation"),
        ("aimage_edit", "image_edit"),
        ("atranscription", "transcription"),
        ("aspeech", "speech"),
        ("arerank", "rerank"),
    ],
)
def test_each_method_of_the_router_is_one_call_with_its_tries_below(
    method: str, row: str, stand_in: StandIn, recorded: Memory
) -> None:
    (asked,) = [one for one in every_door.LITELLM if row in (one.plain, one.awaited)]
    if asked.needs is not None:
        pytest.importorskip(asked.needs, reason=f"litellm imports {asked.needs} for this call, which is not installed")
    router = routed(asked, stand_in)
    asyncio.run(awaited(getattr(router, method), {"model": "first", **asked.arguments()}))
    (name, parent, call), *attempts = recorded.tree
    assert (name, parent) == (f"{asked.operation} first", None)
    assert call["fastagentic.fallback.used"] is True
    assert call["gen_ai.usage.cost"] > 0
    assert [(name, found.get("error.type")) for name, _, found in attempts] == [
        ("attempt 1", "InternalServerError"),
        ("attempt 2", None),
    ]


def routed(row: every_door.Row, stand_in: StandIn) -> litellm.Router:
    """A Router over two deployments of the row's model, the first of which fails."""

    def deployment(name: str, segment: str) -> dict[str, Any]:
        base = row.base.format(url=stand_in.url(segment), bare=f"{stand_in.base}/{segment}")
        return {"model_name": name, "litellm_params": {"model": row.model, "api_base": base, "api_key": "sk-test"}}

    return litellm.Router(
        model_list=[deployment("first", "fail-500"), deployment("second", "ok")],
        fallbacks=[{"first": ["second"]}],
        num_retries=0,
    )


def test_a_router_made_before_instrumenting_is_observed(stand_in: StandIn, memory: Memory) -> None:
    (row,) = [one for one in every_door.LITELLM if one.plain == "moderation"]
    router = routed(row, stand_in)
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    asyncio.run(router.amoderation(model="second", input=ASKED))
    assert memory.tree[0][0] == "moderation second"
    assert len([name for name, _, _ in memory.tree if name.startswith("moderation")]) == 1


def test_an_embedding_made_inside_a_chat_is_a_call_of_its_own(
    stand_in: StandIn, recorded: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: Any, **__: Any) -> Any:
        litellm.embedding(model="text-embedding-3-small", input=ASKED, api_base=stand_in.url(), api_key="sk-test")
        return "four cents"

    class Own(litellm.CustomLLM):
        def completion(self, *args: Any, **kwargs: Any) -> Any:
            answer()
            return litellm.ModelResponse(choices=[{"message": {"role": "assistant", "content": "four cents"}}])

    monkeypatch.setattr(litellm, "custom_provider_map", [{"provider": "own-llm", "custom_handler": Own()}])
    litellm.completion(model="own-llm/one", messages=MESSAGES)
    assert told(recorded) == [
        ("chat own-llm/one", None, None),
        ("embeddings text-embedding-3-small", "chat own-llm/one", None),
    ]
