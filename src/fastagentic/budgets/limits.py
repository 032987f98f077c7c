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


class Limits:
    """The limits of an instrumentation, and which of them concern the calls of a run."""

    def __init__(self, budgets: Budgets, clock: Callable[[], float] = time.time) -> None:
        self._budgets = _by_text(budgets)
        self._clock = clock
        self._day_ends = 0.0
        self._now = {Period.DAY: "", Period.MONTH: ""}
        self._known: dict[tuple[str, str, float], Limit] = {}

    def of(self, run: Run | None) -> list[Limit]:
        """Those of a call of this run, or of one outside any; narrowest first."""
        budgets = self._budgets if run is None or run.budgets is None else {**self._budgets, **_by_text(run.budgets)}
        found: list[Limit] = []
        if run is not None:
            self._add_runs(found, run, budgets.get(RUN))
            for scope, budget in budgets.items():
                if (name_in := NAME_IN.get(scope)) is not None and (name := name_in(run)):
                    usd = budget.limit(name)
                    if usd is not None:
                        found.append(self._named(scope, name, budget, usd))
        if (month := budgets.get(MONTH)) is not None and month.usd is not None:
            found.append(self._named(MONTH, "", month, month.usd))
        return found

    def _named(self, scope: str, name: str, budget: Budget, usd: float) -> Limit:
        """Made once a day: it is looked up at every call."""
        period = self.period(budget.per)
        known = self._known.get((scope, name, usd))
        if known is not None and known.budget is budget:
            return known
        account = Account(scope, name, period)
        label = f"{scope} {name!r}" if name else f"the month {period}"
        limit = Limit(account, nanos_of(usd), budget, label, budget.unpriced == "stop", scope == MONTH)
        if len(self._known) >= KNOWN_KEPT:
            self._known.clear()
        self._known[scope, name, usd] = limit
        return limit

    def period(self, per: Period) -> str:
        """The day or month that it is, UTC."""
        now = self._clock()
        if now >= self._day_ends or now < self._day_ends - 86_400:
            today = datetime.fromtimestamp(now, UTC)
            self._now = {Period.DAY: f"{today:%Y-%m-%d}", Period.MONTH: f"{today:%Y-%m}"}
            self._day_ends = (now // 86_400 + 1) * 86_400
            self._known.clear()
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


def _by_text(budgets: Budgets) -> dict[str, Budget]:
    return {scope.value: budget for scope, budget in budgets.of.items()}


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
    return Limit(Account(RUN, name, ""), nanos_of(usd), replace(terms, usd=usd), f"run {run.name!r}", terms.unpriced == "stop")
