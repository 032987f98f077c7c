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
    from collections.abc import Callable, Mapping

    from fastagentic.core.budget import Budgets
    from fastagentic.core.run import Run

RUN, MONTH = BudgetScope.RUN, BudgetScope.MONTH

NAME_IN: Final[Mapping[BudgetScope, Callable[[Run], str | None]]] = {
    BudgetScope.USER: lambda run: run.user,
    BudgetScope.TENANT: lambda run: run.tenant,
    BudgetScope.ENDPOINT: lambda run: outermost(run).name,
}


class Limit(NamedTuple):
    """What may be spent on one account, and on which terms."""

    account: Account
    nanos: int
    budget: Budget
    label: str
    """What people call it: `run 'nightly-report'`, `tenant 'acme'`, `the month 2026-11`."""


class Limits:
    """The limits of an instrumentation, and which of them concern the calls of a run."""

    def __init__(self, budgets: Budgets, clock: Callable[[], float] = time.time) -> None:
        self._budgets = budgets.of
        self._clock = clock
        self._day_ends = 0.0
        self._now = {Period.DAY: "", Period.MONTH: ""}

    def of(self, run: Run | None) -> list[Limit]:
        """Those of a call of this run, or of one outside any; narrowest first."""
        budgets = self._budgets if run is None or run.budgets is None else {**self._budgets, **run.budgets.of}
        found: list[Limit] = []
        if run is not None:
            self._add_runs(found, run, budgets.get(RUN))
            for scope, name_in in NAME_IN.items():
                if (budget := budgets.get(scope)) is not None and (name := name_in(run)):
                    usd = budget.limit(name)
                    if usd is not None:
                        account = Account(scope.value, name, self.period(budget.per))
                        found.append(Limit(account, nanos_of(usd), budget, f"{scope} {name!r}"))
        if (month := budgets.get(MONTH)) is not None and month.usd is not None:
            account = Account(MONTH.value, "", self.period(Period.MONTH))
            found.append(Limit(account, nanos_of(month.usd), month, f"the month {account.period}"))
        return found

    def period(self, per: Period) -> str:
        """The day or month that it is, UTC."""
        now = self._clock()
        if now >= self._day_ends or now < self._day_ends - 86_400:
            today = datetime.fromtimestamp(now, UTC)
            self._now = {Period.DAY: f"{today:%Y-%m-%d}", Period.MONTH: f"{today:%Y-%m}"}
            self._day_ends = (now // 86_400 + 1) * 86_400
        return self._now[per]

    def _add_runs(self, found: list[Limit], run: Run, common: Budget | None) -> None:
        """Of this run and of those around it; the limit that holds for every run is one of the outermost."""
        here: Run | None = run
        while here is not None:
            if here.limit is None:
                here.limit = _limit_of(here, common)
            if here.limit is not NO_LIMIT:
                found.append(here.limit)
            here = here.parent


def outermost(run: Run) -> Run:
    """The run around all others."""
    while run.parent is not None:
        run = run.parent
    return run


NO_LIMIT: Final = Limit(Account("", "", ""), 0, Budget(None), "")


def _limit_of(run: Run, common: Budget | None) -> Limit:
    """The limit of this one run, found once: a run inside a run shares its id, and needs an account of its own."""
    terms = common or Budget(None)
    usd = run.budget_usd if run.budget_usd is not None or run.parent is not None else terms.usd
    if usd is None:
        return NO_LIMIT
    name = run.run_id if run.parent is None else f"{run.run_id}/{uuid.uuid4().hex[:16]}"
    return Limit(Account(RUN.value, name, ""), nanos_of(usd), replace(terms, usd=usd), f"run {run.name!r}")
