"""How budgets are written down: as an argument, in a settings file, in a variable."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from fastagentic.core.budget import NO_BUDGETS, Budget, Budgets, budgets_of, read_budgets
from fastagentic.core.config import SettingsFile, resolved, setting, use_file
from fastagentic.core.errors import ConfigError
from fastagentic.core.names import BudgetAction, BudgetScope, Period

TABLE = """
action = "warn"
run = 0.50
month = { usd = 500, action = "stop", unpriced = "stop" }
tenant = { usd = 20, per = "day", named = { acme = 200 }, estimate = true }
"""
TEXT = (
    "action=warn, run=0.50, month=500, month.action=stop, month.unpriced=stop, "
    "tenant=20, tenant.per=day, tenant.named.acme=200, tenant.estimate=true"
)
WRITTEN = Budgets(
    {
        BudgetScope.RUN: Budget(0.5, BudgetAction.WARN),
        BudgetScope.TENANT: Budget(20.0, BudgetAction.WARN, Period.DAY, estimate=True, named={"acme": 200.0}),
        BudgetScope.MONTH: Budget(500.0, BudgetAction.STOP, unpriced="stop"),
    }
)


@pytest.mark.parametrize("given", [TEXT, tomllib.loads(TABLE), WRITTEN], ids=["text", "table", "objects"])
def test_a_text_a_table_and_objects_say_the_same(given: Any) -> None:
    assert setting("budgets", given, {}) == WRITTEN


def test_what_is_written_is_read_again() -> None:
    assert read_budgets(str(WRITTEN)) == WRITTEN


def test_without_a_word_about_them_there_are_none() -> None:
    assert setting("budgets", environ={}) == NO_BUDGETS
    assert not NO_BUDGETS


def test_a_limit_stops_unless_told_otherwise() -> None:
    assert read_budgets("run=1").of[BudgetScope.RUN] == Budget(1.0, BudgetAction.STOP)


def test_a_name_of_its_own_has_a_limit_of_its_own() -> None:
    tenant = WRITTEN.of[BudgetScope.TENANT]

    assert (tenant.limit("acme"), tenant.limit("other")) == (200.0, 20.0)


def test_names_alone_may_be_limited() -> None:
    tenant = budgets_of({"tenant": {"named": {"trial": 0}}}).of[BudgetScope.TENANT]

    assert (tenant.limit("trial"), tenant.limit("acme")) == (0.0, None)


def test_the_table_of_a_settings_file_is_read() -> None:
    use_file(SettingsFile("/srv/app/fastagentic.toml", "", {"budgets": tomllib.loads(TABLE)}))
    try:
        found = resolved("budgets", environ={})
    finally:
        use_file(None)

    assert (found.value, found.source) == (WRITTEN, "/srv/app/fastagentic.toml budgets")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"run": "much"}, "budgets: run (FILE) is 'much'; it takes an amount of USD, 0 or more, such as 0.50"),
        ({"run": True}, "budgets: run (FILE) is True; it takes an amount of USD"),
        ({"run": -1}, "budgets: run (FILE) is -1; it takes an amount of USD"),
        ({"run": float("nan")}, "budgets: run (FILE) is nan; it takes an amount of USD"),
        ({"month": {"action": "warn"}}, "budgets: month.usd (FILE) is None; it takes an amount of USD"),
        ({"month": {"usd": 1, "action": "halt"}}, "budgets: month.action (FILE) is 'halt'; it takes warn or stop"),
        ({"month": {"usd": 1, "per": "day"}}, "budgets: month.per (FILE) is 'day'; it takes one of action, estimate"),
        ({"week": 1}, "budgets: week (FILE) is 1; it takes one of run, user, tenant, endpoint, month, action"),
        ({"tenant": {"named": 5}}, "budgets: tenant.named (FILE) is 5; it takes a table of names"),
        ({"tenant": {"named": {"acme": "x"}}}, "budgets: tenant.named.acme (FILE) is 'x'; it takes an amount of USD"),
        ({"run": 1, "estimate": "often"}, "budgets: estimate (FILE) is 'often'; it takes true or false"),
        ("run", "budgets (FILE) is 'run'; it takes limits in USD such as run=0.50, month=500"),
        ("week.usd=5", "budgets (FILE) is 'week.usd=5'; it takes limits in USD"),
        (5, "budgets (FILE) is 5; it takes limits in USD"),
    ],
)
def test_a_mistake_is_an_error_that_names_the_part(given: Any, message: str) -> None:
    use_file(SettingsFile("FILE", "", {"budgets": given}))
    try:
        with pytest.raises(ConfigError) as caught:
            setting("budgets", environ={})
    finally:
        use_file(None)

    assert str(caught.value).startswith(message.replace("FILE", "FILE budgets"))


def test_a_mistake_in_the_variable_names_the_part() -> None:
    with pytest.raises(ConfigError, match=r"budgets: run \(FASTAGENTIC_BUDGETS\) is 'much'; it takes"):
        setting("budgets", environ={"FASTAGENTIC_BUDGETS": "run=much"})
