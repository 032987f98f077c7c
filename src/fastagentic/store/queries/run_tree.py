"""One run as a tree of its spans, with what is known of each call. Asked by `fastagentic show`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import UnknownRunError
from fastagentic.store.projection import SpanKind, kind_of

from .runs import run
from .sql import dialect_of
from .sums import finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .runs import RunRow
    from .sql import Dialect, Reader


@dataclass(slots=True, frozen=True)
class CallFacts:
    """The typed row of one LLM call, named as its columns are. None is unknown; a cost of 0 is a cache hit or free."""

    operation: str | None
    provider: str | None
    model: str | None
    response_model: str | None
    gateway: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    cost_usd: float | None
    cost_source: str | None
    saved_usd: float | None
    cache_status: str | None
    cache_hit: int | None
    target_index: int | None
    target_path: str | None
    target_provider: str | None
    target_name: str | None
    retries: int | None
    fallback_used: int | None
    is_stream: int | None
    stream_end: str | None
    is_estimated: int | None
    time_to_first_chunk_s: float | None


@dataclass(slots=True, frozen=True)
class SpanNode:
    """A span of the run, and the spans begun inside it, in the order in which they started."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: SpanKind
    started_ns: int
    ended_ns: int
    status: str
    error_type: str | None
    attributes: Mapping[str, Any]
    """As JSON has them."""
    call: CallFacts | None
    children: list[SpanNode] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return (self.ended_ns - self.started_ns) / 1e9


@dataclass(slots=True, frozen=True)
class RunTree:
    """A run: its totals, and its outermost spans. More than one when the run has not ended or a parent was lost."""

    run: RunRow
    roots: tuple[SpanNode, ...]


_FACTS: Final = tuple(CallFacts.__dataclass_fields__)
_COLUMNS: Final = f"""
    spans.trace_id, spans.span_id, parent_span_id, name, spans.started_ns, ended_ns, status,
        spans.error_type, attributes, calls.span_id IS NOT NULL,
        {", ".join(f"calls.{fact}" for fact in _FACTS)}
"""


def run_tree(connection: Reader, run_id: str) -> RunTree:
    """The run with this id (32 hex digits; `find_run` makes one of what people type).

    Raises: UnknownRunError.
    """
    found = run(connection, run_id)
    if found is None:
        raise UnknownRunError(f"no run {run_id!r} in the store")
    sql = dialect_of(connection)
    spans = f"""
        SELECT {_COLUMNS} FROM spans LEFT JOIN calls ON {sql.call_of("spans")}
        WHERE {sql.of_run("= ?")} ORDER BY spans.started_ns, spans.ended_ns DESC
    """  # noqa: S608  # SQL of our own
    nodes = {
        (node.trace_id, node.span_id): node for node in (_node(sql, row) for row in connection.execute(spans, (run_id, run_id)))
    }
    roots: list[SpanNode] = []
    for node in nodes.values():
        parent = nodes.get((node.trace_id, node.parent_span_id or ""))
        (parent.children if parent is not None and parent is not node else roots).append(node)
    return RunTree(found, tuple(roots))


def _node(sql: Dialect, row: tuple[Any, ...]) -> SpanNode:
    (
        trace_id,
        span_id,
        parent_span_id,
        name,
        started_ns,
        ended_ns,
        status,
        error_type,
        encoded,
        is_call,
        *facts,
    ) = row
    attributes = sql.attributes(json.loads(encoded))
    return SpanNode(
        trace_id, span_id, parent_span_id, name, kind_of(attributes),
        started_ns, ended_ns, status, error_type, attributes, CallFacts(*map(_sayable, facts)) if is_call else None,
    )  # fmt: skip


def _sayable(fact: Any) -> Any:
    return finite(fact) if isinstance(fact, float) else fact
