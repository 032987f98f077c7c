"""Commands where FASTAGENTIC_STORE names a ClickHouse: what only works on this machine, and the password that nothing shows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Cli

SECRET = "s3cret-w0rd"
STORE = f"clickhouse://reader:{SECRET}@127.0.0.1:9/otel"


@pytest.mark.parametrize(
    "command",
    [
        ("prune", "--yes"), ("reprice", "--yes"), ("export",), ("import", "-"), ("spool", "status"), ("spool", "drain"),
        ("prices", "check"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_what_needs_a_store_of_this_machine_says_so_in_one_line_and_ends_with_2(cli: Cli, command: tuple[str, ...]) -> None:
    result = cli(*command, FASTAGENTIC_STORE=STORE)

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.endswith("FASTAGENTIC_STORE names clickhouse://127.0.0.1:9/otel, which is only read; unset it here")


def test_a_ledger_of_budgets_on_this_machine_is_not_the_fleets(cli: Cli) -> None:
    result = cli("budgets", FASTAGENTIC_STORE=STORE, FASTAGENTIC_BUDGETS="month=5")

    assert result.exit_code == 2
    assert "FASTAGENTIC_STORE" in result.stderr


@pytest.mark.parametrize("command", [("costs",), ("runs",), ("show", "abcdef"), ("status",), ("status", "--json"), ("prices",)])
def test_a_server_that_does_not_answer_is_one_line_and_exit_status_1(cli: Cli, command: tuple[str, ...]) -> None:
    result = cli(*command, FASTAGENTIC_STORE=STORE)

    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("fastagentic: clickhouse://127.0.0.1:9/otel cannot be asked (Connection refused)")
    assert "FASTAGENTIC_STORE" in line
    assert SECRET not in result.output


def test_the_doctor_finds_a_store_that_does_not_answer(cli: Cli) -> None:
    result = cli("doctor", "--json", FASTAGENTIC_STORE=STORE)

    (found,) = [one for one in json.loads(result.stdout) if "cannot be asked" in one["what"] + one["why"] + one["fix"]]
    assert found["severity"] == "problem"
    assert SECRET not in result.output


@pytest.mark.parametrize("store", [STORE, f"clickhouse://reader:{SECRET}/x@host:no/otel", f"mysql://reader:{SECRET}@host/otel"])
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["for people", "for programs"])
def test_the_settings_are_shown_without_the_password(cli: Cli, store: str, form: tuple[str, ...]) -> None:
    result = cli("status", "--config", *form, FASTAGENTIC_STORE=store)

    assert "FASTAGENTIC_STORE" in result.output
    assert SECRET not in result.output
