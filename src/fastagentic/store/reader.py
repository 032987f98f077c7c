"""Opening the store to read it: for the CLI and whoever else asks `queries/`. It writes nothing but a missing
migration.

Every way in which that can fail becomes a `StoreError` that says what is wrong and how to mend it.
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import StoreError, StoreTooNewError

from .faults import fault_of
from .file import connect, readable
from .migrations import SCHEMA_VERSION, check_not_newer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUSY_S: Final = 2.0
PROBE_S: Final = 0.3

_NO_STORE: Final = (
    "there is no store yet at {path}. It is made with the first call after `fastagentic.instrument()`; "
    "`fastagentic demo` shows one. Is FASTAGENTIC_HOME set as it is for the program?"
)


@contextlib.contextmanager
def open_store(path: Path, *, busy_s: float = BUSY_S) -> Iterator[sqlite3.Connection]:
    """A connection that reads the store at `path` as it is at this moment, whatever is written meanwhile.

    Raises: StoreError when there is no store, or it is damaged, locked or unreadable, also while it is being
    read; StoreTooNewError when a newer version wrote it.
    """
    with told_to_people(path), contextlib.closing(_connect(path, busy_s)) as connection:
        connection.execute("BEGIN")  # one snapshot for all questions, so that rows and totals agree
        yield connection


@contextlib.contextmanager
def open_to_write(path: Path, *, busy_s: float = BUSY_S) -> Iterator[sqlite3.Connection]:
    """A connection that writes an existing store at `path`, in today's shape. Raises like `open_store`."""
    with told_to_people(path):
        _must_exist(path)
        with contextlib.closing(connect(path, busy_s=busy_s)) as connection:
            yield connection


@contextlib.contextmanager
def told_to_people(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system raise about the file at `path` into a StoreError with advice."""
    try:
        yield
    except (StoreTooNewError, BrokenPipeError):  # a broken pipe is that of whoever reads what is printed meanwhile
        raise
    except (sqlite3.Error, OSError) as error:
        fault = fault_of(error, path)
        raise StoreError(fault.advice if fault is not None else f"{path}: {error}") from error


def write_problem(path: Path) -> str | None:
    """What keeps the store at `path` from being written now, with advice; None when it can be written."""
    try:
        with open_to_write(path, busy_s=PROBE_S) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except StoreError as error:
        return str(error)
    return None


def _must_exist(path: Path) -> None:
    if not path.exists():
        raise StoreError(_NO_STORE.format(path=path))
    if not path.is_file():
        raise StoreError(f"{path} is no file. Move it away, or set FASTAGENTIC_HOME to another directory.")


def _connect(path: Path, busy_s: float) -> sqlite3.Connection:
    _must_exist(path)
    connection = _connect_read_only(path, busy_s)
    try:
        is_older = check_not_newer(connection, path) < SCHEMA_VERSION
    except BaseException:
        connection.close()
        raise
    if not is_older:
        return connection
    connection.close()
    connect(path, busy_s=busy_s).close()
    return _connect_read_only(path, busy_s)


def _connect_read_only(path: Path, busy_s: float) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    try:
        return _opened(uri, busy_s)
    except sqlite3.OperationalError as error:
        # In a directory that cannot be written SQLite has no place for its locks; nobody writes there anyway.
        is_placeless = error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
        if not is_placeless or path.with_name(path.name + "-wal").exists():
            raise
        return _opened(uri + "&immutable=1", busy_s)


def _opened(uri: str, busy_s: float) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=busy_s, isolation_level=None)
    connection.text_factory = readable
    try:
        connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection
