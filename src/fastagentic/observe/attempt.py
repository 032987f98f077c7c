"""An attempt: what the client itself tries inside one logical call (LiteLLM's Router and fallbacks). A child span without
`gen_ai.*`, so that no backend counts or prices it; usage and cost are the logical call's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from fastagentic.core import names
from fastagentic.core.guard import never_break

from .context import detach
from .spans import run_attributes

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from fastagentic.core.call import LLMCall

    from .observer import OpenCall
    from .reader import Asked
    from .spans import Attributes

END: Final = never_break("finish an attempt")
ERROR: Final = Status(StatusCode.ERROR)  # without a description: exception texts can echo a prompt


class OpenAttempt:
    """One try of the client's own, between its start and its end."""

    guarded = None
    """It was the logical call that its budgets allowed."""

    __slots__ = ("_outer", "_span", "_token", "args", "hooked", "kwargs")

    def __init__(self, outer: OpenCall, asked: Asked, parent: Context) -> None:
        self.args = asked.args
        self.kwargs = asked.kwargs
        self._outer = outer
        self.hooked = outer.hooked.again_by_client() if outer.hooked is not None and outer.attempts else None
        self._span = _start(outer, asked.read(), parent)
        self._token = otel_context.attach(set_span_in_context(self._span, parent))

    def failed(self, error: BaseException) -> None:
        """The try failed; whether another follows is the client's business."""
        detach(self._token)
        with END:
            end_attempt(self._span, error)
            _tell_hooks(self._outer, error)

    def received(self, result: Any) -> Any:
        """The try was answered; the logical call reads the answer."""
        detach(self._token)
        with END:
            end_attempt(self._span, None)
        return result


def tell_the_first(outer: OpenCall, error: BaseException | None) -> None:
    """A try that was no attempt as long as it was the only one, and is one now that another follows."""
    if not outer.attempts:
        end_attempt(_start(outer, outer.call, set_span_in_context(outer.span), outer.call.started_ns), error)
        _tell_hooks(outer, error)


def start_attempt(outer: OpenCall) -> Span:
    """The span of another try of the call as it stands."""
    return _start(outer, outer.call, set_span_in_context(outer.span))


def end_attempt(span: Span, error: BaseException | None) -> None:
    """The try is over: answered, or failed."""
    if error is not None:
        span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
        span.set_status(ERROR)
    span.end()


def _tell_hooks(outer: OpenCall, error: BaseException | None) -> None:
    if outer.hooked is not None:
        outer.hooked.ctx.error = error


def _start(outer: OpenCall, tried: LLMCall, parent: Context, started_ns: int | None = None) -> Span:
    outer.attempts += 1
    attributes: Attributes = {
        names.ATTEMPT_NUMBER: outer.attempts,
        names.ATTEMPT_PROVIDER: tried.provider,
        names.ATTEMPT_MODEL: tried.model or "",
        names.RUN_ID: outer.call.run_id,
    }
    if outer.call.run is not None:
        attributes |= run_attributes(outer.call.run)
    name = f"attempt {outer.attempts}"
    return outer.tracer.start_span(name, parent, SpanKind.INTERNAL, attributes, start_time=started_ns)
