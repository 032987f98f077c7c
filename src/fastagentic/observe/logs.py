"""Run, trace and span id on log records: for the whole process, for one handler, for structlog.

A record carries `run_id`, `trace_id` (32 hex digits) and `span_id` (16), empty outside a run or a span, so that a format that
names them always works. structlog's event has only those that are known. What is there already is left alone.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import format_span_id, format_trace_id, get_current_span

from fastagentic.core.guard import never_break
from fastagentic.core.patch import Patch

from .context import current_run

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

STAMP: Final = never_break("put ids on a log record")
NOWHERE: Final = {"run_id": "", "trace_id": "", "span_id": ""}


class RunIdsOnRecords:
    """Puts the ids on every record of the process while it is on.

    At `Logger.handle`, and not in the log record factory: logging refuses a call whose `extra` names what the factory has set
    (`KeyError: "Attempt to overwrite 'trace_id' in LogRecord"`), and a trace id is what people put there.
    """

    def __init__(self) -> None:
        self._patch = Patch(logging.Logger, "handle", _handle)

    def take_off(self) -> None:
        """Records are again what they were."""
        self._patch.take_off()


def _handle(wrapped: Callable[..., None], instance: logging.Logger, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with STAMP:
        _stamp(args[0] if args else kwargs["record"])
    return wrapped(*args, **kwargs)


class RunLogFilter(logging.Filter):
    """Puts `run_id`, `trace_id` and `span_id` on the records of one handler (or logger); lets every record through.

    Example:
        >>> import logging, fastagentic
        >>> handler = logging.StreamHandler()
        >>> handler.addFilter(fastagentic.RunLogFilter())
        >>> handler.setFormatter(logging.Formatter("%(message)s run=%(run_id)s"))
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        with STAMP:
            _stamp(record)
        return True


def add_run_ids(logger: Any, method_name: str, event_dict: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: `run_id`, `trace_id` and `span_id`, as far as they are known here.

    Example:
        >>> import fastagentic
        >>> with fastagentic.run("report", run_id="order-42"):
        ...     fastagentic.add_run_ids(None, "info", {"event": "started"})["run_id"]
        '3bf8b157c4238eefe5ae4a66eca81c6b'
    """
    with STAMP:
        for name, value in _ids().items():
            if value:
                event_dict.setdefault(name, value)
    return event_dict


def _stamp(record: logging.LogRecord) -> None:
    for name, value in _ids().items():
        record.__dict__.setdefault(name, value)


def _ids() -> dict[str, str]:
    run = current_run()
    context = get_current_span().get_span_context()
    if run is None and not context.is_valid:
        return NOWHERE
    return {
        "run_id": "" if run is None else run.run_id,
        "trace_id": format_trace_id(context.trace_id) if context.is_valid else "",
        "span_id": format_span_id(context.span_id) if context.is_valid else "",
    }
