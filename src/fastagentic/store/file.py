"""The store's file while it is open for writing: opened when first needed, migrated, written in whole
batches, closed.

One thread at a time uses it. It raises what SQLite raises; `batches.py` decides how to go on.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from . import rollups
from .faults import DATA_ERRORS
from .migrations import check_not_newer, migrate
from .prune import prune
from .schema import INSERT_CALL, INSERT_DROP, INSERT_SPAN, UPSERT_RUN
from .transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .projection import Rows
    from .prune import Pruned

    Identity = tuple[int, int]

CHECKPOINT_PAGES: Final = 16_000
"""How long the log beside the file grows, in pages of 4 KiB, before it is carried over. A full batch writes about 4,000,
many of them those of the batch before: SQLite's own choice would carry these over each time.
"""
UNREADABLE: Final = "unreadable span"
"""The reason in `drops` of a span that could not be turned into rows."""


def connect(path: Path, *, busy_s: float) -> sqlite3.Connection:
    """A connection that writes, to a store of today's shape: directory and file are made when missing.

    Raises: sqlite3.Error, OSError, StoreTooNewError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
    connection.text_factory = readable
    try:
        if check_not_newer(connection, path) == 0:  # before anything is written
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # so that pruning gives space back
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
        connection.execute("PRAGMA cache_size = -2048")  # KiB, of the user's process; a full batch changes about so many pages
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def readable(stored: bytes) -> str:
    """Text that somebody else put there need not be UTF-8: what can be read of it is taken."""
    return stored.decode(errors="replace")


def identity_of(path: Path) -> Identity | None:
    """Which file lies at `path`, or None. A deleted file can be written to without an error: this tells."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


class StoreFile:
    """The file at `path`, open or not. `busy_s` is how long one write waits for another process's lock."""

    def __init__(self, path: Path, *, busy_s: float) -> None:
        self.path = path
        self._busy_s = busy_s
        self._connection: sqlite3.Connection | None = None
        self._identity: Identity | None = None

    def write(self, batch: Sequence[Rows], drops: Mapping[str, int]) -> int:
        """Store a batch and the drops since the last one in one transaction; return how many spans it would
        not take.

        Raises: sqlite3.Error, OSError, StoreTooNewError; nothing of the batch is stored then, and a repeat is
        harmless.
        """
        refused = self._write(batch, drops)
        if self._identity != identity_of(self.path):  # deleted or moved away meanwhile, and the batch with it
            refused = self._write(batch, drops)
        return refused

    def prune(self, older_than_ns: int, *, budget_s: float) -> Pruned:
        """Delete what is older, for about `budget_s` seconds at most."""
        return prune(self._open(), older_than_ns, budget_s=budget_s)

    def close(self) -> None:
        """Close the connection; the next write opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):  # a checkpoint at closing that a full disk refuses
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity == identity_of(self.path):
            return self._connection
        self.close()
        self._connection = connect(self.path, busy_s=self._busy_s)
        self._identity = identity_of(self.path)
        return self._connection

    def _write(self, batch: Sequence[Rows], drops: Mapping[str, int]) -> int:
        connection = self._open()
        try:
            with transaction(connection):
                _insert(connection, batch)
                rollups.add(connection)
                _insert_drops(connection, drops)
        except DATA_ERRORS:
            with transaction(connection):
                refused = _insert_one_by_one(connection, batch)
                rollups.add(connection)
                _insert_drops(connection, Counter(drops) + Counter({UNREADABLE: refused}))
            return refused
        return 0


def _insert(connection: sqlite3.Connection, batch: Sequence[Rows]) -> None:
    connection.executemany(INSERT_SPAN, [rows.span for rows in batch])
    connection.executemany(INSERT_CALL, [rows.call for rows in batch if rows.call is not None])
    connection.executemany(UPSERT_RUN, [rows.run for rows in batch if rows.run is not None])


def _insert_one_by_one(connection: sqlite3.Connection, batch: Sequence[Rows]) -> int:
    """The slow way, when one row of the batch cannot be stored: leave out that span alone."""
    refused = 0
    for rows in batch:
        connection.execute("SAVEPOINT one")
        try:
            _insert(connection, (rows,))
        except DATA_ERRORS:
            connection.execute("ROLLBACK TO one")
            refused += 1
        connection.execute("RELEASE one")
    return refused


def _insert_drops(connection: sqlite3.Connection, drops: Mapping[str, int]) -> None:
    now_ns = time.time_ns()
    connection.executemany(INSERT_DROP, [(now_ns, reason, spans) for reason, spans in drops.items() if spans])
