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
    from .observer import OpenCall
    from .reader import EntryPoint, Reader
    from .spans import Attributes

END: Final = never_break("finish an attempt")
ERROR: Final = Status(StatusCode.ERROR)  # without a description: exception texts can echo a prompt


class OpenAttempt:
    """One try of the client's own, between its start and its end."""

    __slots__ = ("_span", "_token", "args", "kwargs")

    def __init__(
        self,
        outer: OpenCall,
        reader: Reader,
        entry: EntryPoint,
        instance: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.args = args
        self.kwargs = kwargs
        outer.attempts += 1
        asked = reader.read_request(entry, instance, entry.arguments(args, kwargs))
        attributes: Attributes = {
            names.ATTEMPT_NUMBER: outer.attempts,
            names.ATTEMPT_PROVIDER: asked.provider,
            names.ATTEMPT_MODEL: asked.model or "",
            names.RUN_ID: outer.call.run_id,
        }
        if outer.call.run is not None:
            attributes |= run_attributes(outer.call.run)
        parent = otel_context.get_current()
        self._span = outer.tracer.start_span(
            f"attempt {outer.attempts}", context=parent, kind=SpanKind.INTERNAL, attributes=attributes
        )
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
