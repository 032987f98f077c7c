"""`Guard`: whether a call may be made, and what it came to. One an instrumentation; the ledger is handed in.

What ends a call only notes its cost here, and never waits. Before the next call of this process is judged, what was noted is
booked: so at most the calls that are in flight when a limit is reached can pass it, in all processes that share the ledger
together. A thread of the guard's own books what no next call does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
import weakref
from collections import Counter, deque
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core.errors import BudgetExceeded
from fastagentic.core.guard import report
from fastagentic.core.ledger import NANOS, Spent, nanos_of
from fastagentic.core.names import BudgetAction, BudgetScope
from fastagentic.core.worker import Worker

from .limits import MONTH, Limits
from .process_ledger import ProcessLedger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fastagentic.core.budget import Budgets
    from fastagentic.core.call import LLMCall
    from fastagentic.core.ledger import Account, Ledger
    from fastagentic.core.run import Run

    from .limits import Limit
    from .process_ledger import Counts

logger = logging.getLogger("fastagentic")

ASK: Final = "ask the ledger of budgets"
RETRY_AFTER_S: Final = 5.0
"""How long a ledger that failed is left alone; calls are allowed meanwhile."""
NO_CHARGES: Final[dict[Account, Spent]] = {}
BOOK_WITHIN_S: Final = 0.005
PASSED_KEPT: Final = 10_000


class Passed(NamedTuple):
    """A budget is used up: which, what was spent, and the call that was seen to do it."""

    limit: Limit
    spent: Spent
    call: LLMCall


class Noted(NamedTuple):
    """What was spent on an account and is not booked yet, under which limit, and by which call last."""

    limit: Limit
    spent: Spent
    call: LLMCall

    def plus(self, other: Noted) -> Noted:
        """Both together."""
        return Noted(other.limit, self.spent.plus(other.spent), other.call)


class Guard:
    """Keeps the calls of one instrumentation within its budgets.

    `on_passed` is told of each limit once, when it is seen to be reached, on whatever thread saw it. `notice` is logged when
    the first call with a limit comes.
    """

    def __init__(
        self, budgets: Budgets, ledger: Ledger, on_passed: Callable[[Passed], None] = lambda passed: None, notice: str = ""
    ) -> None:
        self.refused: Counter[str] = Counter()
        """Calls that were not made, by scope."""
        self.passed: Counter[tuple[str, str]] = Counter()
        """Limits that were seen to be reached, by scope and action."""
        self.failures = 0
        """How often the ledger could not be asked."""
        self.month: Spent | Counts | None = None
        """What was spent in this month, as it was last seen; None: not asked yet."""
        self._at_hand = ledger if isinstance(ledger, ProcessLedger) else None
        self._limits = Limits(budgets, counts_of=self._counts_of)
        self._ledger = ledger
        self._on_passed = on_passed
        self._notice = notice
        self._worker: Worker[None] = Worker("fastagentic-budgets", self._book_later, window_s=BOOK_WITHIN_S)
        self._reset()
        _guards.add(self)

    def _reset(self) -> None:
        """Nothing noted. In a forked child too: what the parent has noted is the parent's to book."""
        self._asking = threading.Lock()  # held while the ledger is asked
        self._noting = threading.Lock()  # held for a few lines at a time
        self._noted: dict[Account, Noted] = {}
        self._held: Counter[Account] = Counter()
        self._seen: dict[Account, None] = {}
        self._untold: deque[Passed] = deque()
        self._retry_at = 0.0

    # --- a call -----------------------------------------------------------------------------------

    def limits(self, run: Run | None) -> Sequence[Limit]:
        """Those that concern a call of this run."""
        found = self._limits.of(run)
        if found and self._notice:
            notice, self._notice = self._notice, ""
            logger.warning("%s", notice)
        return found

    def has_room(self, limits: Sequence[Limit]) -> bool:
        """Whether what is spent is at hand, and no limit is reached: all that is asked of nearly every call in one process."""
        for limit in limits:
            counts = limit.counts
            if counts is None or counts.nanos >= limit.nanos or not limit.is_plain:
                return False
        return not self._noted

    def refusal(self, limits: Sequence[Limit], call: LLMCall, worst: int | None = None) -> BudgetExceeded | None:
        """Why the call may not be made; None: it may. `worst` nano-dollars, its most possible cost, are held until it ends."""
        return self._judged(limits, self._totals(limits), call, worst)

    async def arefusal(self, limits: Sequence[Limit], call: LLMCall, worst: int | None = None) -> BudgetExceeded | None:
        """The same from async code, where a ledger that waits is asked on another thread."""
        return self._judged(limits, await self._atotals(limits), call, worst)

    def charge(self, limits: Sequence[Limit], call: LLMCall, held: int | None = None) -> None:
        """The call is over: note what it cost. `held` is what was held for it."""
        at_hand, cost = self._at_hand, call.cost
        if at_hand is None or held is not None:
            self._charge_by_note(limits, call, held)
            return
        if cost is None:
            return
        nanos, unpriced = (0, 1) if cost.usd is None else (nanos_of(cost.usd), 0)
        with self._asking:
            for limit in limits:
                counts = limit.counts or at_hand.counts(limit.account)  # none: of a run that began under another ledger
                counts.nanos += nanos
                counts.calls += 1
                counts.unpriced += unpriced
        if not self.has_room(limits):
            self._look(limits, call)

    def _charge_by_note(self, limits: Sequence[Limit], call: LLMCall, held: int | None) -> None:
        """Into a ledger that waits, or where something was held: that is given back together with the note."""
        cost = call.cost
        spent = None if cost is None else Spent(0, 1, 1) if cost.usd is None else Spent(nanos_of(cost.usd), 1, 0)
        with self._noting:
            if held is not None:
                self._held.subtract(dict.fromkeys((limit.account for limit in limits), held))
            if spent is None:
                return
            for limit in limits:
                self._note(limit.account, Noted(limit, spent, call))
        if self._ledger.waits:
            self._worker.put(None)
        else:
            self._book()

    def _look(self, limits: Sequence[Limit], call: LLMCall) -> None:
        """Which of these limits this call has reached."""
        totals = self._totals(limits)
        if totals is None:
            return
        with self._noting:
            for limit, spent in zip(limits, totals, strict=True):
                self._see(limit, spent, call)
        self._tell()

    def _counts_of(self, account: Account) -> Counts | None:
        """What is at hand of an account that a limit was found for."""
        if self._at_hand is None:
            return None
        with self._asking:
            counts = self._at_hand.counts(account)
        if account.scope == MONTH:
            self.month = counts
        return counts

    # --- the whole --------------------------------------------------------------------------------

    def flush(self, timeout_s: float) -> bool:
        """Wait until all is booked; False when time ran out before."""
        return not self._noted or self._worker.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Book all, and let go of the ledger."""
        is_booked = self._worker.close(timeout_s) if self._noted else True
        if self._asking.acquire(timeout=max(0.0, timeout_s) if is_booked else 0):
            try:
                self._ledger.close()
            finally:
                self._asking.release()
        if self._noted:
            logger.warning("fastagentic: what %d budgets were charged last could not be booked", len(self._noted))
        return is_booked

    # --- the ledger -------------------------------------------------------------------------------

    def _totals(self, limits: Sequence[Limit]) -> list[Spent] | None:
        """What was spent under each of these limits; None: the ledger cannot say. Books what was noted, first."""
        with self._asking:
            if self._retry_at and time.monotonic() < self._retry_at:
                return None
            noted: dict[Account, Noted] = {}
            if self._noted:
                with self._noting:
                    noted, self._noted = self._noted, noted
            try:
                charges = {account: one.spent for account, one in noted.items()} if noted else NO_CHARGES
                totals = self._ledger.exchange(charges, [limit.account for limit in limits])
            except Exception as error:  # noqa: BLE001  # whatever ledger it is: calls go on without it
                self._note_again(noted)
                self.failures += 1
                self._retry_at = time.monotonic() + RETRY_AFTER_S
                report(ASK, error)
                return None
            except BaseException:
                self._note_again(noted)
                raise
            self._retry_at = 0.0
            return totals

    async def _atotals(self, limits: Sequence[Limit]) -> list[Spent] | None:
        if self._ledger.waits:
            return await asyncio.to_thread(self._totals, limits)
        return self._totals(limits)

    def _note(self, account: Account, noted: Noted) -> None:
        before = self._noted.get(account)
        self._noted[account] = noted if before is None else before.plus(noted)

    def _note_again(self, noted: dict[Account, Noted]) -> None:
        with self._noting:
            since, self._noted = self._noted, noted
            for account, one in since.items():
                self._note(account, one)

    def _book(self) -> bool:
        """Book what was noted, and see which limits that has reached; False when the ledger cannot be asked."""
        with self._noting:
            noted = list(self._noted.values())
        totals = self._totals([one.limit for one in noted])
        if totals is None:
            return False
        with self._noting:
            for one, spent in zip(noted, totals, strict=True):
                self._see(one.limit, spent, one.call)
        self._tell()
        return True

    def _book_later(self, _: list[None]) -> float | None:
        return None if not self._noted or self._book() else RETRY_AFTER_S

    # --- judging ----------------------------------------------------------------------------------

    def _judged(
        self, limits: Sequence[Limit], totals: list[Spent] | None, call: LLMCall, worst: int | None
    ) -> BudgetExceeded | None:
        if totals is None or (worst is None and not self._noted and _are_far(limits, totals)):
            return None
        refusal = None
        with self._noting:
            for limit, total in zip(limits, totals, strict=True):
                noted = self._noted.get(limit.account) if self._noted else None
                spent = total if noted is None else total.plus(noted.spent)
                self._see(limit, spent, call)
                if refusal is None and limit.budget.action is BudgetAction.STOP:
                    refusal = self._refused(limit, spent, worst)
            if refusal is None and worst is not None:
                self._held.update(dict.fromkeys((limit.account for limit in limits), worst))
        if self._untold:
            self._tell()
        if refusal is not None:
            self.refused[refusal.scope] += 1
        return refusal

    def _refused(self, limit: Limit, spent: Spent, worst: int | None) -> BudgetExceeded | None:
        estimate = None
        if not is_used_up(limit, spent):
            if worst is None or not limit.budget.estimate:
                return None
            if spent.nanos + self._held[limit.account] + worst <= limit.nanos:
                return None
            estimate = worst / NANOS
        return BudgetExceeded(
            limit.label,
            scope=limit.account.scope,
            name=limit.account.name.partition("/")[0] if limit.account.scope == BudgetScope.RUN else limit.account.name,
            limit_usd=limit.nanos / NANOS,
            spent_usd=spent.usd,
            unpriced_calls=spent.unpriced,
            estimate_usd=estimate,
        )

    def _see(self, limit: Limit, spent: Spent, call: LLMCall) -> None:
        """A total as it is known now: whether it has reached its limit for the first time."""
        account = limit.account
        if limit.is_month and limit.counts is None:
            self.month = spent
        if account in self._seen or not is_used_up(limit, spent):
            return
        self._seen[account] = None
        if len(self._seen) > PASSED_KEPT:
            del self._seen[next(iter(self._seen))]
        self.passed[account.scope, limit.budget.action.value] += 1
        self._untold.append(Passed(limit, spent, call))

    def _tell(self) -> None:
        while self._untold:
            try:
                passed = self._untold.popleft()
            except IndexError:  # somebody else was quicker
                return
            self._on_passed(passed)


def _are_far(limits: Sequence[Limit], totals: list[Spent]) -> bool:
    """Whether no limit is reached; what nearly every call asks."""
    for limit, total in zip(limits, totals, strict=True):  # noqa: SIM110  # a generator would cost as much as the whole
        if total.nanos >= limit.nanos or limit.needs_prices:
            return False
    return True


def is_used_up(limit: Limit, spent: Spent) -> bool:
    """Whether nothing is left of it: all is spent, or it is not known how much is."""
    return spent.nanos >= limit.nanos or (limit.needs_prices and spent.unpriced > 0)


_guards: Final[weakref.WeakSet[Guard]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for guard in list(_guards):
        guard._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
