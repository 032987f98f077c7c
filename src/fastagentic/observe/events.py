"""Captured content as the conventions' event, a log record of its own beside the span: for backends that keep content apart.

Only where `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT` asks for events. Emitted on the worker's thread, through the
global logger provider, whenever that is set. Event: `gen_ai.client.inference.operation.details` (GenAI conventions).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from opentelemetry._logs import LogRecord, SeverityNumber, get_logger
from opentelemetry.trace import set_span_in_context

from fastagentic._version import __version__
from fastagentic.core import names
from fastagentic.core.guard import never_break

from .spans import end_attributes, start_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span

    from fastagentic.core.call import LLMCall

EMIT: Final = never_break("emit the event of a call")


class Events:
    """Emits an event for each finished call whose content was captured for one."""

    def __init__(self) -> None:
        self._logger = get_logger(names.SCOPE, __version__)

    def emit(self, call: LLMCall, span: Span) -> None:
        """The attributes of the call's span, and its content: structured, as an event's must be."""
        if call.content is None or call.content.written is None:
            return
        with EMIT:
            self._logger.emit(
                LogRecord(
                    timestamp=call.started_ns + int(call.duration_s * 1e9),
                    context=set_span_in_context(span),
                    severity_number=SeverityNumber.INFO,
                    event_name=names.OPERATION_DETAILS,
                    attributes={**start_attributes(call), **end_attributes(call), **structured(call.content.written)},
                )
            )


def structured(written: Mapping[str, str]) -> dict[str, Any]:
    """Content as it stands on a span, JSON texts, as values."""
    return {name: json.loads(text) for name, text in written.items()}
