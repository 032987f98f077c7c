"""One line on standard error for each span of ours that ends: for a person who watches a script. No prompt and no answer."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import StatusCode, format_trace_id

from fastagentic.core import names
from fastagentic.core.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

NANO: Final = 1e-9


class ConsoleDestination:
    """Prints spans of ours on a thread of its own; on `stream`, or on what is `sys.stderr` when it prints."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._worker: Worker[ReadableSpan] = Worker("fastagentic-console", self._print, window_s=0.05)

    def put(self, span: ReadableSpan) -> None:
        """Queue a span. The caller pays for an append."""
        scope = span.instrumentation_scope
        if scope is not None and scope.name == names.SCOPE:
            self._worker.put(span)

    def flush(self, timeout_s: float) -> bool:
        """Whether all that was queued before has been printed."""
        return self._worker.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush, and let the thread end."""
        return self._worker.close(timeout_s)

    @property
    def dropped(self) -> int:
        """Spans that could not be printed."""
        return self._worker.dropped

    def _print(self, batch: list[ReadableSpan]) -> None:
        stream = self._stream or sys.stderr
        if stream is None or stream.closed:  # a service without a console; a test that has ended
            return
        stream.write("".join(f"{line_of(span)}\n" for span in batch))
        stream.flush()


def line_of(span: ReadableSpan) -> str:
    """A span in one line: when it ended, its name, how long it took, and what is known of cost, tokens, cache and run."""
    attributes = span.attributes or {}
    started, ended = span.start_time or 0, span.end_time or 0
    parts = (
        f"{datetime.fromtimestamp(ended * NANO):%H:%M:%S}",
        span.name,
        _duration((ended - started) * NANO),
        *(part for describe in PARTS if (part := describe(attributes)) is not None),
        _failed(span),
        f"run {attributes.get(names.RUN_ID) or format_trace_id(span.context.trace_id)}",
    )
    return "  ".join(part for part in parts if part)


def _cost(attributes: Mapping[str, AttributeValue]) -> str | None:
    cost = attributes.get(names.USAGE_COST, attributes.get(names.RUN_COST))
    if not isinstance(cost, (int, float)):
        is_call = names.COST_SOURCE in attributes
        return "cost unknown" if is_call else None
    if not cost:
        return "$0"
    return f"${cost:,.2f}" if cost >= 0.0995 else f"${cost:.7f}".rstrip("0")


def _tokens(attributes: Mapping[str, AttributeValue]) -> str | None:
    given, got = attributes.get(names.INPUT_TOKENS), attributes.get(names.OUTPUT_TOKENS)
    said = [f"{count:,} {word}" for count, word in ((given, "in"), (got, "out")) if isinstance(count, int)]
    return " + ".join(said) + " tokens" if said else None


def _cache(attributes: Mapping[str, AttributeValue]) -> str | None:
    status = attributes.get(names.CACHE_STATUS)
    return None if status is None else f"cache {status}"


def _calls(attributes: Mapping[str, AttributeValue]) -> str | None:
    calls = attributes.get(names.RUN_CALLS)
    return None if calls is None else f"{calls} call{'' if calls == 1 else 's'}"


PARTS: Final[tuple[Callable[[Mapping[str, AttributeValue]], str | None], ...]] = (_calls, _cost, _tokens, _cache)


def _failed(span: ReadableSpan) -> str:
    if span.status.status_code is not StatusCode.ERROR:
        return ""
    return f"failed: {(span.attributes or {}).get(names.ERROR_TYPE, 'error')}"


def _duration(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 59.95 else f"{seconds // 60:.0f} m {seconds % 60:.0f} s"
