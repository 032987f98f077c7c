"""LiteLLM: its cache, its Router, its early names; one logical call is one LLM span whatever it tries inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litellm
import pytest
from litellm import completion as imported_before_instrument

import fastagentic
from tests.clients.doors import MESSAGES, MODEL
from tests.spans import as_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.spans import Memory


def ask(**more: Any) -> Any:
    return litellm.completion(model=MODEL, messages=MESSAGES, **{"mock_response": "four cents", **more})


@pytest.fixture
def cache() -> Iterator[None]:
    litellm.cache = litellm.Cache()
    yield
    litellm.cache = None


def router(**more: Any) -> litellm.Router:
    failing = {"model": "gpt-4o", "mock_response": "litellm.InternalServerError"}
    answering = {"model": MODEL, "mock_response": "four cents"}
    return litellm.Router(
        model_list=[
            {"model_name": "first", "litellm_params": failing},
            {"model_name": "second", "litellm_params": answering},
        ],
        fallbacks=[{"first": ["second"]}],
        num_retries=0,
        **more,
    )


def test_a_name_imported_before_instrumenting_is_observed(recorded: Memory) -> None:
    imported_before_instrument(model=MODEL, messages=MESSAGES, mock_response="four cents")
    assert recorded.span.name == "chat gpt-4o-mini"


def test_positional_arguments_are_read(recorded: Memory) -> None:
    litellm.completion(MODEL, MESSAGES, mock_response="four cents")
    assert (recorded.span.attributes or {})["gen_ai.request.model"] == MODEL


def test_the_cost_that_litellm_states_is_taken(recorded: Memory) -> None:
    answer = ask()
    found = dict(recorded.span.attributes or {})
    assert found["gen_ai.usage.cost"] == answer._hidden_params["response_cost"]
    assert found["fastagentic.cost.source"] == "gateway"


def test_an_override_beats_what_litellm_states(memory: Memory) -> None:
    fastagentic.instrument(
        destinations=[], tracer_provider=memory.tracer_provider, prices={MODEL: {"input": 1_000_000, "output": 0}}
    )
    answer = ask()
    found = dict(memory.span.attributes or {})
    assert found["gen_ai.usage.cost"] == float(answer.usage.prompt_tokens)
    assert found["fastagentic.cost.source"] == "override"


def test_a_cache_hit_costs_nothing_and_saves_what_the_first_call_cost(recorded: Memory, cache: None) -> None:
    ask(caching=True)
    ask(caching=True)
    first, second = (dict(span.attributes or {}) for span in recorded.spans)
    assert (first["fastagentic.cache.status"], second["fastagentic.cache.status"]) == ("miss", "hit")
    assert second["gen_ai.usage.cost"] == 0.0
    assert second["fastagentic.cost.saved"] == pytest.approx(first["gen_ai.usage.cost"])
    assert second["gen_ai.usage.input_tokens"] == first["gen_ai.usage.input_tokens"]


def test_a_call_that_opts_out_of_the_cache_says_disabled(recorded: Memory, cache: None) -> None:
    ask(caching=False)
    assert (recorded.span.attributes or {})["fastagentic.cache.status"] == "disabled"


def test_a_router_call_is_one_llm_span_with_an_attempt_span_per_try(recorded: Memory) -> None:
    with fastagentic.run("routed"):
        answer = router().completion(model="first", messages=MESSAGES)
    tree = [(name, parent) for name, parent, _ in recorded.tree]
    assert tree == [
        ("invoke_workflow routed", None),
        ("chat first", "invoke_workflow routed"),
        ("attempt 1", "chat first"),
        ("attempt 2", "chat first"),
    ]
    _, call, failed, won = (attributes for _, _, attributes in recorded.tree)
    assert call["gen_ai.usage.cost"] == answer._hidden_params["response_cost"]
    assert call["fastagentic.fallback.used"] is True
    assert call["gen_ai.response.model"] == MODEL
    assert (failed["fastagentic.attempt.number"], failed["error.type"]) == (1, "InternalServerError")
    assert (failed["fastagentic.attempt.model"], won["fastagentic.attempt.model"]) == ("gpt-4o", MODEL)
    assert not [name for name in {**failed, **won} if name.startswith("gen_ai.")]


async def test_the_routers_async_door_tells_the_same_story(recorded: Memory) -> None:
    await router().acompletion(model="first", messages=MESSAGES)
    assert [name for name, _, _ in recorded.tree] == ["chat first", "attempt 1", "attempt 2"]


def test_a_routed_call_is_counted_once(recorded: Memory) -> None:
    with fastagentic.run("routed") as run:
        router().completion(model="first", messages=MESSAGES)
    assert (run.usage.calls, run.usage.errors) == (1, 0)
    ((labels, count),) = recorded.metrics["fastagentic.gateway.requests"]
    assert (labels["fastagentic.outcome"], count) == ("rescued_by_fallback", 1)


def test_a_routed_stream_is_one_call_with_the_answer_of_the_winner(recorded: Memory) -> None:
    stream = router().completion(model="first", messages=MESSAGES, stream=True, stream_options={"include_usage": True})
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    fastagentic.flush()
    assert text == "four cents"
    (_, _, call), *attempts = as_tree(recorded.spans)
    assert call["gen_ai.usage.cost"] > 0
    assert call["fastagentic.stream.end"] == "exhausted"
    assert [name for name, _, _ in attempts] == ["attempt 1", "attempt 2"]


def test_a_users_own_callbacks_keep_firing(recorded: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    fired = threading.Event()
    monkeypatch.setattr(litellm, "success_callback", [lambda *_: fired.set()])
    ask()
    assert fired.wait(10)


def test_prices_that_the_user_registers_with_litellm_are_used(recorded: Memory) -> None:
    litellm.register_model(
        {"openai/own-model": {"input_cost_per_token": 0.001, "output_cost_per_token": 0.002, "litellm_provider": "openai"}}
    )
    stream = litellm.completion(
        model="openai/own-model", messages=MESSAGES, mock_response="four cents", stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    list(stream)
    found = dict(recorded.span.attributes or {})
    asked, answered = found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]
    assert found["gen_ai.usage.cost"] == pytest.approx(0.001 * asked + 0.002 * answered)


async def test_a_cancelled_call_ends_its_span_as_cancelled(recorded: Memory) -> None:
    import asyncio

    task = asyncio.create_task(litellm.acompletion(model=MODEL, messages=MESSAGES, mock_response="late", mock_delay=30))
    while not recorded.keeper.open:  # noqa: ASYNC110  # the span is the event
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (recorded.span.attributes or {})["error.type"] == "CancelledError"


def test_a_name_that_litellm_does_not_know_prints_nothing_of_ours(recorded: Memory, capfd: pytest.CaptureFixture[str]) -> None:
    routed = litellm.Router(model_list=[{"model_name": "my-group", "litellm_params": {"model": MODEL, "mock_response": "x"}}])
    routed.completion(model="my-group", messages=MESSAGES)
    stream = litellm.completion(model="openai/nobody-knows-1", messages=MESSAGES, mock_response="x", stream=True)
    list(stream)
    fastagentic.flush()
    assert capfd.readouterr().out == ""
