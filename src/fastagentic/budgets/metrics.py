"""What budgets say of themselves to whoever collects metrics: the month's limit and what is spent of it, limits reached, calls
refused. The guard counts anyway, and is asked when somebody collects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.metrics import CallbackOptions, Meter

    from fastagentic.core.budget import Budgets

    from .guard import Guard


class BudgetMetrics:
    """The instruments on one meter; silent once it is off, as instruments cannot be taken off a meter."""

    def __init__(self, meter: Meter, budgets: Budgets, guard: Guard) -> None:
        self._guard: Guard | None = guard
        self._budgets = budgets
        self._month_usd = budgets.month_usd
        if self._month_usd is not None:
            limit = "What may be spent in a month, as the settings say."
            spent = "What was spent in this month, as budgets count."
            meter.create_observable_gauge(names.BUDGET, [self._observer(self._month)], "USD", limit)
            meter.create_observable_gauge(names.BUDGET_SPENT, [self._observer(self._spent)], "USD", spent)
        counter = meter.create_observable_counter
        counter(names.BUDGET_EXCEEDED, [self._observer(self._passed)], "", "Limits that were reached.")
        counter(names.BUDGET_REFUSED, [self._observer(self._refused)], "", "Calls that were not made.")
        counter(names.BUDGET_FAILURES, [self._observer(self._failures)], "", "Times the ledger of budgets could not be asked.")

    def take_off(self) -> None:
        """Say nothing from here on."""
        self._guard = None

    def _observer(self, said: Callable[[Guard], Iterator[Observation]]) -> Callable[[CallbackOptions], Iterator[Observation]]:
        def observe(_: CallbackOptions) -> Iterator[Observation]:
            if self._guard is not None:
                yield from said(self._guard)

        return observe

    def _month(self, _: Guard) -> Iterator[Observation]:
        if self._month_usd is not None:
            yield Observation(self._month_usd)

    def _spent(self, guard: Guard) -> Iterator[Observation]:
        if guard.month is not None:
            yield Observation(guard.month.usd)

    def _passed(self, guard: Guard) -> Iterator[Observation]:
        """0 too, of what there is a limit for: a counter that appears with its first count hides it from a rate."""
        known = {(scope.value, budget.action.value) for scope, budget in self._budgets.of.items()}
        for scope, action in sorted(known | set(guard.passed)):
            yield Observation(guard.passed[scope, action], {names.BUDGET_SCOPE: scope, names.BUDGET_ACTION: action})

    def _refused(self, guard: Guard) -> Iterator[Observation]:
        for scope in sorted({scope.value for scope in self._budgets.of} | set(guard.refused)):
            yield Observation(guard.refused[scope], {names.BUDGET_SCOPE: scope})

    def _failures(self, guard: Guard) -> Iterator[Observation]:
        if self._budgets.of or guard.failures:  # a run may bring a budget of its own
            yield Observation(guard.failures)
