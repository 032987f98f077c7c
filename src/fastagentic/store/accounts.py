"""What the ledger of budgets keeps of a user, a tenant, or their runs: counted and deleted, for `fastagentic prune --user`."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from typing import TYPE_CHECKING, Final

from fastagentic.core.names import BudgetScope

from .ledger import LEDGER_NAME
from .location import store_home
from .reader import told_to_people
from .transaction import transaction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .erase import Whose

BUSY_S: Final = 30.0
_THEIRS: Final = """changed_ns < ? AND (
    (scope = ? AND name = ?) OR (scope = ? AND name = ?) OR (scope = ? AND name IN (SELECT value FROM json_each(?))))"""


def count_accounts(whose: Whose, run_ids: Iterable[str]) -> int:
    """How many accounts of theirs were last charged before the time; none where there is no ledger. Raises: StoreError."""
    with _ledger("ro") as connection:
        if connection is None:
            return 0
        found = connection.execute(f"SELECT COUNT(*) FROM spent WHERE {_THEIRS}", _parameters(whose, run_ids))  # noqa: S608
        return int(found.fetchone()[0])


def erase_accounts(whose: Whose, run_ids: Iterable[str]) -> int:
    """Delete them, and write the file anew. What they spent in this day or month is forgotten, and counts from 0 again.

    Raises: StoreError; asked again, it does the rest.
    """
    with _ledger("rw") as connection:
        if connection is None:
            return 0
        with transaction(connection):
            deleted = connection.execute(f"DELETE FROM spent WHERE {_THEIRS}", _parameters(whose, run_ids)).rowcount  # noqa: S608
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return deleted


@contextlib.contextmanager
def _ledger(mode: str) -> Iterator[sqlite3.Connection | None]:
    path = store_home() / LEDGER_NAME
    if not path.exists():
        yield None
        return
    opened = f"{path.as_uri()}?mode={mode}"
    with (
        told_to_people(path),
        contextlib.closing(sqlite3.connect(opened, uri=True, timeout=BUSY_S, isolation_level=None)) as connection,
    ):
        is_made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'spent'").fetchone() is not None
        yield connection if is_made else None


def _parameters(whose: Whose, run_ids: Iterable[str]) -> tuple[int | str | None, ...]:
    """An account is of a user or of a tenant: of what belongs to both only the runs are known."""
    is_one = whose.user is None or whose.tenant is None
    user, tenant = (whose.user, whose.tenant) if is_one else (None, None)
    runs = json.dumps(sorted(run_ids))
    return (
        whose.before_ns, BudgetScope.USER.value, user, BudgetScope.TENANT.value, tenant, BudgetScope.RUN.value, runs,
    )  # fmt: skip
