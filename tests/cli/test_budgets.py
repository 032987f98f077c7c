"""`fastagentic budgets`: limit, spent and left of what the settings set, wherever the ledger is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.budgets.limits import Limits
from fastagentic.budgets.redis_ledger import RedisLedger
from fastagentic.core.budget import Budgets, read_budgets
from fastagentic.core.config import use_file
from fastagentic.core.ledger import Account, Spent
from fastagentic.core.names import Period
from fastagentic.store.ledger import LocalLedger
from tests.budgets.redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastagentic.core.ledger import Ledger

    from .conftest import Cli

BUDGETS = "run=0.50, tenant=20, tenant.named.acme=200, tenant.per=day, month=500, month.action=warn"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    use_file(None)


def spend(ledger: Ledger) -> tuple[str, str]:
    """Something on two tenants, last month and this one; the day and the month that it is."""
    limits = Limits(Budgets())
    day, month = limits.period(Period.DAY), limits.period(Period.MONTH)
    charges = {
        Account("tenant", "acme", day): Spent(12_500_000_000, 3, 1),
        Account("tenant", "b:c", day): Spent(25_000_000_000, 2, 0),
        Account("tenant", "old", "2020-01-01"): Spent(1, 1, 0),
        Account("month", "", month): Spent(37_500_000_000, 5, 1),
        Account("run", "a" * 32, ""): Spent(1, 1, 0),
    }
    ledger.exchange(charges, [])
    ledger.close()
    return day, month


def facts(printed: str) -> list[tuple[Any, ...]]:
    return [(row["scope"], row["name"], row["limit_usd"], row["spent_usd"], row["left_usd"]) for row in json.loads(printed)]


EXPECTED = [
    ("run", None, 0.5, None, None),
    ("tenant", None, 20.0, None, None),
    ("tenant", "acme", 200.0, 12.5, 187.5),
    ("tenant", "b:c", 20.0, 25.0, 0.0),
    ("month", "", 500.0, 37.5, 462.5),
]


def test_each_budget_has_its_limit_what_is_spent_and_what_is_left(cli: Cli, own_environment: Path) -> None:
    day, month = spend(LocalLedger(own_environment / "budgets.db"))

    result = cli("budgets", "--json", FASTAGENTIC_BUDGETS=BUDGETS)

    assert result.exit_code == 0, result.stderr
    assert facts(result.stdout) == EXPECTED
    rows = json.loads(result.stdout)
    assert [row["period"] for row in rows] == [None, day, day, day, month]
    assert [row["action"] for row in rows] == ["stop", "stop", "stop", "stop", "warn"]
    assert (rows[2]["calls"], rows[2]["unpriced_calls"]) == (3, 1)


def test_the_ledger_may_be_a_redis(cli: Cli, tmp_path: Path) -> None:
    with redis_server(tmp_path) as url:
        spend(RedisLedger(url))

        result = cli("budgets", "--json", FASTAGENTIC_BUDGETS=BUDGETS, FASTAGENTIC_BUDGET_LEDGER=url)

    assert facts(result.stdout) == EXPECTED


def test_a_person_gets_a_table(cli: Cli, own_environment: Path) -> None:
    spend(LocalLedger(own_environment / "budgets.db"))

    lines = cli("budgets", FASTAGENTIC_BUDGETS=BUDGETS).stdout.splitlines()

    (acme,) = [line for line in lines if " acme " in line]
    assert "$200.00" in acme
    assert "$12.50" in acme
    assert "$187.50" in acme


def test_nothing_is_made_where_nothing_was_spent(cli: Cli, own_environment: Path) -> None:
    result = cli("budgets", "--json", FASTAGENTIC_BUDGETS="month=500")

    assert facts(result.stdout) == [("month", "", 500.0, 0.0, 500.0)]
    assert not own_environment.exists()


def test_without_budgets_it_says_where_they_are_set(cli: Cli) -> None:
    result = cli("budgets", "--json")

    assert json.loads(result.stdout) == []
    assert "FASTAGENTIC_BUDGETS" in result.stderr


def test_what_a_process_keeps_for_itself_cannot_be_seen(cli: Cli) -> None:
    result = cli("budgets", FASTAGENTIC_BUDGETS="month=1", FASTAGENTIC_BUDGET_LEDGER="process")

    assert "cannot be seen from here" in result.stderr


def test_a_ledger_that_cannot_be_read_is_said_without_its_password(cli: Cli) -> None:
    url = "redis://me:secret@127.0.0.1:1/0"

    result = cli("budgets", FASTAGENTIC_BUDGETS="month=1", FASTAGENTIC_BUDGET_LEDGER=url)

    assert result.exit_code == 1
    assert result.stderr.strip() == "fastagentic: the ledger of budgets cannot be read (ConnectionError)"


def test_status_shows_what_is_spent_of_budgets(cli: Cli, own_environment: Path, filled: Path) -> None:
    day, month = spend(LocalLedger(own_environment / "budgets.db"))

    printed = cli("status", FASTAGENTIC_BUDGETS=BUDGETS).stdout

    assert f"budget    tenant acme {day}: $12.50 of $200.00, stop at the limit" in printed
    assert f"budget    month {month}: $37.50 of $500.00, warn at the limit" in printed


def test_the_settings_are_printed_without_the_password_of_the_ledger(cli: Cli) -> None:
    url = "redis://me:secret@redis:6379/0"

    result = cli("status", "--config", FASTAGENTIC_BUDGETS=BUDGETS, FASTAGENTIC_BUDGET_LEDGER=url)

    assert "secret" not in result.stdout
    assert str(read_budgets(BUDGETS))[:20] in result.stdout
