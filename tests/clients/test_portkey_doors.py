"""Portkey's other ways to ask: stream managers, raw and streaming responses, options, retries; and who is left alone."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Any

import pytest
from portkey_ai import AsyncPortkey, Portkey
from portkey_ai.api_resources.exceptions import InternalServerError
from pydantic import BaseModel

import fastagentic
from tests.clients.every_door import ASKED, MESSAGES

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

ASK: dict[str, Any] = {"model": "gpt-4o-mini", "messages": MESSAGES}
USAGE: dict[str, Any] = {"stream_options": {"include_usage": True}}


class Cost(BaseModel):
    cents: int


def sync(stand_in: StandIn, segment: str = "ok", **options: Any) -> Portkey:
    return Portkey(api_key="pk-test", base_url=stand_in.url(segment), provider="openai", **options)


def counted(stand_in: StandIn, recorded: Memory) -> None:
    """One span, with the usage that was stated."""
    fastagentic.flush()
    found = dict(recorded.span.attributes or {})
    (asked,) = stand_in.exchanges
    assert asked.answer_usage is not None
    assert recorded.span.name == "chat gpt-4o-mini"
    assert found["gen_ai.usage.output_tokens"] == asked.answer_usage["completion_tokens"]
    assert found["gen_ai.usage.cost"] > 0
    assert "error.type" not in found


def test_a_stream_manager_is_one_call(stand_in: StandIn, recorded: Memory) -> None:
    with sync(stand_in).openai_client.chat.completions.stream(**ASK, **USAGE) as stream:
        for _ in stream:
            pass
    counted(stand_in, recorded)


async def test_an_async_stream_manager_is_one_call(stand_in: StandIn, recorded: Memory) -> None:
    client = AsyncPortkey(api_key="pk-test", base_url=stand_in.url(), provider="openai")
    async with client.openai_client.chat.completions.stream(**ASK, **USAGE) as stream:
        async for _ in stream:
            pass
    counted(stand_in, recorded)


def test_a_stream_manager_of_the_responses_api_is_one_call(stand_in: StandIn, recorded: Memory) -> None:
    with sync(stand_in).responses.stream(model="gpt-4o-mini", input=ASKED) as stream:
        assert stream.get_final_response().output_text == stand_in.exchanges[0].text
    counted(stand_in, recorded)


@pytest.mark.parametrize("read", ["parse", "read", "json", "iter_lines", "iter_bytes"])
def test_a_streaming_response_is_one_call_however_its_body_is_read(read: str, stand_in: StandIn, recorded: Memory) -> None:
    with sync(stand_in).openai_client.chat.completions.with_streaming_response.create(**ASK) as response:
        body = getattr(response, read)()
        if read.startswith("iter"):
            list(body)
    counted(stand_in, recorded)


def test_a_streaming_response_that_is_not_read_is_one_call_of_unknown_cost(stand_in: StandIn, recorded: Memory) -> None:
    with sync(stand_in).openai_client.chat.completions.with_streaming_response.create(**ASK):
        pass
    gc.collect()
    fastagentic.flush()
    found = dict(recorded.span.attributes or {})
    assert "gen_ai.usage.input_tokens" not in found
    assert "gen_ai.usage.cost" not in found


def test_a_raw_response_of_a_stream_is_one_call(stand_in: StandIn, recorded: Memory) -> None:
    raw = sync(stand_in).openai_client.chat.completions.with_raw_response.create(**ASK, stream=True, **USAGE)
    assert raw.status_code == 200
    list(raw.parse())
    counted(stand_in, recorded)


def test_an_answer_that_parse_refuses_was_paid_for(stand_in: StandIn, recorded: Memory) -> None:
    with pytest.raises(Exception, match="JSON"):  # the stand-in answers in prose
        sync(stand_in).chat.completions.parse(**ASK, response_format=Cost)
    found = dict(recorded.span.attributes or {})
    assert found["error.type"] == "ValidationError"
    assert found["gen_ai.request.model"] == "gpt-4o-mini"


def test_with_options_is_the_same_call_with_other_headers(stand_in: StandIn, recorded: Memory) -> None:
    sync(stand_in).with_options(trace_id="mine", metadata={"team": "blue"}).chat.completions.create(**ASK)
    counted(stand_in, recorded)
    assert stand_in.exchanges[0].headers["x-portkey-trace-id"] == "mine"


def test_the_run_id_goes_out_with_prompts_and_posts_too(stand_in: StandIn, recorded: Memory) -> None:
    with fastagentic.run("lent") as run:
        sync(stand_in).prompts.completions.create(prompt_id="pp-1", variables={})
        sync(stand_in).post(url="/rerank", query="cost", documents=[])
    assert [asked.headers["x-portkey-trace-id"] for asked in stand_in.exchanges] == [run.run_id] * 2


def test_the_sdks_retries_of_a_prompt_are_one_call(stand_in: StandIn, recorded: Memory) -> None:
    client = sync(stand_in, "flaky-1-500")
    client.max_retries = 2
    with contextlib.suppress(InternalServerError):  # 2.2 throws the answer to its retry away
        client.prompts.completions.create(prompt_id="pp-1", variables={})
    assert (len(stand_in.exchanges), recorded.span.name) == (2, "chat")


def test_the_sdks_retries_of_a_chat_are_counted_on_its_span(stand_in: StandIn, recorded: Memory) -> None:
    sync(stand_in, "flaky-1-500").chat.completions.create(**ASK)
    assert (recorded.span.attributes or {})["fastagentic.retries"] == 1


def test_what_is_no_llm_call_is_left_alone(stand_in: StandIn, recorded: Memory) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011  # the stand-in serves none of it
        sync(stand_in).prompts.render(prompt_id="pp-1", variables={})
    with pytest.raises(Exception):  # noqa: B017, PT011
        sync(stand_in).models.list()
    assert recorded.spans == []


def test_nothing_of_what_was_asked_is_on_the_span(stand_in: StandIn, recorded: Memory) -> None:
    sync(stand_in).responses.create(model="gpt-4o-mini", input=ASKED, instructions="Be brief.")
    written = repr(recorded.tree)
    assert ASKED[:20] not in written
    assert "Be brief." not in written
    assert "pk-test" not in written
