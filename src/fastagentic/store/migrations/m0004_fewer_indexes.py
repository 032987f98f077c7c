"""Fewer indexes in no order, for each of their pages that a batch touches is written twice, to the log and to the file.

A run that is named as its trace, as nearly all are, is found by the trace of its spans; an index holds the spans of others. A
call is found by its span, whose start and ids it bears: that index grows at its end, and keeps calls from being there twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

_UNIQUE: Final = ",\n        UNIQUE (trace_id, span_id)"


def fewer_indexes(connection: sqlite3.Connection) -> None:
    """Replace the indexes by run, and the one that `calls` was made with, which only a new table is rid of."""
    connection.execute("DROP INDEX spans_by_run")
    connection.execute("CREATE INDEX spans_by_other_run ON spans (run_id, started_ns) WHERE run_id <> trace_id")
    (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'calls'").fetchone()
    columns = ", ".join(row[1] for row in connection.execute("PRAGMA table_info(calls)"))
    connection.execute("ALTER TABLE calls RENAME TO calls_before")
    connection.execute(made.replace(_UNIQUE, ""))
    connection.execute(
        f"INSERT INTO calls (rowid, {columns}) SELECT rowid, {columns} FROM calls_before ORDER BY rowid"  # noqa: S608  # our names
    )
    connection.execute("DROP TABLE calls_before")
    connection.execute("CREATE UNIQUE INDEX calls_by_time ON calls (started_ns, trace_id, span_id)")
