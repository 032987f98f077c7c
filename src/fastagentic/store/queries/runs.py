"""Which runs there were and what each came to. Asked by `fastagentic runs`, `fastagentic show` and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from fastagentic.store.values import LARGEST

from .calls import tags_of
from .measures import MEASURES
from .scope import EVERYTHING, runs_in
from .sql import dialect_of
from .sums import Sums, sums_of

if TYPE_CHECKING:
    from .scope import Scope
    from .sql import Dialect, Reader


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
    connection: Reader,
    scope: Scope = EVERYTHING,
    *,
    order: RunOrder = RunOrder.STARTED,
    is_ascending: bool = False,
    limit: int | None = None,
    offset: int = 0,
    lone_calls: bool = False,
) -> RunPage:
    """The runs in `scope`, with `lone_calls` also what belongs to no run: `limit` of them from the `offset`th on."""
    sql = dialect_of(connection)
    where, parameters = runs_in(sql, scope)
    tables = (_runs(sql, scope.start_ns), _lone_calls(sql, scope.start_ns)) if lone_calls else (_runs(sql, scope.start_ns),)
    counts = (connection.execute(f"SELECT COUNT(*) FROM ({table}) AS runs WHERE {where}", parameters) for table in tables)  # noqa: S608
    total = sum(count.fetchone()[0] for count in counts)
    last = LARGEST if limit is None else max(0, limit) + max(0, offset)
    direction = "ASC" if is_ascending else "DESC"
    ordered = ", ".join(f"{key} {direction}" for key in (_ORDERS[order], "runs.started_ns", "runs.run_id"))
    # each table in its own order as far as it is needed: both together would be sorted as a whole
    parts = [f"SELECT * FROM (SELECT * FROM ({table}) AS runs WHERE {where} ORDER BY {ordered} LIMIT ?)" for table in tables]  # noqa: S608
    found = connection.execute(
        f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS runs ORDER BY {ordered} LIMIT ? OFFSET ?",  # noqa: S608
        (*(*parameters, last) * len(tables), LARGEST if limit is None else max(0, limit), max(0, offset)),
    )
    return RunPage(tuple(map(_run_row, found)), total)


def run(connection: Reader, run_id: str) -> RunRow | None:
    """The run with this id (32 hex digits), or the calls that bear it, or None."""
    sql = dialect_of(connection)
    anywhere = f"SELECT * FROM ({_runs(sql, 0)} UNION ALL {_lone_calls(sql, 0)}) AS runs WHERE run_id = ?"  # noqa: S608  # SQL of our own
    found = connection.execute(anywhere, (run_id,)).fetchone()
    return None if found is None else _run_row(found)


def _runs(sql: Dialect, start_ns: int) -> str:
    return f"SELECT runs.run_id, 1 AS is_run, {_COLUMNS} FROM {sql.summed_runs(start_ns)}"  # noqa: S608  # SQL of our own


def _lone_calls(sql: Dialect, start_ns: int) -> str:
    return f"""
        SELECT run_id, 0 AS is_run, NULL AS external_id, NULL AS name, user_id, session_id, tenant_id, tags,
            started_ns, ended_ns, CASE WHEN errors > 0 THEN 'error' ELSE 'unset' END AS status, error_type,
            {", ".join(MEASURES)}
        FROM {sql.lone_calls(start_ns)}
    """  # noqa: S608  # SQL of our own


def _run_row(row: tuple[Any, ...]) -> RunRow:
    facts = dict(zip(_FACTS, row, strict=False))
    facts |= {"is_run": bool(facts["is_run"]), "tags": tuple(tags_of(facts["tags"]))}
    return RunRow(**facts, **sums_of(row[len(_FACTS) :]))
