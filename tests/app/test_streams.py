"""Streamed answers over server-sent events, and clients that go away."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import BaseModel

import fastagentic
from fastagentic import App, agent_endpoint

from .serving import events, is_problem, post, served, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory


class Piece(BaseModel):
    text: str


def streamer(function: Any, **told: Any) -> App:
    app = App(instrument=False)
    app.include(agent_endpoint("/stream", stream=True, **told)(function))
    return app


async def asynchronous(text: str) -> AsyncIterator[Piece]:
    for word in text.split():
        yield Piece(text=word)


def blocking(text: str) -> Iterator[Piece]:
    for word in text.split():
        yield Piece(text=word)


async def returned(text: str) -> Any:
    return asynchronous(text)


@pytest.mark.parametrize("function", [asynchronous, blocking, returned])
async def test_a_stream_is_an_event_for_each_piece_and_one_at_the_end(function: Any) -> None:
    answer = await post(streamer(function), "/stream", "a b")

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert events(answer.text) == [
        ("", {"text": "a"}),
        ("", {"text": "b"}),
        ("done", {"run_id": answer.headers["x-run-id"]}),
    ]


async def test_one_answer_is_a_stream_of_one() -> None:
    async def whole(text: str) -> Piece:
        return Piece(text=text)

    answer = await post(streamer(whole), "/stream", "a b")

    assert events(answer.text)[0] == ("", {"text": "a b"})


async def test_no_piece_at_all_is_a_stream_that_ends() -> None:
    answer = await post(streamer(asynchronous), "/stream", "")

    assert [name for name, _ in events(answer.text)] == ["done"]


async def test_a_piece_may_hold_line_ends() -> None:
    async def lines(text: str) -> Any:
        yield text

    answer = await post(streamer(lines), "/stream", "a\n\nb\r\nc\u2028d")

    assert events(answer.text)[0] == ("", "a\n\nb\r\nc\u2028d")


class Runnable:
    """Streams as LangChain's do."""

    async def astream(self, body: Any) -> AsyncIterator[str]:
        for word in body.split():
            yield word


async def test_a_runnable_streams_where_it_can() -> None:
    async def stands_for(text: str) -> AsyncIterator[str]:
        raise NotImplementedError

    answer = await post(streamer(stands_for, runnable=Runnable()), "/stream", "a b")

    assert [data for _, data in events(answer.text)[:-1]] == ["a", "b"]


async def test_a_stream_is_one_run_with_its_calls(stand_in: StandIn, observed: Memory) -> None:
    async def words(text: str) -> Any:
        import litellm

        model = {"model": "openai/gpt-4o-mini", "api_base": stand_in.url(), "api_key": "sk-none"}
        async for chunk in await litellm.acompletion(**model, messages=[{"role": "user", "content": text}], stream=True):
            yield chunk.choices[0].delta.content or ""

    answer = await post(streamer(words), "/stream", "hi")

    (root, parent, found), (call, above, _) = observed.tree
    assert (root, parent, call, above) == ("invoke_agent words", None, "chat openai/gpt-4o-mini", "invoke_agent words")
    assert found["fastagentic.run.id"] == answer.headers["x-run-id"]
    assert found["fastagentic.run.calls"] == 1


# --- what goes wrong ------------------------------------------------------------------------------


async def test_what_fails_before_the_first_piece_has_its_own_status(observed: Memory) -> None:
    async def fails(text: str) -> Any:
        raise ConnectionError
        yield text

    answer = await post(streamer(fails), "/stream", "hi")

    is_problem(answer, 502)
    assert (observed.span.attributes or {})["error.type"] == "ConnectionError"


async def test_what_fails_later_is_the_streams_last_event(observed: Memory) -> None:
    async def fails(text: str) -> Any:
        yield text
        raise ConnectionError

    answer = await post(streamer(fails), "/stream", "hi")

    (_, first), (end, problem) = events(answer.text)
    assert (answer.status_code, first, end) == (200, "hi", "error")
    assert (problem["status"], problem["run_id"]) == (502, answer.headers["x-run-id"])
    assert (observed.span.attributes or {})["error.type"] == "ConnectionError"


@pytest.mark.parametrize(("yields", "seen"), [(0, None), (1, "error")])
async def test_a_stream_that_takes_too_long_is_a_504(yields: int, seen: str | None, observed: Memory) -> None:
    async def hangs(text: str) -> Any:
        for _ in range(yields):
            yield text
        await asyncio.Event().wait()

    answer = await post(streamer(hangs, timeout=0.1), "/stream", "hi")

    if seen is None:
        is_problem(answer, 504)
    else:
        assert [(name, data.get("status")) for name, data in events(answer.text)[1:]] == [(seen, 504)]
    assert (observed.span.attributes or {})["error.type"] == "RunTimedOut"


async def test_a_piece_that_does_not_fit_ends_the_stream() -> None:
    async def wrong(text: str) -> AsyncIterator[Piece]:
        yield Piece(text=text)
        yield 3  # type: ignore[misc]
        yield Piece(text="never")

    answer = await post(streamer(wrong, output_model=dict[str, str]), "/stream", "hi")

    (_, first), (end, problem) = events(answer.text)
    assert (first, end, problem["status"]) == ({"text": "hi"}, "error", 500)


