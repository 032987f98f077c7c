"""Rows out of the store, from where the last export to the same target ended; whatever the format.

A piece is read, written, and known to be on disk before its bookmark moves. Killed in between, the next export throws away
what lies behind the bookmark and writes it again: nothing is there twice, nothing is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import ConfigError
from fastagentic.core.words import iso_time
from fastagentic.store import bookmarks
from fastagentic.store.bookmarks import Bookmark
from fastagentic.store.migrations import schema_version

from .tables import count, rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping

    from .files import Output
    from .tables import Table

START: Final = Bookmark()


def marks_for(connection: sqlite3.Connection, target: str, since_ns: int) -> dict[str, Bookmark]:
    """Where an export to `target` of what is not older than `since_ns` goes on.

    Raises: ConfigError where an earlier one left out what this one asks for.
    """
    found = bookmarks.read(connection, target)
    left_out_ns = max((mark.since_ns for mark in found.values()), default=0)
    if since_ns < left_out_ns:
        raise ConfigError(
            f"--since reaches further back than the export to this target so far, which left out what is older than "
            f"{iso_time(left_out_ns)}; --restart exports everything anew"
        )
    return found


def left(connection: sqlite3.Connection, names: Iterable[str], marks: Mapping[str, Bookmark], since_ns: int) -> int:
    """How many rows are still to be exported."""
    return sum(count(connection, name, after=marks.get(name, START).up_to, since_ns=since_ns) for name in names)


def export(
    connection: sqlite3.Connection,
    tables: Iterable[Table],
    output: Output,
    *,
    target: str | None,
    since_ns: int,
    on_written: Callable[[int], None],
) -> dict[str, int]:
    """Write what is new since the last export to `target` (None: nothing is remembered); how many rows of each table.

    Raises: sqlite3.Error, OSError, and what `marks_for` raises; what was written until then is not written again.
    """
    marks = {} if target is None else marks_for(connection, target, since_ns)
    output.begin(max((mark.position for mark in marks.values()), default=0), schema_version(connection))
    written: dict[str, int] = {}
    try:
        for table in tables:
            written[table.name] = 0
            mark = marks.get(table.name, START)
            while found := rows(connection, table, after=mark.up_to, since_ns=since_ns, limit=output.CHUNK):
                mark = Bookmark(found[-1][0], output.write(table, [row for _, row in found]), since_ns)
                if target is not None:
                    bookmarks.move(connection, target, table.name, mark)
                written[table.name] += len(found)
                on_written(len(found))
    finally:
        output.close()
    return written
