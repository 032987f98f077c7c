"""A chat completion is one span with the provider's usage and the right cost, through whichever door it came."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from tests.clients.doors import DOORS, Door

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

every_door = pytest.mark.parametrize("door", DOORS, ids=str)
plain_and_streamed = pytest.mark.parametrize(
    "more", [{}, {"stream": True, "stream_options": {"include_usage": True}}], ids=["plain", "stream"]
)

# gpt-4o-mini, USD per million tokens, typed by hand on 2026-11-23: input 0.15, cached input 0.075, output 0.60.
INPUT, CACHED, OUTPUT = Decimal("0.15"), Decimal("0.075"), Decimal("0.60")


def cost_of(usage: dict[str, Any]) -> float:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    fresh = usage["prompt_tokens"] - cached
    return float((INPUT * fresh + CACHED * cached + OUTPUT * usage["completion_tokens"]) / 1_000_000)


@every_door
@plain_and_streamed
def test_a_call_is_one_span_with_the_usage_that_the_provider_stated(
    door: Door, more: dict[str, Any], stand_in: StandIn, recorded: Memory
) -> None:
    door.ask(stand_in.url(), **more)
    fastagentic.flush()
    (asked,) = stand_in.exchanges
    span = recorded.span
    assert span.name == "chat gpt-4o-mini"
    assert span.attributes is not None
    assert span.attributes["gen_ai.usage.input_tokens"] == asked.usage["prompt_tokens"]
    assert span.attributes["gen_ai.usage.output_tokens"] == asked.usage["completion_tokens"]
    assert span.attributes["gen_ai.usage.cost"] == pytest.approx(cost_of(asked.usage), rel=1e-12)
    assert "fastagentic.usage.estimated" not in span.attributes


@every_door
@plain_and_streamed
def test_the_span_says_who_was_asked_for_what(door: Door, more: dict[str, Any], stand_in: StandIn, recorded: Memory) -> None:
    door.ask(stand_in.url(), temperature=0.2, max_tokens=64, **more)
    fastagentic.flush()
    found = dict(recorded.span.attributes or {})
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.2,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.response.finish_reasons": ("stop",),
        "fastagentic.gateway": door.gateway,
        "fastagentic.cache.hit": False,
    }.items() <= found.items()
    assert found.get("gen_ai.request.stream") == (True if more else None)
    assert found.get("fastagentic.stream.end") == ("exhausted" if more else None)
    assert ("gen_ai.response.time_to_first_chunk" in found) == bool(more)


@every_door
def test_a_call_outside_any_run_is_a_trace_of_its_own_whose_id_is_its_run_id(
    door: Door, stand_in: StandIn, recorded: Memory
) -> None:
    door.ask(stand_in.url())
    span = recorded.span
    assert span.parent is None
    assert (span.attributes or {})["fastagentic.run.id"] == format(span.context.trace_id, "032x")


@every_door
@plain_and_streamed
def test_a_provider_error_ends_the_span_with_its_class_and_without_its_text(
    door: Door, more: dict[str, Any], stand_in: StandIn, recorded: Memory
) -> None:
    with pytest.raises(Exception, match="stand-in was asked to answer 500") as caught:
        door.ask(stand_in.url("fail-500"), **more)
    span = recorded.span
    assert span.status.status_code.name == "ERROR"
    assert span.status.description is None
    assert (span.attributes or {})["error.type"] == type(caught.value).__qualname__ == "InternalServerError"
    assert "gen_ai.usage.cost" not in (span.attributes or {})
    assert not span.events


@every_door
@plain_and_streamed
def test_nothing_of_prompt_or_answer_or_key_is_on_the_span(
    door: Door, more: dict[str, Any], stand_in: StandIn, recorded: Memory
) -> None:
    door.ask(stand_in.url(), **more)
    fastagentic.flush()
    written = repr(recorded.tree)
    assert "What did the run cost?" not in written
    assert "-test" not in written


@every_door
@plain_and_streamed
def test_what_the_user_gets_is_what_they_would_have_got_bare(
    door: Door, more: dict[str, Any], stand_in: StandIn, recorded: Memory
) -> None:
    observed = door.ask(stand_in.url(), **more)
    fastagentic.uninstrument()
    stand_in.reset()
    bare = door.ask(stand_in.url(), **more)
    assert type(observed) is type(bare)
    assert texts(observed) == texts(bare)


def texts(answer: Any) -> list[str | None]:
    if isinstance(answer, list):
        return [chunk.choices[0].delta.content for chunk in answer if chunk.choices]
    return [answer.choices[0].message.content]


@every_door
def test_an_unknown_model_has_no_cost_and_is_counted_as_unpriced(door: Door, stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("unpriced") as run:
        door.ask(stand_in.url(), model="openai/nobody-knows-1" if door.gateway == "litellm" else "nobody-knows-1")
    call = recorded.spans[0]
    assert "gen_ai.usage.cost" not in (call.attributes or {})
    assert (call.attributes or {})["fastagentic.cost.source"] == "unknown"
    assert (run.usage.unpriced_calls, run.usage.cost) == (1, 0.0)
    ((_, counted),) = recorded.metrics["fastagentic.cost.unpriced_calls"]
    assert counted == 1


@every_door
def test_a_stream_without_usage_is_estimated_and_says_so(door: Door, stand_in: StandIn, recorded: Memory) -> None:
    chunks = door.ask(stand_in.url(), stream=True)
    fastagentic.flush()
    found = dict(recorded.span.attributes or {})
    assert found["fastagentic.usage.estimated"] is True
    received = "".join(text for text in texts(chunks) if text)
    if door.gateway == "portkey":
        assert found["gen_ai.usage.output_tokens"] == -(-len(received) // 4)
        assert found["gen_ai.usage.input_tokens"] == -(-len("What did the run cost?") // 4) + 7  # one message, and priming
    else:
        import litellm

        assert found["gen_ai.usage.output_tokens"] == len(litellm.encoding.encode(received))
    assert found["gen_ai.usage.cost"] > 0


@every_door
def test_a_stream_that_breaks_midway_is_priced_by_what_came(door: Door, stand_in: StandIn, recorded: Memory) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  # whatever the client makes of a reset connection
        door.ask(stand_in.url("break-3"), stream=True)
    fastagentic.flush()
    found = dict(recorded.span.attributes or {})
    assert found["fastagentic.stream.end"] == "error"
    assert found["fastagentic.usage.estimated"] is True
    assert found["gen_ai.usage.cost"] > 0
    assert found["error.type"]


@every_door
def test_a_suppressed_call_leaves_nothing(door: Door, stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.suppress():
        door.ask(stand_in.url())
    fastagentic.flush()
    assert recorded.spans == []
    assert recorded.metrics.get("gen_ai.client.operation.duration") is None
