"""Whether budgets limit what they are meant to limit. One function a rule; only budgets of the settings are known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import BudgetExceeded

from .finding import Told, calls_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .evidence import Evidence

LOCAL: Final = "local"
REFUSED: Final = BudgetExceeded.__name__


def ledger_of_each_process(evidence: Evidence) -> Iterator[Told]:
    """Budgets without a place where processes could add up what they spend, and nobody said that it is meant so."""
    if evidence.budgets and evidence.budget_ledger is None and LOCAL not in evidence.destinations:
        yield Told(
            "each process counts for itself what it spends of the budgets",
            "local is no destination and no ledger is named, so that four workers may spend four times the limit",
            "Set FASTAGENTIC_BUDGET_LEDGER to redis://host:6379/0, or to local for the processes of one machine; "
            "process says that it is meant so.",
        )


def calls_refused(evidence: Evidence) -> Iterator[Told]:
    """Calls that were not made because a budget was used up."""
    refused = sum(group.calls for group in evidence.groups if group.error_type == REFUSED)
    if refused:
        yield Told(
            f"budgets refused {calls_in_words(refused)}",
            "a limit that stops was used up, or the call would surely have passed it",
            "`fastagentic budgets` shows what is left of those in the settings; raise one, or set its action to warn.",
        )


def unpriced_calls_pass(evidence: Evidence) -> Iterator[Told]:
    """Models without a price under budgets that take their calls for nothing."""
    lenient = [scope.value for scope, budget in evidence.budgets.of.items() if budget.unpriced != "stop"]
    if lenient and evidence.unpriced:
        calls = sum(row.calls for row in evidence.unpriced)
        models = list(dict.fromkeys(row.model for row in evidence.unpriced))
        yield Told(
            f"{calls_in_words(calls)} of unknown cost count as nothing in the budgets of {', '.join(lenient)}",
            f"nobody knows a price of {', '.join(models[:3])}: it can be called without end",
            "Give it a price (`fastagentic prices check` shows how), or set `unpriced` of these budgets to stop.",
        )
