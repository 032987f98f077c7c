"""Which runs there were and what each came to. Asked by `fastagentic runs`, `fastagentic show` and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from .calls import tags_of
from .scope import EVERYTHING, Condition, calls_in, runs_in
from .sums import SUM_COLUMNS, Sums, sums_of

if TYPE_CHECKING:
    import sqlite3

    from .scope import Scope


class RunOrder(StrEnum):
    """What a list of runs is sorted by, largest or latest first."""

    STARTED = "started"
    COST = "cost"
    DURATION = "duration"
    CALLS = "calls"
    TOKENS = "tokens"
    ERRORS = "errors"
    SAVED = "saved"


@dataclass(slots=True, frozen=True, kw_only=True)
class RunRow(Sums):
    """A run and the totals of its calls. `is_run` False: calls of one trace outside any run, or whose run has not ended."""

    run_id: str
    is_run: bool
    external_id: str | None
    name: str | None
    user_id: str | None
    session_id: str | None
    tenant_id: str | None
    tags: tuple[str, ...]
    started_ns: int
    ended_ns: int
    status: str
    error_type: str | None

    @property
    def duration_s(self) -> float:
        """Seconds from the start of the run to its end."""
        return (self.ended_ns - self.started_ns) / 1e9


@dataclass(slots=True, frozen=True)
class RunPage:
    """Some of the runs in a scope, and how many there are in all."""

    rows: tuple[RunRow, ...]
    total: int


_FACTS: Final = (
    "run_id", "is_run", "external_id", "name", "user_id", "session_id", "tenant_id", "tags",
    "started_ns", "ended_ns", "status", "error_type",
)  # fmt: skip

_RUNS: Final = f"""
    SELECT runs.run_id, 1, runs.external_id, runs.name, runs.user_id, runs.session_id, runs.tenant_id,
        runs.tags, runs.started_ns, runs.ended_ns, runs.status, runs.error_type, {SUM_COLUMNS}
    FROM runs LEFT JOIN calls ON calls.run_id = runs.run_id
    WHERE {{where}} GROUP BY runs.run_id
"""  # noqa: S608  # SQL of our own
_LONE_CALLS: Final = f"""
    SELECT calls.run_id, 0, NULL, NULL, MAX(calls.user_id), MAX(calls.session_id), MAX(calls.tenant_id),
        MAX(calls.tags), MIN(calls.started_ns), MAX(calls.started_ns + calls.duration_ns),
        CASE WHEN COUNT(calls.error_type) THEN 'error' ELSE 'unset' END, MAX(calls.error_type), {SUM_COLUMNS}
    FROM calls LEFT JOIN runs ON runs.run_id = calls.run_id
    WHERE runs.run_id IS NULL AND {{where}} GROUP BY calls.run_id
"""  # noqa: S608  # SQL of our own


def runs(
    connection: sqlite3.Connection,
    scope: Scope = EVERYTHING,
    *,
    order: RunOrder = RunOrder.STARTED,
    is_ascending: bool = False,
    limit: int | None = None,
    offset: int = 0,
    lone_calls: bool = False,
) -> RunPage:
    """The runs in `scope`, with `lone_calls` also what belongs to no run: `limit` of them from the `offset`th on."""
    found = _select(connection, _RUNS, runs_in(scope))
    if lone_calls:
        found += _select(connection, _LONE_CALLS, calls_in(scope))
    found.sort(key=_ORDER_KEYS[order], reverse=not is_ascending)
    return RunPage(tuple(found[offset:][:limit]), len(found))


def run(connection: sqlite3.Connection, run_id: str) -> RunRow | None:
    """The run with this id (32 hex digits), or the calls that bear it, or None."""
    for query, column in ((_RUNS, "runs.run_id"), (_LONE_CALLS, "calls.run_id")):
        found = _select(connection, query, Condition(f"{column} = ?", (run_id,)))
        if found:
            return found[0]
    return None


_ORDER_KEYS: Final = {
    RunOrder.STARTED: lambda row: (row.started_ns, row.run_id),
    RunOrder.COST: lambda row: (row.cost_usd or 0.0, row.started_ns),
    RunOrder.DURATION: lambda row: (row.duration_s, row.started_ns),
    RunOrder.CALLS: lambda row: (row.calls, row.started_ns),
    RunOrder.TOKENS: lambda row: (row.tokens, row.started_ns),
    RunOrder.ERRORS: lambda row: (row.errors, row.started_ns),
    RunOrder.SAVED: lambda row: (row.saved_usd, row.started_ns),
}


def _select(connection: sqlite3.Connection, query: str, condition: Condition) -> list[RunRow]:
    found = connection.execute(query.format(where=condition.where), condition.parameters)
    return [_run_row(row) for row in found]


def _run_row(row: tuple[Any, ...]) -> RunRow:
    facts = dict(zip(_FACTS, row, strict=False))
    facts |= {"is_run": bool(facts["is_run"]), "tags": tuple(tags_of(facts["tags"]))}
    return RunRow(**facts, **sums_of(row[len(_FACTS) :]))
