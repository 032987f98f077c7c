"""The life of one LLM call, written down once: opened, answered or failed, priced, finished. Four doors share it.

A door (`clients/_doors.py`) calls and waits and decides nothing; a reader (`clients/<client>.py`) knows the client's objects;
everything else that happens to a call happens here. Nothing in here may raise into the user's call.
"""

from __future__ import annotations

import threading
import time
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from fastagentic.core import names
from fastagentic.core.call import Content as Captured
from fastagentic.core.guard import never_break
from fastagentic.core.names import StreamEnd
from fastagentic.gateways.lent import NOTHING, of_run_id
from fastagentic.hooks.registry import registered

from .attempt import OpenAttempt, tell_the_first
from .context import CALL_KEY, RUN_KEY, detach, is_suppressed
from .estimate import ESTIMATED, estimate
from .guarded import GuardedCall
from .hooked import HookedCall
from .lending import lent_to
from .listening import LISTENERS
from .moments import aplay, has_hooks
from .reader import Asked, Role
from .spans import end_attributes, run_id_of, span_name, start_attributes
from .stream import observed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, SpanContext, Tracer

    from fastagentic.budgets.guard import Guard
    from fastagentic.core.call import LLMCall
    from fastagentic.core.run import Run
    from fastagentic.pricing import Pricing

    from .content import Content
    from .finished import FinishedCalls
    from .hooked import NotYet
    from .moments import Moments
    from .reader import EntryPoint, Reader

OPEN: Final = never_break("observe the start of a call")
READ: Final = never_break("read a response")
CHUNK: Final = never_break("read a chunk of a stream")
WRITE: Final = never_break("write to a request")
PRICE: Final = never_break("price a call")
CAPTURE: Final = never_break("capture the content of a call")
FINISH: Final = never_break("finish a call")
LIMIT: Final = never_break("find the budgets of a call")

ERROR: Final = Status(StatusCode.ERROR)  # without a description: exception texts can echo a prompt


class NullCall:
    """A call that is not observed, or that we failed to open: the user's own arguments, and nothing else."""

    __slots__ = ("args", "kwargs")

    guarded: GuardedCall | None = None
    hooked: NotYet | None = None

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs

    def failed(self, error: BaseException) -> None:
        """Nothing to write down."""

    def received(self, result: Any) -> Any:
        """The result as it came."""
        return result


