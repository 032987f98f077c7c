"""Deleting what is old, in small transactions, so that other processes write in between. For the writer and
`fastagentic prune`.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from . import rollups
from .bookmarks import keep_in_bounds
from .schema import AGE_COLUMN
from .transaction import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

CHUNK: Final = 1_000
_FOLLOWED: Final = {"calls": rollups.changing, "runs": rollups.deleting_runs}


@dataclass(slots=True, frozen=True)
class Pruned:
    """How many rows were (or would be) deleted; `is_done` is False when time ran out before the last."""

    spans: int = 0
    calls: int = 0
    runs: int = 0
    drops: int = 0
    is_done: bool = True

    @property
    def rows(self) -> int:
        """All of them."""
        return self.spans + self.calls + self.runs + self.drops


def prune(
    connection: sqlite3.Connection,
    older_than_ns: int,
    *,
    budget_s: float | None = None,
    on_deleted: Callable[[int], None] | None = None,
    overwrites: bool = False,
) -> Pruned:
    """Delete all rows older than `older_than_ns` (nanoseconds since the epoch), for about `budget_s` seconds
    at most. `on_deleted` is told of each chunk, how many rows it had. With `overwrites` their bytes go as well.

    Raises: sqlite3.Error; what was deleted until then stays deleted.
    """
    if overwrites:
        connection.execute("PRAGMA secure_delete = ON")
    deadline = None if budget_s is None else time.monotonic() + budget_s
    counts = dict.fromkeys(AGE_COLUMN, 0)
    is_done = True
    for table in AGE_COLUMN:
        while is_done and (deleted := _prune_chunk(connection, table, older_than_ns)):
            counts[table] += deleted
            if on_deleted is not None:
                on_deleted(deleted)
            is_done = deadline is None or time.monotonic() <= deadline
    if overwrites:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return Pruned(counts["spans"], counts["calls"], counts["runs"], counts["drops"], is_done)


def count_older(connection: sqlite3.Connection, older_than_ns: int) -> Pruned:
    """What `prune` would delete."""
    count = "SELECT COUNT(*) FROM {} WHERE {} < ?"
    found = {
        table: connection.execute(count.format(table, column), (older_than_ns,)).fetchone()[0]
        for table, column in AGE_COLUMN.items()
    }
    return Pruned(found["spans"], found["calls"], found["runs"], found["drops"])


def _prune_chunk(connection: sqlite3.Connection, table: str, older_than_ns: int) -> int:
    chunk = f"SELECT rowid FROM {table} WHERE {AGE_COLUMN[table]} < ? LIMIT {CHUNK}"  # noqa: S608  # names of our own
    with transaction(connection):
        rows = [row for (row,) in connection.execute(chunk, (older_than_ns,))]
        delete(connection, table, rows)
        if table == "calls" and not rows:
            rollups.forget_before(connection, older_than_ns)
    if rows:
        connection.executescript("PRAGMA incremental_vacuum")  # `execute` takes one step, which frees one page
    return len(rows)


def delete(connection: sqlite3.Connection, table: str, rows: Sequence[int]) -> None:
    """Delete rows by their numbers, with the sums and the bookmarks that follow; in the caller's transaction."""
    follow = _FOLLOWED.get(table)
    with follow(connection, rows) if follow is not None else contextlib.nullcontext():
        connection.executemany(f"DELETE FROM {table} WHERE rowid = ?", [(row,) for row in rows])  # noqa: S608  # our names
    keep_in_bounds(connection, table)
