"""How far an export of the store got, so that the next one goes on from there. Kept in the store itself, and gone with it.

Rows are numbered in the order in which they were stored (SQLite's rowid), by the one writer at a time that there is: what
came late has a higher number, however early it happened.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from .transaction import transaction

if TYPE_CHECKING:
    import sqlite3

_MOVE: Final = """
    INSERT INTO bookmarks (target, source, up_to, position, since_ns, moved_ns) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (target, source) DO UPDATE SET up_to = excluded.up_to, position = excluded.position,
        since_ns = excluded.since_ns, moved_ns = excluded.moved_ns
"""


class Bookmark(NamedTuple):
    """Where in one table an export to one target is."""

    up_to: int = 0
    """The number of the last row that arrived."""
    position: int = 0
    """Where in the target that was: bytes of a file, parts of a directory. Whatever lies behind it did not count yet."""
    since_ns: int = 0
    """Rows older than this were left out, in nanoseconds since the epoch."""


def read(connection: sqlite3.Connection, target: str) -> dict[str, Bookmark]:
    """The bookmarks of a target by table; none when nothing was exported there."""
    found = connection.execute("SELECT source, up_to, position, since_ns FROM bookmarks WHERE target = ?", (target,))
    return {source: Bookmark(*row) for source, *row in found}


def move(connection: sqlite3.Connection, target: str, source: str, bookmark: Bookmark) -> None:
    """Note that the rows of a table up to this one have arrived."""
    with transaction(connection):
        connection.execute(_MOVE, (target, source, *bookmark, time.time_ns()))


def forget(connection: sqlite3.Connection, target: str) -> None:
    """The next export to this target starts over."""
    with transaction(connection):
        connection.execute("DELETE FROM bookmarks WHERE target = ?", (target,))


def keep_in_bounds(connection: sqlite3.Connection, source: str) -> None:
    """After rows were deleted, in their transaction: their numbers are given out again, to rows that are not exported yet."""
    connection.execute(
        f"UPDATE bookmarks SET up_to = MIN(up_to, COALESCE((SELECT MAX(rowid) FROM {source}), 0)) WHERE source = ?",  # noqa: S608
        (source,),
    )
