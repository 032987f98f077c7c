"""A stream stays the user's, and ends its call exactly once, in each of the ways a stream can end."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.core.names import StreamEnd
from fastagentic.observe.stream import observed
from tests.twins import TWINS, without_await

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Listener:
    """What a stream tells."""

    def __init__(self) -> None:
        self.chunks: list[Any] = []
        self.ends: list[tuple[StreamEnd, type[BaseException] | None]] = []
        self.is_abandoned = False

    def chunk(self, chunk: Any) -> None:
        self.chunks.append(chunk)

    def ended(self, end: StreamEnd, error: BaseException | None = None) -> None:
        self.ends.append((end, None if error is None else type(error)))

    def abandoned(self) -> None:
        self.is_abandoned = True


class Stream:
    """A client's synchronous stream: iterator, context manager, `close`, attributes of its own."""

    def __init__(self, chunks: list[Any], error: BaseException | None = None) -> None:
        self._chunks = iter(chunks)
        self._error = error
        self.response = "the response"
        self.is_closed = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._chunks)
        except StopIteration:
            if self._error is not None:
                raise self._error from None
            raise

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.is_closed = True


class AsyncStream:
    """A client's asynchronous stream, with `close` as the OpenAI SDK spells it."""

    def __init__(self, chunks: list[Any], error: BaseException | None = None) -> None:
        self._stream = Stream(chunks, error)
        self.is_closed = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        try:
            return next(self._stream)
        except StopIteration:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.is_closed = True


def test_an_exhausted_stream_ends_once_and_only_then() -> None:
    listener = Listener()
    stream = observed(Stream([1, 2, 3]), listener)
    assert list(stream) == [1, 2, 3]
    assert list(stream) == []
    assert listener.chunks == [1, 2, 3]
    assert listener.ends[0] == (StreamEnd.EXHAUSTED, None)
    assert not listener.is_abandoned


def test_a_closed_stream_is_closed_and_no_error() -> None:
    listener, theirs = Listener(), Stream([1, 2, 3])
    stream = observed(theirs, listener)
    next(stream)
    stream.close()
    assert theirs.is_closed
    assert listener.ends == [(StreamEnd.CLOSED, None)]


def test_a_stream_left_by_a_with_is_closed_and_the_with_hands_out_the_observed_one() -> None:
    listener, theirs = Listener(), Stream([1, 2, 3])
    with observed(theirs, listener) as stream:
        next(stream)
    assert theirs.is_closed
    assert listener.chunks == [1]
    assert listener.ends == [(StreamEnd.CLOSED, None)]


def test_a_stream_without_close_gets_one() -> None:
    listener = Listener()
    source = Stream([1, 2])

    class Bare:
        completion_stream = source

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            return next(source)

    stream = observed(Bare(), listener)
    next(stream)
    stream.close()
    assert source.is_closed
    assert listener.ends == [(StreamEnd.CLOSED, None)]


@pytest.mark.parametrize("read", [0, 1])
def test_a_stream_dropped_half_read_or_never_read_is_abandoned(read: int) -> None:
    listener = Listener()
    stream = observed(Stream([1, 2, 3]), listener)
    for _ in range(read):
        next(stream)
    del stream
    gc.collect()
    assert listener.is_abandoned
    assert listener.ends == []


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (ValueError("midway"), StreamEnd.ERROR),
        (KeyboardInterrupt(), StreamEnd.ERROR),
        (asyncio.CancelledError(), StreamEnd.CANCELLED),
        (GeneratorExit(), StreamEnd.CANCELLED),
    ],
)
def test_a_stream_that_fails_raises_the_identical_error_and_ends(error: BaseException, end: StreamEnd) -> None:
    listener = Listener()
    stream = observed(Stream([1], error), listener)
    next(stream)
    with pytest.raises(type(error)) as caught:
        next(stream)
    assert caught.value is error
    assert listener.ends == [(end, type(error))]


async def test_an_asynchronous_stream_ends_when_exhausted_closed_or_left() -> None:
    exhausted, closed, left = Listener(), Listener(), Listener()
    assert [chunk async for chunk in observed(AsyncStream([1, 2]), exhausted)] == [1, 2]
    theirs = AsyncStream([1, 2])
    await observed(theirs, closed).close()
    assert theirs.is_closed
    async with observed(AsyncStream([1, 2]), left) as stream:
        assert await anext(stream) == 1
    assert [one.ends[0][0] for one in (exhausted, closed, left)] == [
        StreamEnd.EXHAUSTED, StreamEnd.CLOSED, StreamEnd.CLOSED,
    ]  # fmt: skip


async def test_a_cancelled_reader_ends_the_stream_as_cancelled() -> None:
    listener = Listener()

    class Endless(AsyncStream):
        async def __anext__(self) -> Any:
            await asyncio.Event().wait()

    reader = asyncio.create_task(anext(observed(Endless([]), listener)))
    await asyncio.sleep(0)
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert listener.ends == [(StreamEnd.CANCELLED, asyncio.CancelledError)]


def test_a_stream_is_what_it_was_to_whoever_looks() -> None:
    theirs = Stream([1])
    stream = observed(theirs, Listener())
    assert isinstance(stream, Stream)
    assert stream.response == "the response"
    stream.note = "kept"
    assert theirs.note == "kept"
    assert not hasattr(stream, "__anext__")
    assert not [name for name in vars(theirs) if name.startswith("_self_")]


def test_a_stream_may_be_read_in_another_thread() -> None:
    listener = Listener()
    stream = observed(Stream(list(range(100))), listener)
    received: list[int] = []
    thread = threading.Thread(target=lambda: received.extend(stream))
    thread.start()
    thread.join()
    assert received == list(range(100))
    assert listener.ends == [(StreamEnd.EXHAUSTED, None)]


def test_what_is_no_stream_is_left_alone() -> None:
    assert observed(object(), Listener()) is None
    assert observed("text", Listener()) is None


@given(st.lists(st.integers()), st.integers(min_value=0, max_value=12), st.sampled_from(["exhaust", "close", "with"]))
def test_for_any_early_stop_the_user_receives_what_they_would_have_received_bare(
    chunks: list[int], read: int, way: str
) -> None:
    listener = Listener()
    bare, stream = Stream(chunks), observed(Stream(chunks), listener)
    if way == "exhaust":
        assert list(stream) == list(bare)
    elif way == "close":
        assert [next(stream, None) for _ in range(read)] == [next(bare, None) for _ in range(read)]
        stream.close()
    else:
        with stream as entered:
            assert [next(entered, None) for _ in range(read)] == [next(bare, None) for _ in range(read)]
    assert listener.chunks == chunks[: len(listener.chunks)]
    assert listener.ends


@pytest.mark.parametrize(("plain", "awaited"), TWINS, ids=lambda function: function.__qualname__)
def test_a_pair_differs_only_by_await(plain: Any, awaited: Any) -> None:
    assert without_await(awaited) == without_await(plain)
