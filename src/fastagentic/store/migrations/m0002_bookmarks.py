"""How far exports got: a row for each target and table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

BOOKMARKS: Final = """
    CREATE TABLE bookmarks (
        target TEXT NOT NULL,
        source TEXT NOT NULL,
        up_to INTEGER NOT NULL,
        position INTEGER NOT NULL,
        since_ns INTEGER NOT NULL,
        moved_ns INTEGER NOT NULL,
        PRIMARY KEY (target, source)
    ) WITHOUT ROWID
"""


def bookmarks(connection: sqlite3.Connection) -> None:
    """Make the table of bookmarks."""
    connection.execute(BOOKMARKS)
