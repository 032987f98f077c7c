"""Streams of the real SDKs over a wire that cuts the bytes wherever it is told to, and how users read and leave them.

A script is played twice, observed and bare; what it returns is what the user received, to the byte.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Final

import httpx

from tests.clients.openai_sdk import MODEL, messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

PORTKEY: Final = {"x-portkey-provider": "openai"}
ASK: Final[dict[str, Any]] = {"model": MODEL, "messages": messages("What did the run cost?"), "stream": True}
USAGE: Final = {"stream_options": {"include_usage": True}}

AT_LITELLM: Final = {"api_key": "sk-test", "api_base": "http://127.0.0.1:9/v1"}
"""At OpenAI's own address LiteLLM asks for usage by itself, and makes it up where none comes."""


def chat_body(texts: Sequence[str], number: int = 0, *, states_usage: bool = True) -> bytes:
    """A streamed chat completion: role, texts, finish reason, usage."""
    head = {"id": f"chatcmpl-{number}", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": text} for text in texts), {}]
    chunks: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas
    ]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    if states_usage:
        usage = {"prompt_tokens": 6, "completion_tokens": 1 + len(texts), "total_tokens": 7 + len(texts)}
        chunks.append({**head, "choices": [], "usage": usage})
    return body_of(chunks) + b"data: [DONE]\n\n"


def message_body(texts: Sequence[str], number: int = 0, *, states_usage: bool = True) -> bytes:
    """A streamed answer of Anthropic's Messages API."""
    head = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5", "content": []}
    usage = {"input_tokens": 6, "output_tokens": 1 + len(texts)} if states_usage else {}
    return body_of(
        [
            {"type": "message_start", "message": {**head, "usage": usage}},
            *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
            {"type": "message_stop"},
        ]
    )