class Observer:
    """What all calls of one instrumentation share: where spans are made, the prices, the queue of finished calls."""

    def __init__(
        self,
        tracer: Tracer,
        pricing: Pricing,
        finished: FinishedCalls,
        *,
        propagate: bool = True,
        content: Content | None = None,
        on_unrecorded: Callable[[LLMCall, SpanContext, Context], None] | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.tracer = tracer
        self.pricing = pricing
        self.finished = finished
        self.propagate = propagate
        self.content = content
        self.on_unrecorded = on_unrecorded
        self.guard = guard

    def open(
        self, reader: Reader, entry: EntryPoint, instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> OpenCall | OpenAttempt | NullCall:
        """Start observing a call. Never raises: when anything fails, a null call carries the user's own arguments."""
        with OPEN:
            context = otel_context.get_current()
            if not is_suppressed(context):
                outer: OpenCall | None = context.get(CALL_KEY)  # type: ignore[assignment]
                if outer is None or outer.is_ended:
                    outer = None
                elif outer.reader is not reader:  # a client through which another one goes to the wire
                    return NullCall(args, kwargs)
                arguments = entry.arguments(args, kwargs)
                role = reader.role(None if outer is None else outer.call, entry, arguments)
                if role is not Role.NOTHING:
                    asked = Asked(reader, entry, instance, args, kwargs, arguments)
                    if role is Role.CALL:
                        return OpenCall(self, asked, context)
                    if outer is not None:
                        return OpenAttempt(outer, asked, context)
        return NullCall(args, kwargs)

    def retrying(self, error: BaseException | None) -> None:
        """A client begins to retry what failed with this error."""
        with OPEN:
            outer: OpenCall | None = otel_context.get_value(CALL_KEY)  # type: ignore[assignment]
            if outer is not None and not outer.is_ended and error is not None:
                tell_the_first(outer, error)


def _with_lent(asked: Asked, run: Run | None) -> Asked:
    """The call with what the run's gateway lends to it; as it came where there is none, or where that fails."""
    with WRITE:
        lent = lent_to(run, asked.instance)
        return asked if lent is NOTHING else asked.lent(lent)
    return asked


class OpenCall:
    """One logical call between its start and its end; the door and the stream proxy hold it."""

    __slots__ = (
        "_arguments", "_arrivals", "_context", "_dropped_at", "_end", "_observer", "_output", "_parent", "_started", "_token",
        "args", "attempts", "call", "guarded", "hooked", "kwargs", "reader", "span",
    )  # fmt: skip

    def __init__(self, observer: Observer, asked: Asked, parent: Context, started: tuple[int, float] | None = None) -> None:
        """`started`, by both clocks: when a call began that has left already."""
        reader = asked.reader
        if not reader.HAS_CALCULATOR:
            observer.pricing.warm_up()
        run: Run | None = parent.get(RUN_KEY)  # type: ignore[assignment]
        if started is None:
            asked = _with_lent(asked, run)
        call = asked.read()
        call.asked_provider = call.provider
        call.started_ns = time.time_ns() if started is None else started[0]
        call.run = run
        span = observer.tracer.start_span(
            span_name(call),
            context=parent,
            kind=SpanKind.CLIENT,
            attributes=start_attributes(call),
            start_time=call.started_ns,
        )
        call.run_id = run_id_of(span) if call.run is None else call.run.run_id
        self.args = asked.args
        self.kwargs = asked.kwargs
        self.attempts = 0
        self.call = call
        self.reader = reader
        self.span = span
        self._arguments = asked.arguments
        self._dropped_at: float | None = None
        self._end = threading.Lock()  # taken once, by the first end, and never given back
        self._arrivals: list[float] = []
        self._observer = observer
        self._output: list[str] = []
        self._parent = parent
        with WRITE:
            if observer.propagate and started is None:
                asked = self._lend(asked)
            if observer.content is not None:
                call.content = Captured()
                reader.capture_request(call, asked.arguments)
        self._context = otel_context.set_value(CALL_KEY, self, set_span_in_context(span, parent))
        self.hooked = HookedCall(self, asked) if (registered or (run is not None and run.hooks)) and has_hooks(parent) else None
        self.guarded = None if observer.guard is None else self._guarded(observer.guard, run)
        self._token = otel_context.attach(self._context)
        self._started = time.perf_counter() if started is None else started[1]

    def _lend(self, asked: Asked) -> Asked:
        """Put the run's id into the request, where the gateway takes one."""
        lent = asked.lent(of_run_id(self.call.run_id))
        self.args, self.kwargs = lent.args, lent.kwargs
        return lent

    def _guarded(self, guard: Guard, run: Run | None) -> GuardedCall | None:
        try:
            limits = guard.limits(run)
            return GuardedCall(self, guard, limits, self._observer.pricing) if limits else None
        except Exception as error:  # noqa: BLE001  # as the guard does, at a quarter of its cost
            LIMIT.caught(error)
            return None

    def asks(self, asked: Asked) -> None:
        """Something else is asked for than the call was opened with: a hook has changed the request."""
        self.args, self.kwargs, self._arguments = asked.args, asked.kwargs, asked.arguments
        self._read_request(asked)
        self.span.update_name(span_name(self.call))
        self.span.set_attributes(start_attributes(self.call))

    def open_again(self, asked: Asked, attempt: Span) -> None:
        """Once more, as a hook asked: as if it had not been answered, on the span of an attempt."""
        self._read_request(asked)
        self._end = threading.Lock()
        self._token = otel_context.attach(set_span_in_context(attempt, self._context))

    def _read_request(self, asked: Asked) -> None:
        call, before = asked.read(), self.call
        call.asked_provider = call.provider
        call.started_ns, call.run, call.run_id = before.started_ns, before.run, before.run_id
        if before.content is not None:
            call.content = Captured()
            self.reader.capture_request(call, asked.arguments)
        self.call = call

    @property
    def arguments(self) -> Mapping[str, Any]:
        """What the client is asked, by name."""
        return self._arguments

    @property
    def context(self) -> Context:
        """The context in which the client works: the call's span, and the call."""
        return self._context

    def shown(self, result: Any) -> Any:
        """What hooks are shown: the client's own object, or the text that a stream has brought so far."""
        return "".join(self._output) if self.call.is_stream else result

    @property
    def is_ended(self) -> bool:
        """Whether the call has ended; the first end counts, whichever thread it comes from."""
        return self._end.locked()

    @property
    def tracer(self) -> Tracer:
        """Where the spans of attempts are made."""
        return self._observer.tracer

    def failed(self, error: BaseException) -> None:
        """The client raised: the call ends with it."""
        with READ:
            detach(self._token)
        self._finish(error=error)

    def received(self, result: Any) -> Any:
        """The client answered. The result itself, or the stream handed through: its own end is then the call's."""
        with READ:
            detach(self._token)
        if type(result) is CoroutineType:  # an async method under somebody's plain wrapper came through the sync door
            return self._answered_later(result)
        self._read(result)
        with READ:
            if self.call.is_stream and (stream := observed(result, self)) is not None:
                return stream
        self._finish()
        return result

    def _read(self, answer: Any) -> None:
        with READ:
            self.reader.read_response(self.call, answer)
            if self.call.content is not None and not self.call.is_stream:
                self.reader.capture_response(self.call, answer)

    async def _answered_later(self, answer: Any) -> Any:
        self._token = otel_context.attach(self._context)
        try:
            result = await answer
        except BaseException as error:
            self.failed(error)
            if self.hooked is not None:
                await aplay(self.hooked.failed(error))
            raise
        result = self.received(result)
        if self.hooked is not None:
            await aplay(self.hooked.answered(result, can_retry=False))
        return result

    def chunk(self, chunk: Any) -> None:
        """A chunk of the stream has arrived."""
        try:
            self._arrivals.append(time.perf_counter())
            if text := self.reader.read_chunk(self.call, chunk):
                self._output.append(text)
            if self.call.content is not None:
                self.reader.capture_chunk(self.call, chunk)
        except Exception as error:  # noqa: BLE001  # as the guard does, at a quarter of its cost
            CHUNK.caught(error)

    def ended(self, end: StreamEnd, error: BaseException | None = None) -> Moments[Any] | None:
        """The stream has ended, in whichever way; the first end counts. What hooks are to be told, if any."""
        is_first = self._finish(end, error)
        return self.hooked.stream_ended(error) if is_first and self.hooked is not None else None

    def abandoned(self) -> None:
        """Nobody holds the stream any more. Called by the garbage collector in the middle of anything: only note it."""
        self._dropped_at = time.perf_counter()
        self._observer.finished.put(self)

    def settle(self) -> bool:
        """End a call whose stream was dropped; on the worker's thread, where taking locks is safe.

        Returns: False when it was this that ended the call, which then comes through the queue once more.
        """
        if self.is_ended:
            return True
        if self._finish(StreamEnd.ABANDONED) and self.hooked is not None:
            self.hooked.abandoned()
        return False

    def _finish(self, stream_end: StreamEnd | None = None, error: BaseException | None = None) -> bool:
        """Read what is left to read, price the call, write it on its span, count it. Once; False when it was not the first.

        Where there are hooks, they see the call before it is written, and close it.
        """
        if not self._end.acquire(blocking=False):
            return False
        call = self.call
        call.duration_s = (self._dropped_at or time.perf_counter()) - self._started
        call.stream_end = stream_end
        call.attempts = self.attempts
        with READ:
            if error is not None:
                call.error_type = type(error).__qualname__
                if call.content is not None:
                    call.content.error = str(error)
                self.reader.read_error(call, error)
            if stream_end is not None:
                call.read_arrivals(self._started, self._arrivals)
                is_refused = (
                    isinstance(error, Exception) and not self._arrivals
                )  # LiteLLM's text completions ask at the first chunk
                if call.operation in ESTIMATED and not is_refused:
                    estimate(call.usage, self.reader, self._arguments, self._output)
        with PRICE:
            call.cost = self._observer.pricing.price(call, self.reader.price)
        if self.hooked is None:
            self.close()
        return True

    def close(self) -> None:
        """Write the call down, which is over; nothing of the user's is held any longer."""
        with FINISH:
            self._write()
        self._arguments, self._output, self.args, self.kwargs = {}, [], (), {}

    def _write(self) -> None:
        call, span = self.call, self.span
        if call.run is not None:
            call.run.add(call)
        if self.guarded is not None:
            self.guarded.charge()
        for listener in LISTENERS:
            listener(call)
        if span.is_recording():
            span.set_attributes(end_attributes(call))
            status = ERROR
            with CAPTURE:  # of its own: a redaction of the user's that fails keeps the content out, and nothing else
                if self._observer.content is not None:
                    if captured := self._observer.content.on_span(call):
                        span.set_attributes({**captured, names.CONTENT: tuple(captured)})
                    status = Status(StatusCode.ERROR, self._observer.content.error_text(call))
            if call.error_type is not None:
                span.set_status(status)
        elif self._observer.on_unrecorded is not None:
            self._observer.on_unrecorded(call, span.get_span_context(), self._parent)
        span.end(call.started_ns + int(call.duration_s * 1e9))
        self._observer.finished.put(self)
