"""What budgets say of themselves to whoever collects metrics: the month's limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.metrics import Observation

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.metrics import CallbackOptions, Meter

    from fastagentic.core.budget import Budgets


class BudgetMetrics:
    """The instruments on one meter; silent once it is off, as instruments cannot be taken off a meter."""

    def __init__(self, meter: Meter, budgets: Budgets) -> None:
        self._month_usd = budgets.month_usd
        if self._month_usd is not None:
            what = "What may be spent in a month, as the settings say."
            meter.create_observable_gauge(names.BUDGET, [self._month], "USD", what)

    def take_off(self) -> None:
        """Say nothing from here on."""
        self._month_usd = None

    def _month(self, _: CallbackOptions) -> Iterable[Observation]:
        return () if self._month_usd is None else (Observation(self._month_usd),)
