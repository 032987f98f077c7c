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

    __slots__ = ("_span", "_token", "args", "kwargs")

    def __init__(self, outer: OpenCall, asked: Asked, parent: Context) -> None:
        self.args = asked.args
        self.kwargs = asked.kwargs
        self._span = _start(outer, asked.read(), parent)
        self._token = otel_context.attach(set_span_in_context(self._span, parent))

    def failed(self, error: BaseException) -> None:
        """The try failed; whether another follows is the client's business."""
        detach(self._token)
        with END:
            self._span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
            self._span.set_status(ERROR)
            self._span.end()

    def received(self, result: Any) -> Any:
        """The try was answered; the logical call reads the answer."""
        detach(self._token)
        with END:
            self._span.end()
        return result


def tell_the_first(outer: OpenCall, error: BaseException) -> None:
    """A client that makes its first try itself begins to retry, that one's error in hand: tell of the first, too."""
    if outer.attempts:
        return
    span = _start(outer, outer.call, set_span_in_context(outer.span), outer.call.started_ns)
    span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
    span.set_status(ERROR)
    span.end()


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
