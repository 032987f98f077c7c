"""One run: its totals and every span of it, in the order of the tree, with what is known of each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field

from fastagentic.core.words import iso_time
from fastagentic.store.projection import SpanKind  # noqa: TC001  # pydantic reads it at run time
from fastagentic.store.queries.find_run import find_run
from fastagentic.store.queries.run_tree import CallFacts, run_tree
from fastagentic.store.values import valid_text

from .runs import Run, run_of
from .sums import Answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.store.queries.run_tree import RunTree, SpanNode
    from fastagentic.store.queries.sql import Reader


class Span(Answer):
    """A span: where it stands in the tree, when it was, and its attributes. `starts_s` is counted from the start of the run."""

    name: str
    kind: SpanKind
    trace_id: str
    span_id: str
    parent_span_id: str | None
    depth: int = Field(description="0 for an outermost span; a span follows the one that it was begun in")
    started: str
    starts_s: float
    duration_s: float
    status: str
    error_type: str | None
    call: CallFacts | None
    attributes: dict[str, Any]


class RunDetails(Answer):
    """A run and all of its spans."""

    run: Run
    spans: list[Span]


def run(connection: Reader, named: str) -> RunDetails:
    """The run that a text names: its id, a UUID's spelling of it, the user's own id, or the first digits.

    Raises: UnknownRunError.
    """
    return details(run_tree(connection, find_run(connection, named)))


def details(found: RunTree) -> RunDetails:
    """A run as the API says it."""
    spans = [_span(node, depth, found.run.started_ns) for node, depth in _in_order(found.roots)]
    return RunDetails(run=run_of(found.run), spans=spans)


def _in_order(roots: tuple[SpanNode, ...]) -> Iterator[tuple[SpanNode, int]]:
    """Without recursion: a chain of spans may be as long as somebody made it."""
    left = [(root, 0) for root in reversed(roots)]
    while left:
        node, depth = left.pop()
        yield node, depth
        left += [(child, depth + 1) for child in reversed(node.children)]


def _span(node: SpanNode, depth: int, run_started_ns: int) -> Span:
    return Span(
        name=node.name,
        kind=node.kind,
        trace_id=node.trace_id,
        span_id=node.span_id,
        parent_span_id=node.parent_span_id,
        depth=depth,
        started=iso_time(node.started_ns) or "",
        starts_s=(node.started_ns - run_started_ns) / 1e9,
        duration_s=node.duration_s,
        status=node.status,
        error_type=node.error_type,
        call=node.call,
        attributes=_writable(node.attributes),
    )


def _writable(value: Any) -> Any:
    """A value of JSON without what UTF-8 cannot say: JSON can spell half a character, and somebody's model will."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, dict):
        return {valid_text(key): _writable(one) for key, one in value.items()}
    return [_writable(one) for one in value] if isinstance(value, list) else value
