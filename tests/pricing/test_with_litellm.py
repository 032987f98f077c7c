"""LiteLLM itself, answering on its own: what it states and calculates, what is taken off, and what is not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic

if TYPE_CHECKING:
    from tests.spans import Memory

QUESTION: dict[str, Any] = {"messages": [{"role": "user", "content": "Hello?"}], "mock_response": "Hello!"}


def instrument(memory: Memory, prices: Any = None) -> None:
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, prices=prices)


def cost_of(memory: Memory, model: str, *, stream: bool = False) -> tuple[float | None, str]:
    answer = litellm.completion(model=model, stream=stream, **QUESTION)
    if stream:
        for _ in answer:
            pass
    attributes = dict(memory.spans[-1].attributes or {})
    cost = attributes.get("gen_ai.usage.cost")
    assert cost is None or isinstance(cost, float)
    return cost, str(attributes["fastagentic.cost.source"])


def test_a_model_that_litellms_list_has_lost_is_priced_by_the_table(memory: Memory) -> None:
    assert "claude-opus-4-1" not in litellm.model_cost, "take another model that LiteLLM serves and has no price for"
    instrument(memory)

    cost, source = cost_of(memory, "anthropic/claude-opus-4-1")

    assert cost == pytest.approx(10 * 15e-6 + 20 * 75e-6)
    assert source == "price_table"


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_nobody_has_a_price_for_is_not_free(memory: Memory, stream: bool) -> None:
    instrument(memory)

    assert cost_of(memory, "fireworks_ai/nobody-1", stream=stream) == (None, "unknown")


@pytest.mark.parametrize("stream", [False, True])
def test_a_machine_of_ones_own_is_free(memory: Memory, stream: bool) -> None:
    instrument(memory)

    assert cost_of(memory, "ollama/nobody-1", stream=stream)[0] == 0.0


def test_a_discount_is_taken_off_an_answer_as_it_is_off_a_stream(memory: Memory) -> None:
    whole = litellm.completion(model="gpt-4o-mini", **QUESTION)._hidden_params["response_cost"]
    instrument(memory, {"openai/*": {"discount": 25}})

    answered, _ = cost_of(memory, "gpt-4o-mini")
    streamed, _ = cost_of(memory, "gpt-4o-mini", stream=True)
    tokens = dict(memory.spans[-1].attributes or {})

    assert answered == pytest.approx(0.75 * whole)
    asked, said = tokens["gen_ai.usage.input_tokens"], tokens["gen_ai.usage.output_tokens"]
    assert isinstance(asked, int)
    assert isinstance(said, int)
    assert streamed == pytest.approx(0.75 * (asked * 0.15e-6 + said * 0.60e-6))