# --- clients that go ------------------------------------------------------------------------------


class Waiting:
    """An endpoint that waits until it is cancelled, having given some pieces."""

    def __init__(self, stand_in: StandIn | None = None) -> None:
        self.stand_in = stand_in
        self.begun = threading.Event()
        self.cleaned = threading.Event()

    async def whole(self) -> str:
        await self._wait()
        return "never"

    async def pieces(self) -> Any:
        yield "first"
        await self._wait()

    async def _wait(self) -> None:
        self.begun.set()
        try:
            if self.stand_in is None:
                await asyncio.Event().wait()
            else:
                await ask(self.stand_in.url("slow-30000ms"))
        finally:
            await asyncio.sleep(0)  # what cleans up may wait
            self.cleaned.set()


async def ask(url: str) -> None:
    import litellm

    model = {"model": "openai/gpt-4o-mini", "api_base": url, "api_key": "sk-none"}
    await litellm.acompletion(**model, messages=[{"role": "user", "content": "hi"}], num_retries=0)


def app_of(waiting: Waiting) -> App:
    app = App(instrument=False)

    @agent_endpoint("/whole")
    async def whole() -> str:
        return await waiting.whole()

    @agent_endpoint("/pieces", stream=True)
    async def pieces() -> Any:
        async for piece in waiting.pieces():
            yield piece

    return app


@pytest.mark.parametrize("path", ["/whole", "/pieces"])
@pytest.mark.parametrize("calls", [False, True], ids=["waiting", "in a call"])
def test_a_client_that_goes_cancels_its_run_and_the_span_says_so(
    path: str, calls: bool, stand_in: StandIn, observed: Memory
) -> None:
    waiting = Waiting(stand_in if calls else None)

    with served(app_of(waiting)) as url:
        leave_when(waiting.begun, f"{url}{path}")
        assert waiting.cleaned.wait(30)
        until(lambda: any(span.name.startswith("invoke_agent") for span in observed.spans))

    root = observed.spans[-1].attributes or {}
    assert (root["error.type"], root["http.response.status_code"]) == ("ClientDisconnected", 499)
    if calls:
        call = observed.spans[0]
        assert (call.name, (call.attributes or {})["error.type"]) == ("chat openai/gpt-4o-mini", "CancelledError")


def leave_when(begun: threading.Event, url: str) -> None:
    """Ask, and hang up in the middle."""

    async def main() -> None:
        async with httpx.AsyncClient() as client:
            asking = asyncio.create_task(read(client, url))
            await asyncio.to_thread(begun.wait)
            asking.cancel()
            await asyncio.wait({asking})

    asyncio.run(main())


async def read(client: httpx.AsyncClient, url: str) -> None:
    async with client.stream("POST", url) as answer:
        async for _ in answer.aiter_raw():
            pass


def test_a_client_that_goes_while_it_sends_ends_its_run(observed: Memory) -> None:
    import socket
    from urllib.parse import urlsplit

    async def whole(text: str) -> str:
        return text

    app = App(instrument=False)
    app.include(agent_endpoint("/whole")(whole))

    with served(app) as url:
        place = urlsplit(url)
        with socket.create_connection((str(place.hostname), int(place.port or 0))) as connection:
            connection.sendall(b'POST /whole HTTP/1.1\r\nHost: app\r\nContent-Length: 1000\r\n\r\n"begun')
        until(lambda: observed.spans)

    assert (observed.span.attributes or {})["error.type"] == "ClientDisconnected"


@pytest.mark.slow
def test_a_thousand_streams_at_once_are_all_answered_and_leave_nothing(observed: Memory) -> None:
    number, pieces = 1000, 5
    everybody = threading.Semaphore(0)
    together = asyncio.Event()

    async def stream(name: str) -> Any:
        yield name
        everybody.release()
        if everybody._value >= number:
            together.set()
        await together.wait()  # so that all of them are open at the same moment
        for piece in range(pieces):
            yield f"{name}-{piece}"

    async def one(client: httpx.AsyncClient, url: str, name: str) -> list[Any]:
        answer = await client.post(f"{url}/stream", json=name)
        return events(answer.text)

    async def all_of_them(url: str) -> list[list[Any]]:
        limits = httpx.Limits(max_connections=number)
        async with httpx.AsyncClient(limits=limits, timeout=120) as client:
            return await asyncio.gather(*(one(client, url, f"s{n}") for n in range(number)))

    with served(streamer(stream)) as url:
        found = asyncio.run(all_of_them(url))

    for n, seen in enumerate(found):
        assert [data for _, data in seen[:-1]] == [f"s{n}", *(f"s{n}-{piece}" for piece in range(pieces))]
        assert seen[-1][0] == "done"
    roots = [span for span in observed.spans if span.name == "invoke_agent stream"]
    assert len(roots) == len({(span.attributes or {})["fastagentic.run.id"] for span in roots}) == number
    assert fastagentic.current_run() is None
    assert json.dumps(sorted(observed.keeper.open)) == "[]"
