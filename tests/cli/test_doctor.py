"""`fastagentic doctor`: what it prints, what it reads of a program, and how it ends."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

from fastagentic.app import endpoints

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Cli

RIGHT = '{"strategy": {"mode": "fallback"}, "targets": [{"virtual_key": "a"}, {"virtual_key": "b"}]}'
KEYLESS = '{"strategy": {"mode": "fallback"}, "targets": [{"virtual_key": "a"}, {"weight": 1}]}'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(endpoints, "_of_modules", {})  # other tests of this process declare endpoints, with gateways
    yield tmp_path
    sys.modules.pop("program_here", None)


APP = """
from fastagentic import App, agent_endpoint
alone = {"strategy": {"mode": "fallback"}, "targets": [{"virtual_key": "a"}]}
app = App(llm_gateway=PortkeyGateway(config=alone))

@agent_endpoint("/premium", llm_gateway=PortkeyGateway(config=alone))
async def premium(question: str) -> str: ...
"""


def program(here: Path, text: str) -> str:
    (here / "program_here.py").write_text(f"from fastagentic.integrations.portkey import PortkeyGateway\n{text}\n")
    return "program_here:gateway"


def test_a_program_in_order_ends_with_0(cli: Cli) -> None:
    result = cli("doctor", "--config", RIGHT)

    assert result.exit_code == 0, result.output
    assert "nothing found" in result.stdout
    assert "docs/troubleshooting.md#delivery" in result.stdout  # of the advice that the store is empty


def test_a_problem_ends_with_1_and_is_told_with_why_and_fix(cli: Cli) -> None:
    result = cli("doctor", "--config", KEYLESS)

    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "problem the config: config.targets[1] has no key" in said
    assert "Give it virtual_key" in said
    assert "target-without-key: docs/troubleshooting.md#fallbacks" in said


def test_json_is_a_row_a_finding(cli: Cli) -> None:
    result = cli("doctor", "--config", KEYLESS, "--json")

    rows = json.loads(result.stdout)
    assert result.exit_code == 1
    assert {row["symptom"] for row in rows} == {"fallbacks", "cache", "latency", "cost", "delivery", "environment"}
    (problem,) = [row for row in rows if row["severity"] == "problem"]
    assert set(problem) == {"code", "severity", "symptom", "what", "why", "fix", "docs"}


def test_a_config_is_read_from_a_file(cli: Cli, here: Path) -> None:
    (here / "config.json").write_text(KEYLESS)

    assert "config.json: config.targets[1] has no key" in cli("doctor", "--config", "config.json").stdout


@pytest.mark.parametrize("config", ["nowhere.json", "{not json", "[]"])
def test_a_config_that_cannot_be_read_is_wrong_usage(cli: Cli, config: str, here: Path) -> None:
    (here / "[]").write_text("[]")
    result = cli("doctor", "--config", config)

    assert result.exit_code == 2
    assert "--config" in result.stderr


def test_the_gateway_of_a_program_is_read(cli: Cli, here: Path) -> None:
    named = program(
        here, "gateway = PortkeyGateway(config={'strategy': {'mode': 'fallback'}, 'targets': [{'virtual_key': 'a'}]})"
    )

    result = cli("doctor", named, "--json")

    assert "fallback-single-target" in {row["code"] for row in json.loads(result.stdout)}


def test_the_gateways_of_an_app_and_of_its_endpoints_are_read(cli: Cli, here: Path) -> None:
    program(here, APP)

    rows = json.loads(cli("doctor", "program_here:app", "--json").stdout)

    told = [row["what"] for row in rows if row["code"] == "fallback-single-target"]
    assert [what.partition(": ")[0] for what in told] == ["program_here:app", "endpoint /premium"]


def test_a_program_whose_config_is_refused_is_told_what_is_wrong_with_it(cli: Cli, here: Path) -> None:
    named = program(here, "gateway = PortkeyGateway(config={'strategy': {'mode': 'round-robin'}, 'targets': []})")

    result = cli("doctor", named, "--json")

    (row,) = [row for row in json.loads(result.stdout) if row["code"] == "config-refused"]
    assert "did you mean 'loadbalance'" in row["why"]
    assert result.exit_code == 1


@pytest.mark.parametrize("named", ["program_here", "program_nowhere:app", "program_here:nothing"])
def test_a_program_that_is_not_there_is_wrong_usage(cli: Cli, here: Path, named: str) -> None:
    program(here, "gateway = PortkeyGateway()")

    assert cli("doctor", named).exit_code == 2


def test_a_program_without_a_gateway_is_told_so(cli: Cli, here: Path) -> None:
    program(here, "gateway = 1")

    result = cli("doctor", "program_here:gateway")

    assert result.exit_code == 0
    assert "no gateway" in result.stderr


def test_the_store_is_read(cli: Cli, filled: Path) -> None:
    rows = json.loads(cli("doctor", "--json").stdout)

    assert "models-unpriced" in {row["code"] for row in rows}
    assert "nothing-observed" not in {row["code"] for row in rows}
    assert "looked at: 1 call\n" in cli("doctor", "--since", "1m").stdout
