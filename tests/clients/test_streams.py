"""Streams of the real SDKs: where their usage is found, who may read them, and that they stay what they were."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from tests.clients.cut_wire import ASK, ASYNC_STREAMS, MODEL, STREAMS, USAGE, Wire, body_of

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

FIRST = {"prompt_tokens": 7, "completion_tokens": 1, "total_tokens": 8}
LAST = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}


def chunk(text: str | None = None, reason: str | None = None, usage: dict[str, int] | None = None) -> dict[str, Any]:
    """A chunk of a chat; one without text and reason has no choice."""
    delta = {} if text is None else {"role": "assistant", "content": text}
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}] if text is not None or reason else []
    head = {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": choices}
    return head if usage is None else {**head, "usage": usage}


BODIES = {
    "in a chunk of its own": [chunk("four"), chunk(reason="stop"), chunk(usage=LAST)],
    "beside the last choice": [chunk("four"), chunk(reason="stop", usage=LAST)],
    "in two chunks, of which the later counts": [chunk("four", usage=FIRST), chunk(reason="stop"), chunk(usage=LAST)],
    "in every chunk, the last one counts": [chunk("four", usage=FIRST), chunk(reason="stop", usage=LAST)],
}
SILENT = [chunk("four cents"), chunk(reason="stop")]

by_every_stream = pytest.mark.parametrize(
    "stream", [*((name, False) for name in STREAMS), *((name, True) for name in ASYNC_STREAMS if name != "litellm messages")],
    ids=lambda stream: f"{stream[0]}-{'async' if stream[1] else 'sync'}",
)  # fmt: skip
Named = tuple[str, bool]


def wire_of(chunks: list[dict[str, Any]], **more: Any) -> Wire:
    return Wire([[body_of(chunks) + b"data: [DONE]\n\n"]], asked={**ASK, **more})


def read(stream: Named, wire: Wire) -> list[Any]:
    """The whole of it."""
    name, is_async = stream
    if not is_async:
        return list(STREAMS[name](wire))

    async def reading() -> list[Any]:
        return [item async for item in await ASYNC_STREAMS[name](wire)]

    return asyncio.run(reading())


def found(memory: Memory) -> dict[str, Any]:
    fastagentic.flush()
    return dict(memory.span.attributes or {})


@by_every_stream
@pytest.mark.parametrize("where", BODIES)
def test_usage_is_found_wherever_it_is_stated(where: str, stream: Named, recorded: Memory) -> None:
    read(stream, wire_of(BODIES[where], **USAGE))
    attributes = found(recorded)
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (11, 5)
    assert attributes["gen_ai.usage.cost"] == pytest.approx((11 * 0.15 + 5 * 0.60) / 1e6)  # typed by hand on 2026-11-24
    assert "fastagentic.usage.estimated" not in attributes


@by_every_stream
def test_usage_that_is_stated_nowhere_is_estimated(stream: Named, recorded: Memory) -> None:
    read(stream, wire_of(SILENT))
    attributes = found(recorded)
    assert attributes["fastagentic.usage.estimated"] is True
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert attributes["gen_ai.usage.output_tokens"] in (2, 3)  # two tokens; ten characters, a token for each four
    assert attributes["gen_ai.usage.cost"] > 0


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_one_call_of_the_run_in_which_it_was_asked_for_whichever_thread_reads_it(
    name: str, recorded: Memory
) -> None:
    with fastagentic.run("asked") as run:
        stream = STREAMS[name](wire_of(BODIES["in a chunk of its own"]))
    received: list[Any] = []
    thread = threading.Thread(target=lambda: received.extend(stream))
    thread.start()
    thread.join()
    fastagentic.flush()
    call = next(span for span in recorded.spans if span.name.startswith("chat"))
    assert received
    assert (call.attributes or {})["fastagentic.run.id"] == run.run_id
    assert (call.attributes or {})["fastagentic.stream.end"] == "exhausted"
    assert run.usage.calls == 1


@pytest.mark.parametrize("name", ASYNC_STREAMS)
async def test_a_stream_may_be_read_in_another_task(name: str, recorded: Memory) -> None:
    wire = wire_of(BODIES["in a chunk of its own"])
    async with fastagentic.run("asked") as run:
        stream = await ASYNC_STREAMS[name](wire)

    async def reading() -> list[Any]:
        async with fastagentic.run("elsewhere"):
            return [item async for item in stream]

    assert await asyncio.create_task(reading())
    fastagentic.flush()
    call = next(span for span in recorded.spans if span.name.startswith("chat"))
    assert (call.attributes or {})["fastagentic.run.id"] == run.run_id
    assert (call.attributes or {})["fastagentic.stream.end"] == "exhausted"


@pytest.mark.parametrize("name", STREAMS)
def test_a_with_hands_out_the_observed_stream_and_closes_the_response(name: str, recorded: Memory) -> None:
    wire = wire_of(BODIES["in a chunk of its own"])
    with STREAMS[name](wire) as stream:
        next(stream)
    attributes = found(recorded)
    assert attributes["fastagentic.stream.end"] == "closed"
    assert attributes["gen_ai.response.id"] == "c-1"  # of the chunk that was read through it
    if name != "litellm":  # whose own has no `with`; ours ends the call and leaves the response to it
        assert wire.closed == 1


@pytest.mark.parametrize("name", STREAMS)
def test_close_ends_the_call_and_closes_the_response_also_of_litellms_stream_that_has_none(name: str, recorded: Memory) -> None:
    wire = wire_of(BODIES["in a chunk of its own"])
    stream = STREAMS[name](wire)
    next(stream)
    stream.close()
    stream.close()
    assert wire.closed == 1
    assert found(recorded)["fastagentic.stream.end"] == "closed"


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_keeps_its_class_and_its_attributes(name: str, recorded: Memory) -> None:
    stream = STREAMS[name](wire_of(SILENT))
    fastagentic.uninstrument()
    bare = STREAMS[name](wire_of(SILENT))
    assert stream.__class__ is bare.__class__
    assert isinstance(stream, type(bare))
    assert set(dir(bare)) <= set(dir(stream))
    assert vars(stream).keys() == vars(bare).keys()
    for own in ("response", "completion_stream"):
        assert type(getattr(stream, own, None)) is type(getattr(bare, own, None))
    list(stream)


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_stream_of_geminis_api_through_litellm_is_one_call(is_async: bool, stand_in: StandIn, recorded: Memory) -> None:
    from litellm import google_genai

    asked = {"model": "openai/gpt-4o-mini", "contents": [{"role": "user", "parts": [{"text": "What did it cost?"}]}]}
    at = {"api_base": stand_in.url(), "api_key": "sk-test"}

    async def reading() -> list[Any]:
        if is_async:
            stream = await google_genai.agenerate_content_stream(**asked, **at)
        else:  # by way of another API, the sync function too returns a stream that is read by `async for`
            stream = google_genai.generate_content_stream(**asked, **at)
        return [piece async for piece in stream]

    assert asyncio.run(reading())
    attributes = found(recorded)
    assert recorded.span.name == "generate_content openai/gpt-4o-mini"
    assert attributes["fastagentic.stream.end"] == "exhausted"
    # Before 1.109 LiteLLM asks for no usage, and none is estimated: what it makes may be pictures.
    is_stated = "gen_ai.usage.input_tokens" in attributes
    assert attributes["fastagentic.cost.source"] == ("price_table" if is_stated else "unknown")
