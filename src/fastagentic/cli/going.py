"""What `fastagentic prune` is about: found in the store, the spools and the ledger of budgets, and taken out of them.

The store last, so that all can be asked for again: what it knows tells which spans in a spool, and which accounts of runs, are
somebody's.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import StoreError
from fastagentic.export.erasing import Erased, count, erase, forget_settled
from fastagentic.export.rules import Rule
from fastagentic.export.spool.survey import survey
from fastagentic.store import erase as theirs
from fastagentic.store.accounts import count_accounts, erase_accounts
from fastagentic.store.ledger import LEDGER_NAME
from fastagentic.store.location import store_home, store_path
from fastagentic.store.prune import Pruned, count_older
from fastagentic.store.prune import prune as delete_older
from fastagentic.store.queries.status import size_bytes
from fastagentic.store.reader import open_store, open_to_write
from fastagentic.store.rewrite import is_unfinished, mark, rewrite, settled

from .progress import bar, waiting

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from fastagentic.store.erase import Whose

LOCK_S: Final = 30.0


@dataclass(slots=True)
class Going:
    """What goes, or has gone: rows of the store, spans of each spool, accounts of the ledger."""

    rows: Pruned
    rule: Rule | None = None
    """What it is in a spool; None leaves the spools alone."""
    spools: dict[Path, Erased] = field(default_factory=dict)
    run_ids: frozenset[str] = frozenset()
    accounts: int = 0
    is_unfinished: bool = False
    """An earlier erasure was stopped before the file was written anew."""

    @property
    def spans(self) -> Erased:
        """Those of all spools."""
        return Erased(*map(sum, zip(*self.spools.values(), strict=True))) if self.spools else Erased()

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.rows.rows or self.spans.spans or self.accounts or self.is_unfinished)


def size_on_disk() -> int:
    """Bytes of all that is looked through: the store, the ledger, the spools."""
    spools = sum(spool.size_bytes for spool in survey(store_home()))
    return size_bytes(store_path()) + size_bytes(store_home() / LEDGER_NAME) + spools


def find_older(before_ns: int, *, with_spools: bool) -> Going:
    """What is older than a time. Changes nothing. Raises: StoreError."""
    with open_store(store_path()) as connection:
        going = Going(count_older(connection, before_ns), Rule(before_ns, {}) if with_spools else None)
    return _with_spools(going)


def find_theirs(whose: Whose) -> Going:
    """What is somebody's; without a store what waits in spools is, all the same. Changes nothing. Raises: StoreError."""
    path = store_path()
    with contextlib.ExitStack() as stack:
        found, run_ids, traces = Pruned(), frozenset[str](), frozenset[str]()
        if path.exists() or not survey(store_home()):
            connection = stack.enter_context(open_store(path))
            found = theirs.find(connection, whose)
            run_ids, traces = theirs.run_ids(connection), theirs.trace_ids(connection)
    rule = Rule(whose.before_ns, whose.attributes, traces)
    accounts = count_accounts(whose, run_ids)
    return _with_spools(Going(found, rule, run_ids=run_ids, accounts=accounts, is_unfinished=is_unfinished(path)))


def delete_what_is_older(going: Going, before_ns: int) -> Going:
    """Delete it; what was there. Raises: StoreError."""
    gone = Going(going.rows, going.rule, _out_of_spools(going))
    with open_to_write(store_path()) as connection, bar("prune", going.rows.rows, "rows") as moved:
        gone.rows = delete_older(connection, before_ns, on_deleted=moved, overwrites=True)
    return gone


def delete_theirs(going: Going, whose: Whose) -> Going:
    """Delete it, and leave none of its bytes in a file; what was there. Raises: StoreError; asked again, it does the rest."""
    path = store_path()
    if path.exists():
        with _told(path):
            mark(path)
    gone = Going(going.rows, going.rule, _out_of_spools(going), is_unfinished=going.is_unfinished)
    gone.accounts = erase_accounts(whose, going.run_ids)
    if not path.exists():
        return gone
    with open_to_write(path, busy_s=LOCK_S) as connection:
        with bar("prune", going.rows.rows, "rows") as moved:
            gone.rows = _out_of_store(connection, whose, moved)
        with waiting("write the file anew"):
            rewrite(connection, path)
    with _told(path):
        settled(path)
    return gone


def _out_of_store(connection: sqlite3.Connection, whose: Whose, moved: theirs.OnDeleted) -> Pruned:
    theirs.find(connection, whose)
    return theirs.erase(connection, moved)


def _with_spools(going: Going) -> Going:
    if going.rule is not None:
        going.spools = {spool.directory: count(spool.directory, going.rule) for spool in survey(store_home())}
    return going


def _out_of_spools(going: Going) -> dict[Path, Erased]:
    gone: dict[Path, Erased] = {}
    for directory in going.spools:
        assert going.rule is not None
        with _told(directory):
            gone[directory] = erase(directory, going.rule)
            forget_settled(directory)
    return gone


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path} cannot be rewritten ({error.strerror or error}); run the same again") from error
