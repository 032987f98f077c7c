"""Indexes by run that hold only rows whose run is not named as their trace. All others are found by their trace, and a new
row then costs two pages less of an index in no order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

STATEMENTS: Final = (
    "DROP INDEX spans_by_run",
    "DROP INDEX calls_by_run",
    "CREATE INDEX spans_by_other_run ON spans (run_id, started_ns) WHERE run_id <> trace_id",
    "CREATE INDEX calls_by_other_run ON calls (run_id) WHERE run_id <> trace_id",
)


def runs_of_other_traces(connection: sqlite3.Connection) -> None:
    """Replace the indexes by run."""
    for statement in STATEMENTS:
        connection.execute(statement)
