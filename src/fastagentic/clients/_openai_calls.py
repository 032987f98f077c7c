"""Which calls of the OpenAI SDK are observed: those that a gateway answers; all, where the user names the client.

Where the request tells the gateway, the call is observed from its start. Where only the response can, nothing at all is
made before it: its headers in hand, the span is made with the start that the call had, or it is not made. A span
that was started to be thrown away would have passed every processor's `on_start` and every sampler.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from contextvars import ContextVar
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

import wrapt
from opentelemetry import context as otel_context

from fastagentic.core.guard import never_break
from fastagentic.gateways import recognise
from fastagentic.observe.context import CALL_KEY, detach, is_suppressed
from fastagentic.observe.hooked import NOT_YET
from fastagentic.observe.moments import aplay, has_hooks, play
from fastagentic.observe.observer import NullCall, Observer, OpenCall
from fastagentic.observe.reader import Asked, Role

from . import openai
from ._wire import url_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from opentelemetry.context import Context

    from fastagentic.observe.moments import Moments
    from fastagentic.observe.reader import EntryPoint, Reader

OPEN: Final = never_break("observe the start of a call of the OpenAI SDK")
READ: Final = never_break("read a response of the OpenAI SDK")

IN_FLIGHT: Final[ContextVar[Flight | None]] = ContextVar("fastagentic-openai-call", default=None)


class SdkObserver(Observer):
    """An observer of the calls that a gateway answers; of all when `is_named`."""

    def __init__(self, observer: Observer, *, is_named: bool) -> None:
        vars(self).update(vars(observer))  # whatever an observer has
        self._is_named = is_named

    def open(self, reader: Reader, entry: EntryPoint, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NullCall:
        """Start observing a call, or waiting for what its response says. Never raises."""
        with OPEN:
            if entry.attribute.endswith("_process_response"):
                _heard(kwargs)
            elif reader.role(None, entry, (arguments := entry.arguments(args, kwargs))) is Role.CALL:
                context = otel_context.get_current()
                if not is_suppressed(context) and not _is_inside_another(context):
                    return Flight(self, Asked(reader, entry, instance, args, kwargs, arguments), context)
        return NullCall(args, kwargs)

    def is_observed(self, instance: Any, options: Any) -> bool:
        """Whether a call is observed whatever the response says."""
        return self._is_named or openai.gateway_of(instance, options) is not None


class Flight(NullCall):
    """A request under way. A null call, unless the request or the response says that it is observed."""

    __slots__ = ("_asked", "_call", "_context", "_observer", "_started", "_token", "guarded", "hooked", "response")

    def __init__(self, observer: SdkObserver, asked: Asked, context: Context) -> None:
        super().__init__(asked.args, asked.kwargs)
        self.response: Any = None
        self._asked = asked
        self._call: OpenSdkCall | None = None
        self._context = context
        self._observer = observer
        self.guarded = None
        self._started = (time.time_ns(), time.perf_counter())
        if observer.is_observed(asked.instance, asked.arguments["options"]):
            self._call = OpenSdkCall(observer, asked, context)
            self.args, self.kwargs = self._call.args, self._call.kwargs
            self.guarded, self.hooked = self._call.guarded, self._call.hooked
            if self._call.hooked is not None:
                self._call.hooked.door = self
        else:
            self.hooked = NOT_YET if has_hooks(context) else None
        self._token = IN_FLIGHT.set(self)

    def again(self) -> None:
        """The SDK is asked once more, as a hook wants."""
        self.response = None
        self._token = IN_FLIGHT.set(self)

    def failed(self, error: BaseException) -> None:
        """The SDK raised; a gateway may have answered all the same."""
        with READ:
            self._land(self.response or getattr(error, "response", None))
        if self._call is not None:
            self._call.failed(error)

    def received(self, result: Any) -> Any:
        """The SDK answered."""
        with READ:
            self._land(self.response)
        return result if self._call is None else self._call.received(result)

    def _land(self, response: Any) -> None:
        """Read the response's headers: here at the latest it is known who answered."""
        with contextlib.suppress(ValueError):  # a coroutine that was closed in another context
            IN_FLIGHT.reset(self._token)
        if response is None:
            return
        headers = openai.lower(response.headers)
        gateway = recognise.by_response(url_text(self._asked.instance.base_url), headers)
        if self._call is None and gateway is not None:
            self._call = OpenSdkCall(self._observer, self._asked, self._context, self._started)
            self.hooked = self._call.hooked or self.hooked
        if self._call is not None:
            openai.read_answered_by(self._call.call, gateway, headers, response)


