"""The ledger of one process: two tables in memory, gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastagentic.core.ledger import NOTHING_SPENT, Account, Spent
from fastagentic.core.names import BudgetScope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUN: Final = BudgetScope.RUN.value
RUNS_KEPT: Final = 50_000
"""A run says not when it is over for good: the oldest are forgotten, so that a server's memory does not grow with its runs."""
OTHERS_KEPT: Final = 200_000
"""Users, tenants and endpoints, of this period and those before."""


class ProcessLedger:
    """What was spent by this process.

    Example:
        >>> from fastagentic.core.ledger import Account, Spent
        >>> ledger, run = ProcessLedger(), Account("run", "a" * 32, "")
        >>> ledger.exchange({run: Spent(nanos=1_500, calls=1)}, [run])
        [Spent(nanos=1500, calls=1, unpriced=0)]
    """

    waits = False

    def __init__(self) -> None:
        self._runs: dict[Account, Spent] = {}
        self._others: dict[Account, Spent] = {}

    def exchange(self, charges: Mapping[Account, Spent], asked: Sequence[Account]) -> list[Spent]:
        """Book, then say what is spent."""
        runs, others = self._runs, self._others
        for account, spent in charges.items():
            table = runs if account.scope == RUN else others
            before = table.get(account)
            if before is not None:
                table[account] = before.plus(spent)
                continue
            table[account] = spent
            if len(table) > (RUNS_KEPT if table is runs else OTHERS_KEPT):
                del table[next(iter(table))]
        return [(runs if account.scope == RUN else others).get(account, NOTHING_SPENT) for account in asked]

    def close(self) -> None:
        """Nothing is open."""
