"""Deleting what belongs to a user or a tenant, and nothing else, in small transactions. For `fastagentic prune --user`.

A span is theirs when it says so; one that says nothing is when its run is theirs. A run is theirs when its outermost span says
so; what says in it that it is another's stays. What is deleted is overwritten on disk; `rewrite.py` leaves no copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastagentic.core import names

from .cubes import CUBES
from .prune import CHUNK, Pruned, delete
from .transaction import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    OnDeleted = Callable[[int], None]

_KEYS: Final = {"spans": ("trace_id", "span_id"), "calls": ("started_ns", "trace_id", "span_id"), "runs": ("run_id",)}
_ATTRIBUTES: Final = {"user_id": names.USER_ID, "tenant_id": names.TENANT_ID}


@dataclass(slots=True, frozen=True)
class Whose:
    """What began before a time (nanoseconds since the epoch) and belongs to a user, or to a tenant; to both where both are
    given.
    """

    before_ns: int
    user: str | None = None
    tenant: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """What rows of `calls` and `runs` must hold."""
        given = {"user_id": self.user, "tenant_id": self.tenant}
        return {column: value for column, value in given.items() if value is not None}

    @property
    def attributes(self) -> dict[str, str]:
        """The same on a span."""
        return {_ATTRIBUTES[column]: value for column, value in self.columns.items()}


def find(connection: sqlite3.Connection, whose: Whose) -> Pruned:
    """Note what is theirs, for this connection alone; how much it is."""
    _note(connection, "runs", _is(whose.columns), (*whose.columns.values(), whose.before_ns))
    own = " AND ".join(f"json_extract(attributes, '$.\"{name}\"') = ?" for name in whose.attributes)
    silent = " AND ".join(f"json_extract(attributes, '$.\"{name}\"') IS NULL" for name in whose.attributes)
    theirs = f"(({own}) OR ({silent} AND run_id IN (SELECT run_id FROM temp.erased_runs)))"  # noqa: S608  # names of our own
    _note(connection, "spans", theirs, (*whose.attributes.values(), whose.before_ns))
    of_spans = "(trace_id, span_id) IN (SELECT trace_id, span_id FROM temp.erased_spans)"
    of_calls = f"({_is(whose.columns)} OR {of_spans})"
    _note(connection, "calls", of_calls, (*whose.columns.values(), whose.before_ns))
    counts = {table: _count(connection, f"temp.erased_{table}") for table in _KEYS}
    return Pruned(counts["spans"], counts["calls"], counts["runs"])


def trace_ids(connection: sqlite3.Connection) -> frozenset[str]:
    """The traces of what was found: what waits elsewhere may say no more than that."""
    found = connection.execute("SELECT trace_id FROM temp.erased_spans UNION SELECT trace_id FROM temp.erased_calls")
    return frozenset(trace_id for (trace_id,) in found)


def run_ids(connection: sqlite3.Connection) -> frozenset[str]:
    """The runs that were found."""
    return frozenset(run_id for (run_id,) in connection.execute("SELECT run_id FROM temp.erased_runs"))


def erase(connection: sqlite3.Connection, on_deleted: OnDeleted | None = None) -> Pruned:
    """Delete what was found; how much of it was still there. `on_deleted` is told of each chunk, how many rows it had.

    Raises: sqlite3.Error; what was deleted until then stays deleted, and a repeat finds the rest.
    """
    connection.execute("PRAGMA secure_delete = ON")
    counts: Mapping[str, int] = {table: _erase(connection, table, on_deleted) for table in ("spans", "calls", "runs")}
    _forget_names(connection)
    connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)")
    return Pruned(counts["spans"], counts["calls"], counts["runs"])


def _is(columns: Mapping[str, str]) -> str:
    return "(" + " AND ".join(f"{column} = ?" for column in columns) + ")"


def _note(connection: sqlite3.Connection, table: str, where: str, parameters: Sequence[str | int]) -> None:
    connection.execute(f"DROP TABLE IF EXISTS temp.erased_{table}")
    connection.execute(
        f"CREATE TEMP TABLE erased_{table} AS SELECT {', '.join(_KEYS[table])} FROM {table}"  # noqa: S608  # names of our own
        f" WHERE {where} AND started_ns < ?",
        parameters,
    )


def _erase(connection: sqlite3.Connection, table: str, on_deleted: OnDeleted | None) -> int:
    keys = ", ".join(_KEYS[table])
    found = connection.execute(f"SELECT {keys} FROM temp.erased_{table}").fetchall()  # noqa: S608
    deleted = 0
    for start in range(0, len(found), CHUNK):
        some = found[start : start + CHUNK]
        deleted += _erase_some(connection, table, some)
        if on_deleted is not None:
            on_deleted(len(some))
    return deleted


def _erase_some(connection: sqlite3.Connection, table: str, some: Sequence[tuple[str | int, ...]]) -> int:
    """By their ids: a number may be another row's by now."""
    find_row = f"SELECT rowid FROM {table} WHERE {' AND '.join(f'{key} = ?' for key in _KEYS[table])}"  # noqa: S608
    with transaction(connection):
        rows = [row for ids in some for (row,) in connection.execute(find_row, ids)]
        delete(connection, table, rows)
    return len(rows)


def _forget_names(connection: sqlite3.Connection) -> None:
    """The groups of sums that nobody is left in: their names are those of people."""
    with transaction(connection):
        for cube in CUBES:
            connection.execute(f"DELETE FROM {cube.groups} WHERE group_id NOT IN (SELECT group_id FROM {cube.sums})")  # noqa: S608


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])  # noqa: S608
