"""From a request: its body, up to a size, whose trace it belongs to, and whether the client is still there."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry.trace import format_span_id, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .problems import BodyTooLarge, ClientDisconnected, NotJSON

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from opentelemetry.context import Context
    from starlette.requests import Request
    from starlette.types import Receive

RUN_ID_HEADER: Final = "x-run-id"
SESSION_HEADER: Final = "x-session-id"
TRACEPARENT: Final = "traceparent"
NAMED: Final = re.compile(r"[\w.:@/+=-]{1,200}", re.ASCII)
"""What a client may call its run or session."""

PROPAGATOR: Final = TraceContextTextMapPropagator()
DROPPED_S: Final = 5.0
DROPPED_LIMITS: Final = 4
"""How long, and how many times the limit, a body that is too large is read for nothing."""

JSON_TYPE: Final = re.compile(r"application/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body. Raises: NotJSON, BodyTooLarge (no more than the limit is held), ClientDisconnected."""
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise await _too_large(request, limit)
    parts: list[bytes] = []
    size = 0
    async for part in _parts(request):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise await _too_large(request, limit)
    _check_type(request, size)
    return b"".join(parts)


async def _parts(request: Request) -> AsyncIterator[bytes]:
    is_more = True
    while is_more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client has gone")
        yield message.get("body", b"")
        is_more = message.get("more_body", False)


def _check_type(request: Request, size: int) -> None:
    """Another site's form can be posted by any browser with its user's cookies, JSON cannot."""
    kind = request.headers.get("content-type")
    if size and kind is not None and not JSON_TYPE.fullmatch(kind.strip()):
        raise NotJSON("the body must be application/json")


async def _too_large(request: Request, limit: int) -> BodyTooLarge:
    """The refusal. A server that hangs up on a client that still sends takes the answer with it, so the rest is read and
    dropped, within reason.
    """
    headers = {"Connection": "close"}
    dropped = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DROPPED_S):
            async for part in _parts(request):
                dropped += len(part)
                if dropped > DROPPED_LIMITS * limit:
                    break
            else:
                headers = {}
    return BodyTooLarge(f"the body is over {limit} bytes", headers=headers)


def trace_of(request: Request) -> Context:
    """Where the caller's trace goes on: the span of a web framework's instrumentation, else the request's traceparent."""
    context = otel_context.get_current()
    if get_current_span(context).get_span_context().is_valid:
        return context
    return PROPAGATOR.extract(request.headers, context)


def traceparent() -> dict[str, str]:
    """The header that names the span in force here; none where there is no tracing."""
    span = get_current_span().get_span_context()
    if not span.is_valid:
        return {}
    return {TRACEPARENT: f"00-{format_trace_id(span.trace_id)}-{format_span_id(span.span_id)}-{span.trace_flags:02x}"}


def named(request: Request, header: str) -> str | None:
    """An id that the client sends; None when there is none that can be one."""
    value = request.headers.get(header, "")
    return value if NAMED.fullmatch(value) else None


async def wait_unless_gone(
    task: asyncio.Task[Any], ready: asyncio.Future[Any], is_read: asyncio.Event, receive: Receive, gone: Callable[[], None]
) -> None:
    """Wait until `ready`, which the task sees to. When the client goes before that, `gone` is told and the task has ended.

    `is_read` says when the body is: until then the task itself is who receives.
    """
    watch = asyncio.ensure_future(_gone(is_read, receive))
    try:
        await asyncio.wait({ready, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            gone()
            await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()  # the server itself wants the end
        raise
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch


async def _gone(is_read: asyncio.Event, receive: Receive) -> None:
    await is_read.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
