"""The local store as a destination: our spans, sampled or not, into SQLite by the store's own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import format_span_id, format_trace_id

from fastagentic.core import names
from fastagentic.export.ours import leaving
from fastagentic.store.rows import StoredSpan
from fastagentic.store.writer import StoreWriter

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan


class LocalDestination:
    """Hands finished spans of our scope to the store's writer. The caller pays for an append.

    `is_durable`: a span is in the store before the call returns, which costs the caller a transaction.
    """

    def __init__(self, path: Path, keep_s: float | None, *, is_durable: bool = False) -> None:
        self._writer: StoreWriter[ReadableSpan | StoredSpan] = StoreWriter(path, convert=stored, keep_s=keep_s)
        self._is_durable = is_durable

    def put(self, span: ReadableSpan) -> None:
        """Queue a span of ours."""
        scope = span.instrumentation_scope
        if scope is not None and scope.name == names.SCOPE:
            self.store(span)

    def store(self, span: ReadableSpan | StoredSpan) -> None:
        """Queue a span, also one that its provider did not record."""
        self._writer.put(span)
        if self._is_durable:
            self._writer.drain()

    def flush(self, timeout_s: float) -> bool:
        """Whether all that was queued before is in the store."""
        return self._writer.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush the store and let its thread end."""
        return self._writer.close(timeout_s)

    @property
    def dropped(self) -> int:
        """Spans that could not be stored, in this process."""
        return self._writer.dropped


def stored(span: ReadableSpan | StoredSpan) -> StoredSpan:
    """A finished span as the store takes it."""
    if isinstance(span, StoredSpan):
        return span
    context = span.context
    return StoredSpan(
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_span_id=None if span.parent is None else format_span_id(span.parent.span_id),
        name=span.name,
        started_ns=span.start_time or 0,
        ended_ns=span.end_time or 0,
        status=_status(span),
        attributes=_ours(span),
    )


def _status(span: ReadableSpan) -> str:
    """As its error says: a status that LiteLLM's callbacks have set to OK is final, and hides an error that comes later."""
    return "error" if names.ERROR_TYPE in (span.attributes or {}) else span.status.status_code.name.lower()


def _ours(span: ReadableSpan) -> dict[str, Any]:
    attributes = leaving(span)
    return dict(span.attributes or {}) if attributes is None else attributes
