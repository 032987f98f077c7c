"""Which ledger is in force, as the settings say; and what is said where it is only this process's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .process_ledger import ProcessLedger

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.core.ledger import Ledger

LOCAL: Final = "local"
PROCESS: Final = "process"
NOTICE: Final = (
    "budgets: there is no local store and no Redis, so that each process counts for itself; name a ledger by "
    "FASTAGENTIC_BUDGET_LEDGER (local, or redis://host:6379/0), or say that it is meant so (process)"
)


def choose_ledger(named: str | None, *, has_store: bool, local: Callable[[], Ledger]) -> tuple[Ledger, str]:
    """The ledger and what is to be said of it, if anything. `local` makes the one that processes of this machine share.

    Raises: ConfigError where Redis is named and redis-py is missing.
    """
    if named == LOCAL or (named is None and has_store):
        return local(), ""
    if named in (None, PROCESS):
        return ProcessLedger(), NOTICE if named is None else ""
    from .redis_ledger import RedisLedger

    return RedisLedger(str(named)), ""
