"""Which tables are carried, with whatever columns they have today, and their rows in the order in which they were stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastagentic.store.schema import AGE_COLUMN, RUN_SUMS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from fastagentic.store.values import SqlValue

    Row = tuple[SqlValue, ...]

SPANS: Final = "spans"
CALLS: Final = "calls"
RUNS: Final = "runs"
DROPS: Final = "drops"
ATTRIBUTES: Final = "attributes"
"""The column of `spans` that holds JSON."""


@dataclass(slots=True, frozen=True)
class Column:
    """A column: its name, its kind (`TEXT`, `INTEGER`, `REAL`), and whether a row may leave it unknown."""

    name: str
    kind: str
    is_needed: bool


@dataclass(slots=True, frozen=True)
class Table:
    """A table, and its columns as the store at hand has them."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns."""
        return tuple(column.name for column in self.columns)


def tables(connection: sqlite3.Connection) -> dict[str, Table]:
    """The tables that hold what was seen, by name. What is only made of them (sums, bookmarks) is not carried."""
    return {name: Table(name, tuple(_columns(connection, name))) for name in AGE_COLUMN}


def rows(connection: sqlite3.Connection, table: Table, *, after: int, since_ns: int, limit: int) -> list[tuple[int, Row]]:
    """The next rows behind the one numbered `after`, each with its number; those older than `since_ns` are left out."""
    # The + keeps SQLite from the index of times, which would have it sort the table for each piece of it.
    found = connection.execute(
        f"SELECT rowid, {', '.join(table.names)} FROM {table.name}"  # noqa: S608  # names of our own
        f" WHERE rowid > ? AND +{AGE_COLUMN[table.name]} >= ? ORDER BY rowid LIMIT ?",
        (after, since_ns, limit),
    )
    return [(number, tuple(row)) for number, *row in found]


def count(connection: sqlite3.Connection, table: str, *, after: int, since_ns: int) -> int:
    """How many rows `rows` would go through."""
    found = connection.execute(
        f"SELECT COUNT(*) FROM {table} WHERE rowid > ? AND +{AGE_COLUMN[table]} >= ?",  # noqa: S608  # as above
        (after, since_ns),
    )
    return int(found.fetchone()[0])


def _columns(connection: sqlite3.Connection, table: str) -> Iterator[Column]:
    made = RUN_SUMS if table == RUNS else ()
    for _, name, kind, is_needed, default, is_key in connection.execute(f"PRAGMA table_info({table})"):
        if name not in made:
            yield Column(name, kind, bool((is_needed or is_key) and default is None))
