"""The ledger of one process: counts in memory, gone with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastagentic.core.ledger import NANOS, NOTHING_SPENT, Account, Spent
from fastagentic.core.names import BudgetScope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

RUN: Final = BudgetScope.RUN.value
RUNS_KEPT: Final = 50_000
"""A run says not when it is over for good: the oldest are forgotten, so that a server's memory does not grow with its runs."""
OTHERS_KEPT: Final = 200_000
"""Users, tenants and endpoints, of this period and those before."""


class Counts:
    """What was spent on one account, as a guard adds to it and reads it without a look into a table.

    Who adds holds a lock of its own; who only compares needs none.
    """

    __slots__ = ("calls", "nanos", "unpriced")

    def __init__(self) -> None:
        self.nanos = self.calls = self.unpriced = 0

    @property
    def usd(self) -> float:
        """Known cost, USD."""
        return self.nanos / NANOS

    @property
    def spent(self) -> Spent:
        """As they are now."""
        return Spent(self.nanos, self.calls, self.unpriced)

    def add(self, spent: Spent) -> None:
        """Book it."""
        self.nanos += spent.nanos
        self.calls += spent.calls
        self.unpriced += spent.unpriced


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
        self._runs: dict[Account, Counts] = {}
        self._others: dict[Account, Counts] = {}

    def exchange(self, charges: Mapping[Account, Spent], asked: Sequence[Account]) -> list[Spent]:
        """Book, then say what is spent."""
        for account, spent in charges.items():
            self.counts(account).add(spent)
        return [NOTHING_SPENT if (known := self._table(account).get(account)) is None else known.spent for account in asked]

    def counts(self, account: Account) -> Counts:
        """Those of an account, made when they are first asked for."""
        table = self._table(account)
        counts = table.get(account)
        if counts is None:
            counts = table[account] = Counts()
            if len(table) > (RUNS_KEPT if table is self._runs else OTHERS_KEPT):
                del table[next(iter(table))]
        return counts

    def _table(self, account: Account) -> dict[Account, Counts]:
        return self._runs if account.scope == RUN else self._others

    def close(self) -> None:
        """Nothing is open."""