def body_of(chunks: Sequence[dict[str, Any]]) -> bytes:
    """Server-sent events, their text as UTF-8."""
    return b"".join(b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\n\n" for chunk in chunks)


def cut(body: bytes, at: Sequence[int]) -> list[bytes]:
    """The body in pieces, cut at these places (taken by the body's length), be it within a letter."""
    places = sorted({0, len(body), *(place % (len(body) + 1) for place in at)})
    return [body[begin:end] for begin, end in pairwise(places)]


@dataclass
class Wire(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers each request with the next of these bodies, piece by piece. A wire that `breaks` does so after its last piece."""

    bodies: list[list[bytes]]
    breaks: bool = False
    asked: dict[str, Any] = field(default_factory=lambda: dict(ASK))
    """What the client asks for over it."""
    closed: int = 0
    """Responses that were closed, by whoever read them."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {"content-type": "text/event-stream", "x-portkey-provider": "openai"}
        return httpx.Response(200, headers=headers, stream=_Body(self.bodies.pop(0), self), request=request)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.handle_request(request)


class _Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, pieces: list[bytes], wire: Wire) -> None:
        self._pieces = pieces
        self._wire = wire

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces
        if self._wire.breaks:
            raise httpx.ReadError("cut off")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            await asyncio.sleep(0)
            yield piece

    def close(self) -> None:
        self._wire.closed += 1

    async def aclose(self) -> None:
        self._wire.closed += 1


def litellm_sync(wire: Wire) -> Any:
    import litellm

    return litellm.completion(**wire.asked, **AT_LITELLM, client=_openai(wire))


async def litellm_async(wire: Wire) -> Any:
    import litellm

    return await litellm.acompletion(**wire.asked, **AT_LITELLM, client=_async_openai(wire))


async def litellm_messages(wire: Wire) -> Any:
    import litellm
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    http = AsyncHTTPHandler()
    http.client = httpx.AsyncClient(transport=wire, trust_env=False)
    asked = {**wire.asked, "model": "anthropic/claude-sonnet-4-5", "max_tokens": 64}
    return await litellm.anthropic_messages(**asked, client=http, api_key="sk-test", api_base="http://127.0.0.1:9")


def _openai(wire: Wire) -> Any:
    from openai import OpenAI

    return OpenAI(
        api_key="sk-test", max_retries=0, http_client=httpx.Client(transport=wire, trust_env=False), default_headers=PORTKEY
    )


def _async_openai(wire: Wire) -> Any:
    from openai import AsyncOpenAI

    return AsyncOpenAI(
        api_key="sk-test",
        max_retries=0,
        http_client=httpx.AsyncClient(transport=wire, trust_env=False),
        default_headers=PORTKEY,
    )


def _portkey(wire: Wire) -> Any:
    from portkey_ai import Portkey

    return Portkey(
        api_key="pk-test", base_url="http://127.0.0.1:9/v1", http_client=httpx.Client(transport=wire, trust_env=False)
    )


def _async_portkey(wire: Wire) -> Any:
    from portkey_ai import AsyncPortkey

    return AsyncPortkey(
        api_key="pk-test", base_url="http://127.0.0.1:9/v1", http_client=httpx.AsyncClient(transport=wire, trust_env=False)
    )


async def portkey_async(wire: Wire) -> Any:
    return await _async_portkey(wire).chat.completions.create(**wire.asked)


async def openai_async(wire: Wire) -> Any:
    return await _async_openai(wire).chat.completions.create(**wire.asked)


async def openai_raw_async(wire: Wire) -> Any:
    return (await _async_openai(wire).chat.completions.with_raw_response.create(**wire.asked)).parse()


STREAMS: Final[dict[str, Callable[[Wire], Any]]] = {
    "litellm": litellm_sync,
    "portkey": lambda wire: _portkey(wire).chat.completions.create(**wire.asked),
    "portkey openai_client": lambda wire: _portkey(wire).openai_client.chat.completions.create(**wire.asked),
    "openai": lambda wire: _openai(wire).chat.completions.create(**wire.asked),
    "openai raw": lambda wire: _openai(wire).chat.completions.with_raw_response.create(**wire.asked).parse(),
}
ASYNC_STREAMS: Final[dict[str, Callable[[Wire], Any]]] = {
    "litellm": litellm_async,
    "litellm messages": litellm_messages,  # the bytes as they come
    "portkey": portkey_async,
    "openai": openai_async,
    "openai raw": openai_raw_async,
}
"""How a stream is opened over a wire."""

BODIES: Final = {"litellm messages": message_body}
"""What comes over it, where it is no chat completion."""

STREAMING_RESPONSES: Final[dict[str, Callable[[Wire], Any]]] = {
    "portkey": lambda wire: _portkey(wire).openai_client.chat.completions.with_streaming_response.create(**wire.asked),
    "openai": lambda wire: _openai(wire).chat.completions.with_streaming_response.create(**wire.asked),
}
"""Whose body is read as bytes, text or lines."""

WAYS: Final = ("exhaust", "close", "with", "raise", "drop")
ASYNC_WAYS: Final = (*WAYS, "cancel")
"""How a stream is left that has been read so far: `raise` is an exception of the user's in a `with`."""

ENDS: Final = {"close": "closed", "with": "closed", "raise": "closed", "drop": "abandoned", "cancel": "abandoned"}
"""What a stream's span says of how it was left; of a reader that is cancelled, where a chunk came first after all."""


@dataclass(frozen=True)
class Plan:
    """How many chunks are read of a stream, and how it is left then."""

    reads: int
    way: str


class Leaving(Exception):  # noqa: N818
    """The user's own, in the middle of a stream."""


def told(chunk: Any) -> object:
    """A chunk, as a value; but for the time at which it was made, which LiteLLM takes from its own clock."""
    return {**chunk.model_dump(), "created": 0} if hasattr(chunk, "model_dump") else chunk


def play(opened: Callable[[Wire], Any], wire: Wire, plans: Sequence[Plan], turns: Sequence[int]) -> list[list[object]]:
    """What the user receives of streams that are read in turns: chunks, and what was raised."""
    readers = [_read(opened(wire), plan) for plan in plans]
    received: list[list[object]] = [[] for _ in plans]
    for turn in turns:
        at = turn % len(plans)
        received[at].extend(islice(readers[at], 1))
    for at, reader in enumerate(readers):
        received[at].extend(reader)
    return received


def _read(stream: Any, plan: Plan) -> Iterator[object]:
    try:
        if plan.way in ("with", "raise"):
            with stream if hasattr(stream, "__enter__") else nullcontext(stream) as entered:  # bare, LiteLLM's has none
                yield from _chunks(entered, plan)
                if plan.way == "raise":
                    raise Leaving
        else:
            yield from _chunks(stream, plan)
            if plan.way == "close" and hasattr(stream, "close"):  # nor that
                stream.close()
    except Exception as error:
        yield type(error)


def _chunks(stream: Any, plan: Plan) -> Iterator[object]:
    for _ in range(10_000 if plan.way == "exhaust" else plan.reads):
        try:
            chunk = next(stream)
        except StopIteration:
            yield StopIteration
            return
        yield told(chunk)


async def aplay(opened: Callable[[Wire], Any], wire: Wire, plans: Sequence[Plan]) -> list[list[object]]:
    """The same for asynchronous streams, each read in a task of its own."""
    streams = [await opened(wire) for _ in plans]
    readers = [_aread(streams.pop(0), plan) for plan in plans]
    return await asyncio.gather(*readers)


async def _aread(stream: Any, plan: Plan) -> list[object]:
    received: list[object] = []
    try:
        if plan.way in ("with", "raise"):
            async with stream if hasattr(stream, "__aenter__") else nullcontext(stream) as entered:
                await _achunks(entered, plan, received)
                if plan.way == "raise":
                    raise Leaving
        else:
            await _achunks(stream, plan, received)
            if plan.way == "close":
                await (stream.aclose() if hasattr(stream, "aclose") else stream.close())
            elif plan.way == "cancel":
                await _cancelled(stream, received)
    except Exception as error:
        received.append(type(error))
    return received


async def _achunks(stream: Any, plan: Plan, received: list[object]) -> None:
    for _ in range(10_000 if plan.way == "exhaust" else plan.reads):
        try:
            chunk = await anext(stream)
        except StopAsyncIteration:
            received.append(StopIteration)
            return
        received.append(told(chunk))


async def _cancelled(stream: Any, received: list[object]) -> None:
    """Cancel whoever waits for the next chunk, if there is any to wait for."""
    task = asyncio.ensure_future(anext(stream, None))
    await asyncio.sleep(0)
    task.cancel()
    try:
        chunk = await task
        received.append(StopIteration if chunk is None else told(chunk))
    except asyncio.CancelledError:
        received.append(asyncio.CancelledError)


def end_of(plan: Plan, received: Sequence[object]) -> str:
    """How the span must say that its stream ended."""
    if StopIteration in received:
        return "exhausted"
    if asyncio.CancelledError in received:
        return "cancelled"
    return "error" if any(isinstance(item, type) and item is not Leaving for item in received) else ENDS[plan.way]
