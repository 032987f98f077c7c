"""Usage as providers and gateways spell it is the conventions' usage: every token counted once, none left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.clients._shapes import SHAPES, asked_usage
from fastagentic.clients._usage import read_usage
from fastagentic.core.call import LLMCall, Usage
from fastagentic.core.names import Operation


def call(shape: str = "chat") -> LLMCall:
    return LLMCall("portkey", "portkey", Operation.CHAT, "openai", "gpt-4o", shape=shape)


def read(stated: Any) -> Usage:
    usage = Usage()
    read_usage(usage, stated)
    return usage


def answered(shape: str, answer: dict[str, Any]) -> LLMCall:
    one = call(shape)
    SHAPES[shape].read_answer(one, answer)
    return one


def streamed(shape: str, *events: dict[str, Any]) -> LLMCall:
    one = call(shape)
    for event in events:
        SHAPES[shape].read_chunk(one, event)
    return one


def test_a_cache_beside_the_input_is_part_of_it_where_the_total_says_so() -> None:
    """Anthropic's counting in OpenAI's fields, as Portkey's gateway hands it on."""
    stated = {"cache_read_input_tokens": 400, "cache_creation_input_tokens": 100, "prompt_tokens": 50, "completion_tokens": 20}
    usage = read({**stated, "total_tokens": 570, "prompt_tokens_details": {"cached_tokens": 400}})
    assert usage == Usage(input_tokens=550, output_tokens=20, cache_read_tokens=400, cache_write_tokens=100)


def test_a_cache_within_the_input_is_not_added_again() -> None:
    """The same fields from Bedrock through the gateway, and from LiteLLM, whose input has the cache in it."""
    stated = {"cache_read_input_tokens": 400, "cache_creation_input_tokens": 100, "prompt_tokens": 550, "completion_tokens": 20}
    assert read({**stated, "total_tokens": 570}).input_tokens == 550


def test_a_stream_that_breaks_after_its_head_has_the_whole_input() -> None:
    head = {"prompt_tokens": 50, "cache_read_input_tokens": 400, "cache_creation_input_tokens": 100}
    assert read(head).input_tokens == 550


@pytest.mark.parametrize(("completion", "output"), [(100, 400), (400, 400)], ids=["beside", "within"])
def test_reasoning_is_part_of_the_output_wherever_it_was_counted(completion: int, output: int) -> None:
    """Gemini through the gateway and xAI count it beside, OpenAI within: the total tells."""
    usage = read(
        {
            "prompt_tokens": 1000, "completion_tokens": completion, "total_tokens": 1400,
            "completion_tokens_details": {"reasoning_tokens": 300},
        }
    )  # fmt: skip
    assert (usage.output_tokens, usage.reasoning_tokens) == (output, 300)


def test_media_are_counted_by_their_kind() -> None:
    usage = read(
        {
            "input_tokens": 500, "output_tokens": 300,
            "input_tokens_details": {"image_tokens": 200, "audio_tokens": 10, "text_tokens": 290},
            "output_tokens_details": {"image_tokens": 250, "text_tokens": 50},
        }
    )  # fmt: skip
    assert (usage.input_image_tokens, usage.input_audio_tokens, usage.output_image_tokens) == (200, 10, 250)


def test_gemini_counts_a_row_a_modality() -> None:
    rows = [
        {"modality": "TEXT", "tokenCount": 10},
        {"modality": "AUDIO", "tokenCount": 30},
        {"modality": "IMAGE", "tokenCount": 5},
    ]
    stated = {
        "promptTokenCount": 45, "candidatesTokenCount": 20, "thoughtsTokenCount": 7, "totalTokenCount": 72,
        "promptTokensDetails": rows, "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 20}],
    }  # fmt: skip
    usage = answered("google", {"usageMetadata": stated}).usage
    assert (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens) == (45, 27, 7)
    assert (usage.input_audio_tokens, usage.input_image_tokens, usage.output_image_tokens) == (30, 5, 20)


