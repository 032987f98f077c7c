"""`fastagentic budgets`: the limits that the settings set here, what the ledger says is spent of each, and what is left."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastagentic._settings_file import load_settings_file
from fastagentic.budgets.chosen import LOCAL, PROCESS
from fastagentic.budgets.limits import Limits
from fastagentic.budgets.redis_ledger import RedisLedger
from fastagentic.core import words
from fastagentic.core.config import setting
from fastagentic.core.errors import FastagenticError
from fastagentic.core.ledger import NANOS, NOTHING_SPENT, Account
from fastagentic.core.names import BudgetScope, Period
from fastagentic.store.ledger import LEDGER_NAME, spent_in
from fastagentic.store.location import store_home

from .errors import say
from .options import AsJson  # noqa: TC001  # typer reads it at run time
from .reading import only_local
from .tables import Column, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastagentic.core.budget import Budget, Budgets
    from fastagentic.core.ledger import Spent

    from .tables import JsonRow

EACH: Final = "each"
NO_BUDGETS: Final = (
    "No budgets are set here: FASTAGENTIC_BUDGETS, or [tool.fastagentic.budgets] in the settings file. "
    "Those that a program sets itself are known to it alone."
)
_COLUMNS: Final = (
    Column("scope", is_number=False, style="cyan"),
    Column("name", is_number=False),
    Column("period", rank=3, is_number=False),
    Column("limit"),
    Column("spent"),
    Column("left"),
    Column("calls", rank=4),
    Column("unpriced", rank=2),
    Column("at the limit", rank=1, is_number=False),
)


@dataclass(slots=True, frozen=True)
class BudgetRow:
    """A budget of one name in this period; where `name` is None, what holds for each of its scope."""

    scope: str
    name: str | None
    period: str
    limit_usd: float
    action: str
    spent: Spent | None

    @property
    def left_usd(self) -> float | None:
        """What may still be spent, USD; None where nothing is known to be spent on a name."""
        return None if self.spent is None else max(0.0, self.limit_usd - self.spent.nanos / NANOS)


def budgets(as_json: AsJson = False) -> None:
    """The budgets of the settings: limit, spent, left."""
    load_settings_file()
    found: Budgets = setting("budgets")
    rows = list(budget_rows(found))
    if as_json:
        print_json([json_row(row) for row in rows])
    elif rows:
        print_table(_COLUMNS, [_cells(row) for row in rows])
    if not found:
        say(NO_BUDGETS)
    elif setting("budget_ledger") == PROCESS:
        say("Each process keeps what it spends for itself (budget_ledger is process); it cannot be seen from here.")


def budget_rows(budgets: Budgets) -> Iterator[BudgetRow]:
    """Every budget, and every name that something was spent on or that has a limit of its own.

    Raises: FastagenticError when the ledger cannot be asked, ConfigError for a setting that cannot be used.
    """
    if not budgets:
        return
    limits = Limits(budgets)
    periods = (limits.period(Period.DAY), limits.period(Period.MONTH))
    spent = _ask(periods)
    for scope, budget in budgets.of.items():
        period = "" if scope is BudgetScope.RUN else limits.period(budget.per)
        if scope is BudgetScope.MONTH:
            yield _row(Account(scope.value, "", period), budget, budget.usd or 0.0, spent)
            continue
        if budget.usd is not None:
            yield BudgetRow(scope.value, None, period, budget.usd, budget.action.value, None)
        names = {account.name for account in spent if (account.scope, account.period) == (scope.value, period)}
        for name in sorted(names | set(budget.named)):
            if (usd := budget.limit(name)) is not None:
                yield _row(Account(scope.value, name, period), budget, usd, spent)


def _row(account: Account, budget: Budget, usd: float, spent: Mapping[Account, Spent]) -> BudgetRow:
    found = spent.get(account, NOTHING_SPENT)
    return BudgetRow(account.scope, account.name, account.period, usd, budget.action.value, found)


def _ask(periods: tuple[str, str]) -> dict[Account, Spent]:
    """What is spent in this day and month, by the ledger of the settings."""
    named = setting("budget_ledger")
    if named == PROCESS:
        return {}
    try:
        if named in (None, LOCAL):
            only_local("the ledger of budgets is that of this machine")
            return spent_in(store_home() / LEDGER_NAME, periods)
        return RedisLedger(named).spent_in(periods)
    except FastagenticError:
        raise
    except Exception as error:  # noqa: BLE001  # whichever client's it is; it may name the server, and its password
        detail = str(error) if isinstance(error, sqlite3.Error) else type(error).__name__
        raise FastagenticError(f"the ledger of budgets cannot be read ({detail})") from None


def _cells(row: BudgetRow) -> list[str]:
    spent = row.spent
    return [
        row.scope,
        EACH if row.name is None else row.name or words.NOTHING,
        row.period or words.NOTHING,
        words.money(row.limit_usd),
        words.NOTHING if spent is None else words.money(spent.usd),
        words.NOTHING if row.left_usd is None else words.money(row.left_usd),
        words.NOTHING if spent is None else f"{spent.calls:,}",
        words.NOTHING if spent is None else f"{spent.unpriced:,}",
        row.action,
    ]


def json_row(row: BudgetRow) -> JsonRow:
    """A budget for a program."""
    spent = row.spent
    return {
        "scope": row.scope,
        "name": row.name,
        "period": row.period or None,
        "limit_usd": row.limit_usd,
        "spent_usd": None if spent is None else spent.usd,
        "left_usd": row.left_usd,
        "calls": None if spent is None else spent.calls,
        "unpriced_calls": None if spent is None else spent.unpriced,
        "action": row.action,
    }
