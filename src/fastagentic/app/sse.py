"""A streamed answer, by server-sent events: an event for each piece, `done` at the end, `error` where it broke off.

The run lives in a task of its own, which hands its pieces to the response and is cancelled with it. What fails before the
first piece is a problem with its own status; a stream that has begun can only say so.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

import anyio
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from .incoming import wait_unless_gone
from .problems import ClientDisconnected, problem_of
from .turn import REJECT, SKIP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from starlette.types import Message, Receive, Scope, Send

    from .turn import Turn

    Sending = MemoryObjectSendStream[ServerSentEvent]
    Receiving = MemoryObjectReceiveStream[ServerSentEvent]

SEP: Final = "\n"
DONE: Final = "done"
ERROR: Final = "error"
NOTHING_LEFT: Final = object()

AFTER_A_STREAM: Final = frozenset({SKIP})
AFTER_A_PIECE: Final = frozenset({REJECT})
"""What hooks may still ask for when something has been handed out."""


class RunStream(EventSourceResponse):
    """The response; when it ends, in whichever way, so does the run."""

    def __init__(self, turn: Turn, pieces: Receiving, task: asyncio.Task[Any]) -> None:
        super().__init__(pieces, headers=turn.headers, sep=SEP, client_close_handler_callable=self._client_closed)
        self._turn = turn
        self._task = task

    async def _client_closed(self, _: Message) -> None:
        self._turn.gone(self._task)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        try:
            await super().__call__(scope, receive, send)
        except OSError:  # the connection broke while something was sent
            self._turn.gone(self._task)
            raise
        finally:
            self._task.cancel()


class Streaming:
    """A turn whose answer is a stream."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._ready: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()

    async def answer(self) -> Response:
        """The stream with its first piece in hand; or what came in its place."""
        turn = self._turn
        sending, receiving = anyio.create_memory_object_stream[ServerSentEvent](0)
        task = asyncio.ensure_future(self._whole(sending))
        await wait_unless_gone(task, self._ready, turn.is_read, turn.request.receive, lambda: turn.gone(task))
        early = self._ready.result()
        return early if early is not None else RunStream(turn, receiving, task)

    async def _whole(self, sending: Sending) -> None:
        turn = self._turn
        try:
            with sending:
                await self._run(sending)
        finally:
            if not self._ready.done():  # cancelled before the first piece: nobody reads this
                self._ready.set_result(turn.problem(ClientDisconnected()))

    async def _run(self, sending: Sending) -> None:
        turn = self._turn
        try:
            async with turn.opened():
                early = await turn.asked() or await self._pour(sending)
                if early is not None:
                    self._ready.set_result(turn.with_headers(early))
        except Exception as error:  # noqa: BLE001  # whatever it was: it is on the span, and told to the client
            if not self._ready.done():
                self._ready.set_result(turn.problem(error))
                return
            with contextlib.suppress(anyio.BrokenResourceError):
                await sending.send(_event(ERROR, problem_of(error).document(turn.run.run_id)))

    async def _pour(self, sending: Sending) -> Response | None:
        """The pieces, one after the other; a response where a hook has another answer."""
        turn, answer = self._turn, self._turn.service.endpoint.answer
        begun = await turn.tried(self._begun)
        if isinstance(begun, Response):
            return begun
        pieces, piece = begun
        self._ready.set_result(None)
        kept: list[Any] | None = [] if any(turn.chain.of("on_response")) else None
        try:
            async with contextlib.aclosing(pieces), turn.in_time():
                while piece is not NOTHING_LEFT:
                    if kept is not None:
                        kept.append(piece)
                    await sending.send(ServerSentEvent(answer.write(piece).decode(), sep=SEP))
                    piece = await self._next(pieces)
        except Exception as error:
            await turn.failed(error, AFTER_A_PIECE)
            raise
        turn.ctx.response = kept
        await turn.fire("on_response", AFTER_A_STREAM)
        await sending.send(_event(DONE, {"run_id": turn.run.run_id}))
        return None

    async def _begun(self) -> tuple[AsyncIterator[Any], Any]:
        """The pieces and the first of them, so that what fails before it can be tried again."""
        turn = self._turn
        pieces = turn.service.endpoint.run(turn.ctx.request, turn.context)
        try:
            return pieces, await self._next(pieces)
        except BaseException:
            await pieces.aclose()
            raise

    async def _next(self, pieces: AsyncIterator[Any]) -> Any:
        try:
            piece = await anext(pieces)
        except StopAsyncIteration:
            return NOTHING_LEFT
        return self._turn.service.endpoint.answer.check(piece)


def _event(name: str, data: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(data, ensure_ascii=False), event=name, sep=SEP)
