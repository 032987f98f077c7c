"""Writing the store's file anew after somebody's rows were erased. For `fastagentic prune --user`.

Overwriting what is deleted does not reach what SQLite copied before: it leaves the old text of a row that was updated, and of
an index that was split, in the unused parts of pages. VACUUM copies the rows alone.

A marker beside the file says that this is still to be done: killed at any moment, the next erasure does it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import StoreError

if TYPE_CHECKING:
    from pathlib import Path

MARKER: Final = "erasure-unfinished"
_ONE, _LAST = 7, 4_000
_IS_READ: Final = (
    "{path} is being read, so that its log keeps what was deleted. Close what reads it (a dashboard, an export) and run the "
    "same again"
)


def mark(path: Path) -> None:
    """Note that the file at `path` may hold bytes of what is deleted. Raises: OSError."""
    path.with_name(MARKER).touch(mode=0o600)


def is_unfinished(path: Path) -> bool:
    """Whether an erasure was stopped before the file was written anew."""
    return path.with_name(MARKER).exists()


def settled(path: Path) -> None:
    """Nothing of what was deleted is left. Raises: OSError."""
    path.with_name(MARKER).unlink(missing_ok=True)


def rewrite(connection: sqlite3.Connection, path: Path) -> None:
    """Leave nothing in the file but its rows. While it lasts it takes the space once more, and others wait to write.

    Raises: StoreError when somebody reads the file all the time; sqlite3.Error.
    """
    if not keeps_row_numbers():
        raise StoreError(f"SQLite {sqlite3.sqlite_version} numbers rows anew in VACUUM; run the same with another Python")
    connection.execute("VACUUM")
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise StoreError(_IS_READ.format(path=path))


def keeps_row_numbers() -> bool:
    """Whether VACUUM leaves each row its number, by which bookmarks and sums know how far they are.

    SQLite promises that for tables with a key of whole numbers alone, and does it for every table with an index.
    """
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as probe:
        probe.execute("CREATE TABLE keyed (id TEXT PRIMARY KEY NOT NULL)")
        probe.execute("CREATE TABLE indexed (id TEXT NOT NULL)")
        probe.execute("CREATE INDEX indexed_by_id ON indexed (id)")
        for table in ("keyed", "indexed"):
            probe.executemany(f"INSERT INTO {table} (rowid, id) VALUES (?, ?)", [(_LAST, "a"), (_ONE, "b")])  # noqa: S608
        probe.execute("VACUUM")
        return all(
            [row for (row,) in probe.execute(f"SELECT rowid FROM {table} ORDER BY rowid")] == [_ONE, _LAST]  # noqa: S608
            for table in ("keyed", "indexed")
        )
