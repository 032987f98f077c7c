"""The proxy around a client's stream. It stays the user's stream in every respect, and ends its call exactly once.

Exhausted, closed, left by a `with`, cancelled, failed, dropped half read or never read: each way ends the call. A pair of
methods differs by `await` alone.
"""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, Protocol

import wrapt

from fastagentic.core.errors import HookRejected
from fastagentic.core.names import StreamEnd

from .moments import aplay, play

if TYPE_CHECKING:
    from types import TracebackType

    from .moments import Moments


class StreamCall(Protocol):
    """What the proxy tells: an open call."""

    def chunk(self, chunk: Any) -> None:
        """A chunk has arrived."""

    def ended(self, end: StreamEnd, error: BaseException | None = None) -> Moments[Any] | None:
        """The stream is over; the first end counts. What hooks are to be told, if any."""

    def abandoned(self) -> None:
        """The stream was dropped."""


def observed(stream: Any, call: StreamCall) -> Any | None:
    """The stream behind a proxy that tells `call` what comes through; None when it is no stream at all."""
    kind = _KINDS.get((hasattr(stream, "__next__"), hasattr(stream, "__anext__")))
    return None if kind is None else kind(stream, call)


class _Proxy(wrapt.BaseObjectProxy[Any]):
    """State is spelled `_self_...`: any other name would be written onto the user's stream."""

    def __init__(self, wrapped: Any, call: StreamCall) -> None:
        super().__init__(wrapped)
        self._self_call = call
        self._self_dropped = weakref.finalize(self, call.abandoned)

    def _self_end(self, end: StreamEnd, error: BaseException | None = None, passing: BaseException | None = None) -> None:
        """`passing` is an exception of the user's on its way through a `with`: no hook's refusal takes its place."""
        self._self_dropped.detach()
        try:
            if (moments := self._self_call.ended(end, error)) is not None:
                play(moments)
        except HookRejected:
            if passing is None:
                raise

    async def _self_aend(
        self, end: StreamEnd, error: BaseException | None = None, passing: BaseException | None = None
    ) -> None:
        """The same for an async stream."""
        self._self_dropped.detach()
        try:
            if (moments := self._self_call.ended(end, error)) is not None:
                await aplay(moments)
        except HookRejected:
            if passing is None:
                raise


class ObservedStream(_Proxy):
    """A synchronous stream."""

    def __iter__(self) -> ObservedStream:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self.__wrapped__)
        except BaseException as end:  # StopIteration, Ctrl-C, failure: all end the call
            self._self_end(*_how(end))
            raise
        self._self_call.chunk(chunk)
        return chunk

    def __enter__(self) -> ObservedStream:
        enter = getattr(self.__wrapped__, "__enter__", None)
        if enter is not None:
            enter()
        return self  # never the bare stream, which would be read unobserved

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        leave = getattr(self.__wrapped__, "__exit__", None)
        try:
            return None if leave is None else leave(kind, error, trace)
        finally:
            self._self_end(StreamEnd.CLOSED, passing=error)

    def close(self) -> None:
        """Close the stream and its response; also where the client's own stream has no `close` (LiteLLM)."""
        try:
            _close(self.__wrapped__)
        finally:
            self._self_end(StreamEnd.CLOSED)


class ObservedAsyncStream(_Proxy):
    """An asynchronous stream."""

    def __aiter__(self) -> ObservedAsyncStream:
        return self

    async def __anext__(self) -> Any:
        try:
            chunk = await anext(self.__wrapped__)
        except BaseException as end:  # StopAsyncIteration, cancellation, Ctrl-C, failure: all end the call
            await self._self_aend(*_how(end))
            raise
        self._self_call.chunk(chunk)
        return chunk

    async def __aenter__(self) -> ObservedAsyncStream:
        enter = getattr(self.__wrapped__, "__aenter__", None)
        if enter is not None:
            await enter()
        return self  # never the bare stream, which would be read unobserved

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        leave = getattr(self.__wrapped__, "__aexit__", None)
        try:
            return None if leave is None else await leave(kind, error, trace)
        finally:
            await self._self_aend(StreamEnd.CLOSED, passing=error)

    async def aclose(self) -> None:
        """Close the stream and its response, by whichever name the client's own stream has for it."""
        try:
            await (getattr(self.__wrapped__, "aclose", None) or self.__wrapped__.close)()
        finally:
            await self._self_aend(StreamEnd.CLOSED)


class ObservedClosableAsyncStream(ObservedAsyncStream):
    """An asynchronous stream whose closing method is called `close` (the OpenAI SDK and those that vendor it)."""

    async def close(self) -> None:
        """Close the stream and its response."""
        await self.aclose()


class ObservedDualStream(ObservedStream, ObservedAsyncStream):
    """A stream that is read either way (LiteLLM has one class for both)."""


_KINDS: dict[tuple[bool, bool], type[_Proxy]] = {
    (True, False): ObservedStream,
    (False, True): ObservedClosableAsyncStream,
    (True, True): ObservedDualStream,
}


def _how(end: BaseException) -> tuple[StreamEnd, BaseException | None]:
    if isinstance(end, (StopIteration, StopAsyncIteration)):
        return StreamEnd.EXHAUSTED, None
    if isinstance(end, (asyncio.CancelledError, GeneratorExit)):
        return StreamEnd.CANCELLED, end
    return StreamEnd.ERROR, end


def _close(stream: Any) -> None:
    """Close a synchronous stream: its own `close`, or that of the iterator it reads from."""
    for closable in (stream, getattr(stream, "completion_stream", None)):
        close = getattr(closable, "close", None)
        if close is not None:
            close()
            return
