"""From a request: its body, up to a size, whose trace it belongs to, and whether the client is still there."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, format_span_id, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .problems import BodyTooLarge, ClientDisconnected, NotJSON

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from opentelemetry.context import Context
    from starlette.requests import Request
    from starlette.types import Receive

T = TypeVar("T")

RUN_ID_HEADER: Final = "x-run-id"
SESSION_HEADER: Final = "x-session-id"
TRACEPARENT: Final = "traceparent"
NAMED: Final = re.compile(r"[\w.:@/+=-]{1,200}")
"""What a client may call its run or session."""

PROPAGATOR: Final = TraceContextTextMapPropagator()
JSON_TYPE: Final = re.compile(r"application/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body. Raises: NotJSON, BodyTooLarge (before it has been read), ClientDisconnected."""
    kind = request.headers.get("content-type")
    if kind is not None and not JSON_TYPE.fullmatch(kind.strip()):
        raise NotJSON("the body must be application/json")
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client has gone")
        size += len(message.get("body", b""))
        if size > limit:
            raise _too_large(limit)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _too_large(limit: int) -> BodyTooLarge:
    # The rest stays unread, so that the connection cannot be used again.
    return BodyTooLarge(f"the body is over {limit} bytes", headers={"Connection": "close"})


def trace_of(request: Request) -> Context:
    """Where the caller's trace goes on: the span of a web framework's instrumentation, else the request's traceparent."""
    context = otel_context.get_current()
    if get_current_span(context).get_span_context() != INVALID_SPAN_CONTEXT:
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


async def unless_gone(work: Coroutine[Any, Any, T], is_read: asyncio.Event, receive: Receive) -> T:
    """What the work comes to. When the client goes before that, the work is cancelled and has the time to clean up.

    `is_read` says when the body is: until then the work itself is who receives.

    Raises: what the work raises.
    """
    task = asyncio.ensure_future(work)
    watch = asyncio.ensure_future(_gone(is_read, receive))
    try:
        await asyncio.wait({task, watch}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel(GONE)
        return await task
    except asyncio.CancelledError:
        task.cancel()  # the server itself cancels us
        raise
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await watch


GONE: Final = "the client has gone"


def is_gone(error: asyncio.CancelledError) -> bool:
    """Whether a task was cancelled because its client has gone."""
    return GONE in error.args


async def _gone(is_read: asyncio.Event, receive: Receive) -> None:
    await is_read.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
