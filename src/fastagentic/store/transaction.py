"""One write transaction, whole or not at all. Who writes the store at all goes through here."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything inside, or nothing.

    IMMEDIATE takes the write lock first and waits for it as long as the connection's busy timeout says; a
    transaction that reads first and then wants to write would fail at once when another process wrote in
    between.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself on some errors
            connection.execute("ROLLBACK")
        raise
