"""Which runs there were and what each came to. Asked by `fastagentic runs`, `fastagentic show` and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from fastagentic.store.cubes import LONE_CALLS

from .calls import tags_of
from .measures import MEASURES
from .scope import EVERYTHING, runs_in
from .sums import Sums, sums_of

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
_COLUMNS: Final = ", ".join((*_FACTS[2:], *MEASURES))
_RUNS: Final = f"SELECT runs.run_id, 1 AS is_run, {_COLUMNS} FROM runs"  # noqa: S608  # SQL of our own
_LONE_CALLS: Final = f"""
    SELECT run_id, 0, NULL, NULL, user_id, session_id, tenant_id, tags, started_ns, ended_ns,
        CASE WHEN errors > 0 THEN 'error' ELSE 'unset' END, error_type, {", ".join(MEASURES)}
    FROM {LONE_CALLS}
"""  # noqa: S608  # SQL of our own
_ALL: Final = f"({_RUNS} UNION ALL {_LONE_CALLS}) AS runs"
_SELECT: Final = "SELECT runs.* FROM {table}"
_ORDERS: Final = {
    RunOrder.STARTED: "runs.started_ns",
    RunOrder.COST: "runs.cost_pico_usd",
    RunOrder.DURATION: "runs.ended_ns - runs.started_ns",
    RunOrder.CALLS: "runs.calls",
    RunOrder.TOKENS: "runs.input_tokens + runs.output_tokens",
    RunOrder.ERRORS: "runs.errors",
    RunOrder.SAVED: "runs.saved_pico_usd",
}


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
    where, parameters = runs_in(scope)
    table = _ALL if lone_calls else "runs"
    (total,) = connection.execute(f"SELECT COUNT(*) FROM {table} WHERE {where}", parameters).fetchone()  # noqa: S608
    direction = "ASC" if is_ascending else "DESC"
    found = connection.execute(
        f"{_SELECT.format(table=_ALL) if lone_calls else _RUNS} WHERE {where}"
        f" ORDER BY {_ORDERS[order]} {direction}, runs.started_ns {direction}, runs.run_id {direction} LIMIT ? OFFSET ?",
        (*parameters, -1 if limit is None else max(0, limit), max(0, offset)),
    )
    return RunPage(tuple(map(_run_row, found)), total)


def run(connection: sqlite3.Connection, run_id: str) -> RunRow | None:
    """The run with this id (32 hex digits), or the calls that bear it, or None."""
    found = connection.execute(f"{_SELECT.format(table=_ALL)} WHERE runs.run_id = ?", (run_id,)).fetchone()
    return None if found is None else _run_row(found)


def _run_row(row: tuple[Any, ...]) -> RunRow:
    facts = dict(zip(_FACTS, row, strict=False))
    facts |= {"is_run": bool(facts["is_run"]), "tags": tuple(tags_of(facts["tags"]))}
    return RunRow(**facts, **sums_of(row[len(_FACTS) :]))
