"""Which limits concern a call: of its run and the runs around that, its user, tenant and endpoint, and of the month."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core.budget import Budget
from fastagentic.core.ledger import Account, nanos_of
from fastagentic.core.names import BudgetScope, Period

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastagentic.core.budget import Budgets
    from fastagentic.core.run import Run

    from .process_ledger import Counts

# Plain texts: an enumeration's member is hashed by a function written in Python, at every look into a table.
RUN, MONTH = BudgetScope.RUN.value, BudgetScope.MONTH.value

KNOWN_KEPT: Final = 10_000

NAME_IN: Final[Mapping[str, Callable[[Run], str | None]]] = {
    BudgetScope.USER.value: lambda run: run.user,
    BudgetScope.TENANT.value: lambda run: run.tenant,
    BudgetScope.ENDPOINT.value: lambda run: outermost(run).name,
}


class Limit(NamedTuple):
    """What may be spent on one account, and on which terms."""

    account: Account
    nanos: int
    budget: Budget
    label: str
    """What people call it: `run 'nightly-report'`, `tenant 'acme'`, `the month 2026-11`."""
    needs_prices: bool = False
    """Whether a call of unknown cost uses it up."""
    is_month: bool = False
    counts: Counts | None = None
    """What is spent of it, where the ledger has that at hand."""
    is_plain: bool = True
    """Whether what is spent decides alone: no call is estimated, and one of unknown cost is free."""


class Found(NamedTuple):
    """The limits of a run's calls, as they were found on a day, and for whom."""

    today: Mapping[Period, str]
    user: str | None
    tenant: str | None
    limits: Sequence[Limit]


class Limits:
    """The limits of an instrumentation, and which of them concern the calls of a run."""

    def __init__(
        self,
        budgets: Budgets,
        clock: Callable[[], float] = time.time,
        counts_of: Callable[[Account], Counts | None] = lambda account: None,
    ) -> None:
        self._counts_of = counts_of
        self._budgets = _by_text(budgets)
        self._clock = clock
        self._day_begins = self._day_ends = 0.0
        self._today: Mapping[Period, str] = {}
        self._of_nobody: Sequence[Limit] = ()
        self._known: dict[tuple[str, str, float], Limit] = {}

    def of(self, run: Run | None) -> Sequence[Limit]:
        """Those of a call of this run, or of one outside any; narrowest first."""
        if not self._day_begins <= self._clock() < self._day_ends:
            self._begin_day()
        if run is None:
            return self._of_nobody
        known: Found | None = run.limits
        if known is None or known.today is not self._today or known.user != run.user or known.tenant != run.tenant:
            known = run.limits = Found(self._today, run.user, run.tenant, self._find(run))
        return known.limits

    def _find(self, run: Run) -> Sequence[Limit]:
        budgets = self._budgets if run.budgets is None else {**self._budgets, **_by_text(run.budgets)}
        found: list[Limit] = []
        self._add_runs(found, run, budgets.get(RUN))
        for scope, budget in budgets.items():
            if (name_in := NAME_IN.get(scope)) is not None and (name := name_in(run)):
                usd = budget.limit(name)
                if usd is not None:
                    found.append(self._named(scope, name, budget, usd))
        found += self._of_nobody if run.budgets is None else self._months(budgets)
        return found

    def _months(self, budgets: Mapping[str, Budget]) -> Sequence[Limit]:
        month = budgets.get(MONTH)
        return () if month is None or month.usd is None else (self._named(MONTH, "", month, month.usd),)

    def _named(self, scope: str, name: str, budget: Budget, usd: float) -> Limit:
        """Made once a day: it is looked up at every call."""
        known = self._known.get((scope, name, usd))
        if known is not None and known.budget is budget:
            return known
        period = self._today[budget.per]
        account = Account(scope, name, period)
        label = f"{scope} {name!r}" if name else f"the month {period}"
        limit = self._limit(account, usd, budget, label)
        if len(self._known) >= KNOWN_KEPT:
            self._known.clear()
        self._known[scope, name, usd] = limit
        return limit

    def period(self, per: Period) -> str:
        """The day or month that it is, UTC."""
        if not self._day_begins <= self._clock() < self._day_ends:
            self._begin_day()
        return self._today[per]

    def _begin_day(self) -> None:
        """With another day, UTC, and perhaps another month, all accounts but a run's start anew."""
        now = self._clock()
        today = datetime.fromtimestamp(now, UTC)
        self._today = {Period.DAY: f"{today:%Y-%m-%d}", Period.MONTH: f"{today:%Y-%m}"}
        self._known.clear()
        self._of_nobody = self._months(self._budgets)
        self._day_begins = now // 86_400 * 86_400
        self._day_ends = self._day_begins + 86_400

    def _add_runs(self, found: list[Limit], run: Run, common: Budget | None) -> None:
        """Of this run and of those around it; the limit that holds for every run is one of the outermost."""
        here: Run | None = run
        while here is not None:
            if here.limit is None:
                here.limit = self._limit_of(here, common)
            if here.limit is not NO_LIMIT:
                found.append(here.limit)
            here = here.parent

    def _limit_of(self, run: Run, common: Budget | None) -> Limit:
        """The limit of this one run, found once: a run inside a run shares its id, and needs an account of its own."""
        terms = common or Budget(None)
        usd = run.budget_usd if run.budget_usd is not None or run.parent is not None else terms.usd
        if usd is None:
            return NO_LIMIT
        name = run.run_id if run.parent is None else f"{run.run_id}/{uuid.uuid4().hex[:16]}"
        return self._limit(Account(RUN, name, ""), usd, replace(terms, usd=usd), f"run {run.name!r}")

    def _limit(self, account: Account, usd: float, budget: Budget, label: str) -> Limit:
        needs_prices = budget.unpriced == "stop"
        return Limit(
            account,
            nanos_of(usd),
            budget,
            label,
            needs_prices=needs_prices,
            is_month=account.scope == MONTH,
            counts=self._counts_of(account),
            is_plain=not (needs_prices or budget.estimate),
        )


def _by_text(budgets: Budgets) -> dict[str, Budget]:
    return {scope.value: budget for scope, budget in budgets.of.items()}


def outermost(run: Run) -> Run:
    """The run around all others."""
    while run.parent is not None:
        run = run.parent
    return run


NO_LIMIT: Final = Limit(Account("", "", ""), 0, Budget(None), "")
