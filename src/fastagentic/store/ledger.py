"""`LocalLedger`: what budgets were charged, shared by the processes of one machine through a SQLite file beside the store's.

A file of its own: the store's writer holds the store's lock for whole batches, and for as long as pruning takes, while here a
call waits to be made. Its transactions are a few rows long. A reader never waits for a writer (WAL).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from fastagentic.core.ledger import NOTHING_SPENT, Account, Spent
from fastagentic.core.names import BudgetScope, CostSource

from .file import identity_of
from .transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from .file import Identity

LEDGER_NAME: Final = "budgets.db"
BUSY_S: Final = 0.5
"""How long a call waits for another process's few rows before it is allowed without being counted."""
KEPT_DAYS: Final = 62
"""A month's account is needed to its end; so long after its last charge a run counts as over."""

TABLE: Final = """CREATE TABLE IF NOT EXISTS spent (
    scope TEXT NOT NULL, name TEXT NOT NULL, period TEXT NOT NULL,
    nanos INTEGER NOT NULL, calls INTEGER NOT NULL, unpriced INTEGER NOT NULL, changed_ns INTEGER NOT NULL,
    PRIMARY KEY (scope, name, period)
) WITHOUT ROWID, STRICT"""
CHARGE: Final = """INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    nanos = nanos + excluded.nanos, calls = calls + excluded.calls, unpriced = unpriced + excluded.unpriced,
    changed_ns = excluded.changed_ns"""
BEGIN_WITH: Final = "INSERT INTO spent VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
ASK: Final = "SELECT nanos, calls, unpriced FROM spent WHERE scope = ? AND name = ? AND period = ?"
ALL: Final = "SELECT scope, name, period, nanos, calls, unpriced FROM spent WHERE scope != ? AND period IN (?, ?)"
MONTH_SO_FAR: Final = """SELECT TOTAL(cost_usd), COUNT(*), TOTAL(cost_source IS ?) FROM calls WHERE started_ns >= ?"""


class LocalLedger:
    """The ledger in the file at `path`, made when it is first needed. `store` is where this month's calls lie so far, if any.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from fastagentic.core.ledger import Account, Spent
        >>> ledger, run = LocalLedger(Path(mkdtemp()) / "budgets.db"), Account("run", "a" * 32, "")
        >>> ledger.exchange({run: Spent(nanos=1_500, calls=1)}, [run])
        [Spent(nanos=1500, calls=1, unpriced=0)]
        >>> ledger.close()
    """

    waits = True

    def __init__(self, path: Path, store: Path | None = None) -> None:
        self.path = path
        self._store = store
        self._connection: sqlite3.Connection | None = None
        self._identity: Identity | None = None
        self._begun: Account | None = None
        _ledgers.add(self)

    def exchange(self, charges: Mapping[Account, Spent], asked: Sequence[Account]) -> list[Spent]:
        """Book, then say what is spent. Raises: sqlite3.Error, OSError."""
        connection = self._open()
        for account in (*charges, *asked):
            if account.scope == BudgetScope.MONTH and account != self._begun:
                self._begin(connection, account)
        if not charges:
            return _spent(connection, asked)
        now = time.time_ns()
        with transaction(connection):
            connection.executemany(CHARGE, [(*account, *spent, now) for account, spent in charges.items()])
            return _spent(connection, asked)

    def close(self) -> None:
        """Close the file; the next exchange opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._identity == identity_of(self.path):
            return self._connection
        self.close()
        self._begun = None
        self._connection = _connect(self.path)
        self._identity = identity_of(self.path)
        return self._connection

    def _begin(self, connection: sqlite3.Connection, account: Account) -> None:
        """A month begins with what the store knows of it: it may have been spent before there was a budget."""
        if connection.execute(ASK, account).fetchone() is None:
            with transaction(connection):
                connection.execute(BEGIN_WITH, (*account, *self._month_so_far(account), time.time_ns()))
        self._begun = account

    def _month_so_far(self, account: Account) -> Spent:
        if self._store is None or not self._store.exists():
            return NOTHING_SPENT
        began = datetime.strptime(account.period, "%Y-%m").replace(tzinfo=UTC)
        try:
            with contextlib.closing(sqlite3.connect(f"{self._store.as_uri()}?mode=ro", uri=True, timeout=BUSY_S)) as store:
                unknown = CostSource.UNKNOWN.value
                usd, calls, unpriced = store.execute(MONTH_SO_FAR, (unknown, int(began.timestamp()) * 10**9)).fetchone()
        except sqlite3.Error:  # damaged, or of another version: the store's own to say
            return NOTHING_SPENT
        return Spent(round(usd * 10**9), int(calls), int(unpriced))

    def _forget(self) -> None:
        """In a forked child: a connection of its own. The parent's is not touched here, not even to close it."""
        if self._connection is not None:
            _left_to_parent.append(self._connection)
            self._connection = None


def spent_in(path: Path, periods: tuple[str, str]) -> dict[Account, Spent]:
    """What was spent by users, tenants, endpoints and all together in this day and month; nothing where there is no ledger.

    Raises: sqlite3.Error.
    """
    if not path.exists():
        return {}
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_S)) as connection:
        rows: Iterable[tuple[str, str, str, int, int, int]] = connection.execute(ALL, (BudgetScope.RUN.value, *periods))
        return {Account(*row[:3]): Spent(*row[3:]) for row in rows}


def _spent(connection: sqlite3.Connection, asked: Sequence[Account]) -> list[Spent]:
    rows = (connection.execute(ASK, account).fetchone() for account in asked)
    return [NOTHING_SPENT if row is None else Spent(*row) for row in rows]


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose the last charges, and nothing else
        connection.execute(TABLE)
        _forget_old(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _forget_old(connection: sqlite3.Connection) -> None:
    """Once a day, whoever comes first."""
    today = time.time_ns() // (86_400 * 10**9)
    if connection.execute("PRAGMA user_version").fetchone()[0] < today:
        with transaction(connection):
            connection.execute("DELETE FROM spent WHERE changed_ns < ?", ((today - KEPT_DAYS) * 86_400 * 10**9,))
            connection.execute(f"PRAGMA user_version = {today:d}")


_ledgers: Final[weakref.WeakSet[LocalLedger]] = weakref.WeakSet()
_left_to_parent: Final[list[sqlite3.Connection]] = []


def _after_fork_in_child() -> None:
    for ledger in list(_ledgers):
        ledger._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
