"""`Ledger`: where it is kept what was spent on whom. Guards of several threads, processes or machines may share one.

Amounts are whole nano-dollars: sums of them are exact in every ledger, whatever it is written in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

NANOS: Final = 10**9


class Account(NamedTuple):
    """On what something is spent: a scope, the name in it, and the day or month (UTC) after which it starts anew."""

    scope: str
    """A `BudgetScope`."""
    name: str
    """Id of the run, user or tenant, name of the endpoint; empty for all together."""
    period: str
    """`2026-11-25`, `2026-11`, or empty: for good."""


class Spent(NamedTuple):
    """What was spent on an account so far."""

    nanos: int = 0
    """Known cost, billionths of a USD."""
    calls: int = 0
    unpriced: int = 0
    """Calls among them whose cost nobody knew."""

    @property
    def usd(self) -> float:
        """Known cost, USD."""
        return self.nanos / NANOS

    def plus(self, other: Spent) -> Spent:
        """Both together."""
        return Spent(self.nanos + other.nanos, self.calls + other.calls, self.unpriced + other.unpriced)


NOTHING_SPENT: Final = Spent()


class Ledger(Protocol):
    """Keeps what was spent. `exchange` may be called by one thread at a time; whoever shares a ledger may do so at any time."""

    waits: bool
    """Whether `exchange` waits for a disk or a network: async code then has a thread do it."""

    def exchange(self, charges: Mapping[Account, Spent], asked: Sequence[Account]) -> list[Spent]:
        """Book what was spent, then say what is spent on the accounts asked for, in their order. Together or not at all.

        Raises: whatever the ledger fails with; nothing of `charges` is booked then, as far as it can know.
        """

    def close(self) -> None:
        """Let go of file or connection; the next `exchange` opens it again."""


def nanos_of(usd: Decimal | float) -> int:
    """USD as whole nano-dollars, rounded.

    Example:
        >>> from decimal import Decimal
        >>> nanos_of(Decimal("0.0000015")), nanos_of(0.5)
        (1500, 500000000)
    """
    return round(usd * NANOS)
