"""Single calls: a page of those in a scope, and those that came since one last looked. Asked by the dashboard."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.names import Outcome

from .dimensions import OUTCOME_OF_A_CALL
from .grouped import total
from .scope import EVERYTHING, calls_in, filtered_calls
from .sql import dialect_of
from .sums import finite

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .scope import Scope
    from .sql import Reader


class CallOrder(StrEnum):
    """What a list of calls is sorted by, largest or latest first."""

    STARTED = "started"
    COST = "cost"
    DURATION = "duration"
    TOKENS = "tokens"


@dataclass(slots=True, frozen=True)
class CallRow:
    """One call. None is unknown; `endpoint` is the name of its run, None outside any and until the run has ended."""

    number: int
    """The cursor of `newer_calls`. In the local store it grows with every call that is stored, whatever its time; ClickHouse
    keeps no such number, and there it is the time at which the call began."""
    trace_id: str
    span_id: str
    run_id: str
    started_ns: int
    duration_ns: int
    operation: str | None
    provider: str | None
    model: str | None
    response_model: str | None
    gateway: str | None
    user_id: str | None
    session_id: str | None
    tenant_id: str | None
    tags: tuple[str, ...]
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    cost_source: str | None
    saved_usd: float | None
    cache_status: str | None
    target_path: str | None
    target_name: str | None
    retries: int | None
    is_stream: bool
    time_to_first_chunk_s: float | None
    error_type: str | None
    outcome: Outcome
    endpoint: str | None

    @property
    def duration_s(self) -> float:
        """Seconds from start to end."""
        return self.duration_ns / 1e9


@dataclass(slots=True, frozen=True)
class CallPage:
    """Some of the calls in a scope, and how many there are in all."""

    rows: tuple[CallRow, ...]
    total: int


@dataclass(slots=True, frozen=True)
class NewCalls:
    """Calls in the order in which they were stored, and the cursor to ask with next time."""

    rows: tuple[CallRow, ...]
    cursor: int


_COLUMNS: Final = ", ".join(
    f"calls.{name}"
    for name in (
        "rowid", "trace_id", "span_id", "run_id", "started_ns", "duration_ns", "operation", "provider", "model",
        "response_model", "gateway", "user_id", "session_id", "tenant_id", "tags", "input_tokens", "output_tokens",
        "cost_usd", "cost_source", "saved_usd", "cache_status", "target_path", "target_name", "retries", "is_stream",
        "time_to_first_chunk_s", "error_type",
    )
)  # fmt: skip
_CALLS: Final = f"""
    SELECT {_COLUMNS}, {OUTCOME_OF_A_CALL}, (SELECT runs.name FROM runs WHERE runs.run_id = calls.run_id) FROM calls
"""  # noqa: S608  # SQL of our own
_ORDERS: Final = {
    CallOrder.STARTED: "calls.started_ns",
    CallOrder.COST: "calls.cost_usd",
    CallOrder.DURATION: "calls.duration_ns",
    CallOrder.TOKENS: "COALESCE(calls.input_tokens, 0) + COALESCE(calls.output_tokens, 0)",
}


def calls(
    connection: Reader,
    scope: Scope = EVERYTHING,
    *,
    order: CallOrder = CallOrder.STARTED,
    is_ascending: bool = False,
    limit: int = 50,
    offset: int = 0,
) -> CallPage:
    """The calls in `scope`, of which `limit` from the `offset`th on; what is unknown is sorted as the smallest."""
    where, parameters = calls_in(dialect_of(connection), scope)
    direction, unknown = ("ASC", "NULLS FIRST") if is_ascending else ("DESC", "NULLS LAST")
    ties = ", ".join(f"calls.{name} {direction}" for name in ("started_ns", "trace_id", "span_id"))
    found = connection.execute(
        f"{_CALLS} WHERE {where} ORDER BY {_ORDERS[order]} {direction} {unknown}, {ties} LIMIT ? OFFSET ?",
        (*parameters, max(0, limit), max(0, offset)),
    )
    return CallPage(tuple(map(_call_row, found)), total(connection, scope).calls)


def last_call(connection: Reader) -> int:
    """The cursor that stands behind all calls stored so far; 0 in an empty store."""
    return int(connection.execute("SELECT COALESCE(MAX(rowid), 0) FROM calls").fetchone()[0])


def newer_calls(connection: Reader, cursor: int, scope: Scope = EVERYTHING, *, limit: int = 200) -> NewCalls:
    """The calls stored after the one that `cursor` names and that pass the filters of `scope`; its times are left out.

    At most `limit`, the oldest first; ask again with the cursor that comes back. When the store was emptied or
    replaced since, everything in it is new.
    """
    newest = last_call(connection)
    cursor = cursor if 0 <= cursor <= newest else 0
    conditions = list(filtered_calls(dialect_of(connection), scope))
    where = " AND ".join(("calls.rowid > ?", *(condition.where for condition in conditions)))
    parameters = (cursor, *(parameter for condition in conditions for parameter in condition.parameters))
    found = connection.execute(f"{_CALLS} WHERE {where} ORDER BY calls.rowid LIMIT ?", (*parameters, limit))
    rows = tuple(map(_call_row, found))
    return NewCalls(rows, rows[-1].number if rows and len(rows) == limit else newest)


def _call_row(row: tuple[Any, ...]) -> CallRow:
    values = dict(zip(CallRow.__dataclass_fields__, row, strict=True))
    values["tags"] = tuple(tags_of(values["tags"]))
    for number in ("cost_usd", "saved_usd", "time_to_first_chunk_s"):
        values[number] = finite(values[number])
    values["is_stream"] = bool(values["is_stream"])
    values["outcome"] = Outcome(values["outcome"])
    return CallRow(**values)


def tags_of(column: object) -> Iterable[str]:
    """The tags in a column of JSON."""
    return json.loads(column) if isinstance(column, str) else ()