class OpenSdkCall(OpenCall):
    """An open call that also sees into the SDK's raw and streaming responses."""

    __slots__ = ()

    def received(self, result: Any) -> Any:
        """The result itself, or the stream handed through; of a raw response, the response with the stream in it."""
        response = getattr(result, "http_response", None)
        if response is None or type(result) is CoroutineType:
            return super().received(result)
        if self.call.is_stream:
            self._put_stream_into(result)
        elif response.is_closed:
            super().received(openai.json_of(response))
        else:
            self._follow(response)
        return result

    def shown(self, result: Any) -> Any:
        """What hooks are shown: of a raw response, which Portkey's client asks for by itself, the answer in it."""
        parse = getattr(result, "parse", None)
        if self.call.is_stream or parse is None or not hasattr(result, "http_response"):
            return super().shown(result)
        return parse()

    def _put_stream_into(self, raw: Any) -> None:
        """Where the user's `parse()` will find it: making the stream reads nothing from the wire."""
        stream = None
        with READ:
            stream = raw._parse()
        observed = super().received(stream)
        with READ:
            raw._parsed_by_type[raw._cast_to] = observed

    def _follow(self, response: Any) -> None:
        """The user reads the body when they please; the call ends with it."""
        with READ:
            detach(self._token)
            response.stream = _Body(response.stream, self, response)
            return
        self._finish()

    def body_read(self, body: Any) -> Moments[Any] | None:
        """The body was read, or closed before its end. What hooks are to be told, if any."""
        self._read(body)
        return self._body_over(None, body)

    def body_failed(self, error: BaseException) -> Moments[Any] | None:
        """The body broke off. What hooks are to be told, if any."""
        return self._body_over(error)

    def _body_over(self, error: BaseException | None, body: Any = None) -> Moments[Any] | None:
        is_first = self._finish(error=error)
        return self.hooked.stream_ended(error, body) if is_first and self.hooked is not None else None


class _Body(wrapt.BaseObjectProxy[Any]):
    """The byte stream of a response that the user reads; JSON is kept for us to read, anything else is not."""

    def __init__(self, wrapped: Any, call: OpenSdkCall, response: Any) -> None:
        super().__init__(wrapped)
        self._self_call = call
        self._self_dropped = weakref.finalize(self, call.abandoned)
        self._self_kept: list[bytes] | None = [] if "json" in response.headers.get("content-type", "") else None
        self._self_like = (type(response), response.status_code, response.headers)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self.__wrapped__:
                self._self_keep(piece)
                yield piece
        except BaseException as error:
            play(self._self_broke(error))
            raise

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self.__wrapped__:
                self._self_keep(piece)
                yield piece
        except BaseException as error:
            await aplay(self._self_broke(error))
            raise

    def close(self) -> None:
        """The response was read to its end, or given up."""
        try:
            self.__wrapped__.close()
        finally:
            play(self._self_end())

    async def aclose(self) -> None:
        """The response was read to its end, or given up."""
        try:
            await self.__wrapped__.aclose()
        finally:
            await aplay(self._self_end())

    def _self_keep(self, piece: bytes) -> None:
        if self._self_kept is not None:
            self._self_kept.append(piece)

    def _self_broke(self, error: BaseException) -> Moments[Any]:
        if not isinstance(error, GeneratorExit):  # the reader had enough: it closes the response
            self._self_dropped.detach()
            yield from self._self_call.body_failed(error) or ()

    def _self_end(self) -> Moments[Any]:
        self._self_dropped.detach()
        yield from self._self_call.body_read(self._self_json()) or ()

    def _self_json(self) -> Any:
        """What was kept, decoded by a response of the same kind: it may be compressed."""
        if not self._self_kept:
            return None
        kind, status, headers = self._self_like
        try:
            return openai.json_of(kind(status, headers=headers, content=b"".join(self._self_kept)))
        except Exception:  # noqa: BLE001  # half a body
            return None


def _heard(arguments: dict[str, Any]) -> None:
    """A response has come in: note it on the call in flight, which will read it."""
    flight = IN_FLIGHT.get()
    if flight is not None:
        flight.response = arguments.get("response")


def _is_inside_another(context: Context) -> bool:
    """Whether the request is part of a call that is observed already: LiteLLM's, say."""
    outer: Any = context.get(CALL_KEY)
    return outer is not None and not outer.is_ended
