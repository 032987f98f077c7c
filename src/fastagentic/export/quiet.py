"""Keeping our own traffic out of the user's telemetry, and other libraries' loggers from repeating what we say once."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry.context import (
    _SUPPRESS_HTTP_INSTRUMENTATION_KEY as SUPPRESS_HTTP_KEY,
)
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY as SUPPRESS_KEY,  # OTel's own, shared by all instrumentations
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SUPPRESSED: Final = (SUPPRESS_KEY, SUPPRESS_HTTP_KEY, "suppress_instrumentation")


@contextmanager
def unobserved() -> Iterator[None]:
    """Requests sent in here make no spans, whatever instruments HTTP clients or gRPC in this process."""
    context = otel_context.get_current()
    for key in SUPPRESSED:
        context = otel_context.set_value(key, True, context)
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


@contextmanager
def quiet(*loggers: str) -> Iterator[None]:
    """What this thread tells these loggers in here goes nowhere; other threads' records, the user's own exporters', stay."""
    this_thread = threading.get_ident()

    def is_not_ours(record: logging.LogRecord) -> bool:
        return record.thread != this_thread

    found = [logging.getLogger(name) for name in loggers]
    for logger in found:
        logger.addFilter(is_not_ours)
    try:
        yield
    finally:
        for logger in found:
            logger.removeFilter(is_not_ours)
