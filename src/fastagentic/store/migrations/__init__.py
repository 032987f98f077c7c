"""How a store comes to today's shape: named functions, each in a file of its own, each applied once.

All that is missing is applied in one transaction, so that a process killed in between leaves a whole store. The
number of migrations applied is the schema number, in `PRAGMA user_version`. Never change one that was
released: add the next.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import StoreTooNewError
from fastagentic.store.rollups import add
from fastagentic.store.transaction import transaction

from .m0001_first_tables import first_tables
from .m0002_bookmarks import bookmarks
from .m0003_rollups import rollups
from .m0004_fewer_indexes import fewer_indexes
from .m0005_first_costs import first_costs

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (
    first_tables,
    bookmarks,
    rollups,
    fewer_indexes,
    first_costs,
)
SCHEMA_VERSION: Final = len(MIGRATIONS)

_TOO_NEW: Final = (
    "{path} was written by a newer version of fastagentic (schema {version}; this one knows {known}). "
    "Update with `pip install --upgrade fastagentic`, or set FASTAGENTIC_HOME to another directory."
)
_RECORDS: Final = """
    CREATE TABLE IF NOT EXISTS migrations (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_ns INTEGER NOT NULL
    )
"""


def schema_version(connection: sqlite3.Connection) -> int:
    """How many migrations the store has seen; 0 for an empty file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_not_newer(connection: sqlite3.Connection, path: Path) -> int:
    """The schema number of the store at `path`.

    Raises: StoreTooNewError when a newer version of fastagentic wrote it.
    """
    version = schema_version(connection)
    if version > SCHEMA_VERSION:
        raise StoreTooNewError(_TOO_NEW.format(path=path, version=version, known=SCHEMA_VERSION))
    return version


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing in one transaction, and count the calls that no rollup knows. Safe when several processes do
    it at once.
    """
    if schema_version(connection) >= SCHEMA_VERSION:
        return
    with transaction(connection):
        # asked again: another process may have been quicker
        for number in range(schema_version(connection), SCHEMA_VERSION):
            _apply(connection, number)
        add(connection)  # once all tables have today's shape


def _apply(connection: sqlite3.Connection, number: int) -> None:
    migration = MIGRATIONS[number]
    migration(connection)
    connection.execute(_RECORDS)
    connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number + 1, migration.__name__, time.time_ns()))
    connection.execute(f"PRAGMA user_version = {number + 1}")