@pytest.mark.parametrize(
    "usage", [None, {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}], ids=["none", "LiteLLM's 0"]
)
def test_images_are_counted_where_no_tokens_are(usage: Any) -> None:
    found = answered("images", {"data": [{}, {}], "usage": usage}).usage
    assert (found.images, found.input_tokens) == (2, None)


def test_images_that_are_charged_by_the_token_are_not_counted_too() -> None:
    assert answered("images", {"data": [{}], "usage": {"input_tokens": 5, "output_tokens": 9}}).usage.images is None


def test_streamed_images_are_counted_when_they_are_done() -> None:
    partial, done = {"type": "image_generation.partial_image"}, {"type": "image_generation.completed"}
    assert streamed("images", partial, done, partial, done).usage.images == 2


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        ({"text": "hi", "usage": {"type": "duration", "seconds": 9}}, 9.0),
        ({"text": "hi", "duration": 8.47}, 8.47),
        ({"text": "hi", "duration": "8.47"}, 8.47),
        ({"text": "hi", "duration": "long"}, None),
        ({"text": "hi", "duration": -1}, None),
        ({"text": "hi", "duration": 8.47, "usage": {"type": "tokens", "input_tokens": 5, "output_tokens": 2}}, None),
    ],
)
def test_seconds_are_counted_where_no_tokens_are(answer: dict[str, Any], seconds: float | None) -> None:
    assert answered("transcription", answer).usage.audio_seconds == seconds


def test_only_what_is_spoken_is_counted_by_the_character() -> None:
    assert asked_usage("speech", {"input": "Zażółć"}).input_characters == 6
    assert asked_usage("chat", {"input": "hello"}) == Usage()


def test_opening_a_page_is_no_search() -> None:
    items = [
        {"type": "web_search_call", "status": "completed", "action": {"type": "search"}},
        {"type": "web_search_call", "status": "completed"},
        {"type": "web_search_call", "status": "failed", "action": {"type": "search"}},
        {"type": "web_search_call", "status": "completed", "action": {"type": "open_page"}},
        {"type": "message"},
    ]
    assert answered("responses", {"output": items}).usage.web_searches == 2


@pytest.mark.parametrize(
    ("shape", "events"),
    [
        ("chat", [{"id": "c", "service_tier": "auto", "choices": []}, {"service_tier": "flex", "usage": {}, "choices": []}]),
        ("responses", [{"response": {"service_tier": "auto"}}, {"response": {"service_tier": "flex"}}]),
        ("messages", [{"message": {"usage": {"service_tier": "flex"}}}, {"delta": {}, "usage": {"output_tokens": 3}}]),
    ],
)
def test_the_tier_of_a_stream_is_the_last_that_it_says(shape: str, events: list[dict[str, Any]]) -> None:
    assert streamed(shape, *events).service_tier == "flex"


counts = st.integers(0, 100_000)
junk = st.none() | st.booleans() | st.text(max_size=5) | st.lists(st.integers(), max_size=2) | st.floats() | counts


@given(counts, counts, counts, counts)
def test_the_parts_of_the_input_are_never_more_than_the_whole(fresh: int, said: int, cached: int, written: int) -> None:
    stated = {
        "prompt_tokens": fresh, "completion_tokens": said, "total_tokens": fresh + said + cached + written,
        "cache_read_input_tokens": cached, "cache_creation_input_tokens": written,
    }  # fmt: skip
    assert read(stated).input_tokens == fresh + cached + written


@given(st.dictionaries(st.sampled_from(["prompt_tokens", "total_tokens", "prompt_tokens_details", "server_tool_use"]), junk))
def test_any_usage_is_survived(stated: dict[str, Any]) -> None:
    usage = read(stated)
    assert usage.input_tokens is None or usage.input_tokens >= 0
