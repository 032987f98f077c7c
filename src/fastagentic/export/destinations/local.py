"""The local store as a destination: our spans, sampled or not, into SQLite by the store's own thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.trace import format_span_id, format_trace_id

from fastagentic.core import names
from fastagentic.store.rows import StoredSpan
from fastagentic.store.writer import StoreWriter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan, Span

    from fastagentic.store.rows import AttributeValue


OF_A_RUN: Final = frozenset({names.WORKFLOW_NAME, names.AGENT_NAME})


class LocalDestination(SpanProcessor):
    """Hands finished spans of our scope to the store's writer. The caller pays for an append."""

    def __init__(self, path: Path, keep_s: float | None) -> None:
        self._writer: StoreWriter[ReadableSpan | StoredSpan] = StoreWriter(path, convert=stored, keep_s=keep_s)
        self.is_on = True

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing: a span is stored when it has ended."""

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span of ours."""
        scope = span.instrumentation_scope
        if self.is_on and scope is not None and scope.name == names.SCOPE:
            self._writer.put(span)

    def put(self, span: StoredSpan) -> None:
        """Queue a span that its provider did not record."""
        if self.is_on:
            self._writer.put(span)

    def force_flush(self, timeout_millis: int = 5_000) -> bool:
        """Whether all that was queued before is in the store."""
        return self._writer.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Called by the provider; the store is flushed and its thread ends."""
        self._writer.close(5.0)

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
        status=span.status.status_code.name.lower(),
        attributes=cast("Mapping[str, AttributeValue]", _ours(span.attributes or {})),
    )


def _ours(attributes: Mapping[str, object]) -> dict[str, object]:
    """A span's attributes; of a run's, no `gen_ai.*` but its own.

    LiteLLM's `otel` callback writes usage, and the prompt, on whatever span is current: a run has none of either.
    """
    if names.WORKFLOW_NAME not in attributes:
        return dict(attributes)
    return {name: value for name, value in attributes.items() if not name.startswith("gen_ai.") or name in OF_A_RUN}
