"""A finished span becomes rows: always one of `spans`, and one of `calls` or `runs` when it is one. Pure; the
writer calls it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core import names
from fastagentic.core.names import Operation

from . import values
from .schema import CALL_COLUMNS, CALL_IDS, COST_AT, COST_SOURCE_AT, RUN_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .rows import StoredSpan
    from .values import SqlValue

    Row = tuple[SqlValue, ...]


class SpanKind(StrEnum):
    """What a span of ours tells about."""

    RUN = "run"
    CALL = "call"
    ATTEMPT = "attempt"
    OTHER = "other"


_KIND_OF: Final[Mapping[str, SpanKind]] = {
    Operation.INVOKE_WORKFLOW: SpanKind.RUN,
    Operation.INVOKE_AGENT: SpanKind.RUN,
    Operation.EXECUTE_TOOL: SpanKind.OTHER,
}

_COLUMN_OF: Final = {column.attribute: (at, column.read) for at, column in enumerate(CALL_COLUMNS, len(CALL_IDS))}
_UNKNOWN: Final = (None,) * len(CALL_COLUMNS)


class Rows(NamedTuple):
    """The rows of one span, in the order of the columns in `schema.py`."""

    span: Row
    call: Row | None = None
    run: Row | None = None


def kind_of(attributes: Mapping[str, object]) -> SpanKind:
    """Which kind of span carries these attributes.

    Example:
        >>> kind_of({"gen_ai.operation.name": "chat"}).value
        'call'
    """
    if names.ATTEMPT_NUMBER in attributes:
        return SpanKind.ATTEMPT
    operation = attributes.get(names.OPERATION_NAME)
    return _KIND_OF.get(operation, SpanKind.CALL) if isinstance(operation, str) else SpanKind.OTHER


def project(span: StoredSpan) -> Rows:
    """The rows that `span` is stored as. A span without a run id of its own belongs to the run of its trace id."""
    attributes = span.attributes
    run_id = values.text(attributes.get(names.RUN_ID)) or span.trace_id
    started_ns = values.nanoseconds(span.started_ns)
    ended_ns = max(started_ns, values.nanoseconds(span.ended_ns))  # a clock that was set back
    error_type = values.text(attributes.get(names.ERROR_TYPE))
    row = (
        span.trace_id, span.span_id, span.parent_span_id, run_id, values.text(span.name),
        started_ns, ended_ns, span.status, error_type, values.json_object(attributes),
    )  # fmt: skip
    kind = kind_of(attributes)
    if kind is SpanKind.CALL:
        ids = (span.trace_id, span.span_id, run_id, started_ns, ended_ns - started_ns)
        return Rows(row, call=_call_row(ids, attributes))
    if kind is SpanKind.RUN:
        return Rows(row, run=_run_row(span, run_id, started_ns, ended_ns, error_type))
    return Rows(row)


def _call_row(ids: Row, attributes: Mapping[str, object]) -> Row:
    row: list[SqlValue] = [*ids, *_UNKNOWN]
    for name, value in attributes.items():  # a call has fewer attributes than there are columns
        column = _COLUMN_OF.get(name)
        if column is not None and value is not None:
            at, read = column
            row[at] = read(value)
    if row[COST_SOURCE_AT] is not None and row[COST_AT] is None:  # a cost that is no number is an unknown cost
        row[COST_SOURCE_AT] = names.CostSource.UNKNOWN.value
    return tuple(row)


def _run_row(span: StoredSpan, run_id: str, started_ns: int, ended_ns: int, error_type: str | None) -> Row:
    get = span.attributes.get
    name = values.text(get(names.WORKFLOW_NAME) or get(names.AGENT_NAME) or span.name)
    external_id, *people = (read(get(attribute)) for attribute, read in RUN_ATTRIBUTES)
    return (run_id, external_id, name, *people, started_ns, ended_ns, span.status, error_type)
