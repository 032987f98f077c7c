"""`fastagentic reprice`: what it would change, what it changes, and whom it asks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.store.build import ask

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli

COSTS = "SELECT cost_usd, cost_source, first_cost_source FROM calls WHERE model = 'llama-of-tomorrow'"


@pytest.fixture
def prices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A price for the one model that has none."""
    path = tmp_path / "prices.json"
    path.write_text('{"llama-of-tomorrow": {"input": 10, "output": 30}}')
    monkeypatch.setenv("FASTAGENTIC_PRICES", str(path))
    return path


@pytest.mark.usefixtures("prices")
def test_a_dry_run_shows_the_difference_by_model_and_changes_nothing(cli: Cli, filled: Path) -> None:
    result = cli("reprice", "--dry-run")

    assert result.exit_code == 0
    (row,) = [line.split() for line in result.stdout.splitlines() if line.startswith("llama")]
    assert row == ["llama-of-tomorrow", "1", "1", "$0", "$0.0002", "$0", "$0"]
    assert ask(filled, COSTS) == [(None, "unknown", None)]


@pytest.mark.usefixtures("prices")
def test_it_corrects_and_keeps_what_was_first_recorded(cli: Cli, filled: Path) -> None:
    result = cli("reprice", "--yes")

    # The other one is of a model whose list price is not what this store was filled with.
    assert "Corrected 2 calls; what was first recorded is kept." in result.stderr
    assert ask(filled, COSTS) == [(pytest.approx(0.0002), "override", "unknown")]
    assert json.loads(cli("costs", "--json", "--since", "all").stdout)[-1]["unpriced"] == 0


@pytest.mark.usefixtures("prices")
def test_a_program_reads_json(cli: Cli, filled: Path) -> None:
    found = json.loads(cli("reprice", "--yes", "--json", "--since", "all").stdout)

    assert (found["dry_run"], found["models"][0]["model"], found["models"][0]["unpriced"]) == (False, "llama-of-tomorrow", 1)


@pytest.mark.usefixtures("prices")
def test_nobody_there_to_ask_changes_nothing(cli: Cli, filled: Path) -> None:
    result = cli("reprice")

    assert result.exit_code == 2
    assert "add --yes, or look with --dry-run" in result.stderr
    assert ask(filled, COSTS) == [(None, "unknown", None)]


def test_where_nothing_is_known_better_it_says_so(cli: Cli, filled: Path) -> None:
    cli("reprice", "--yes")

    result = cli("reprice")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "Every call in the last 7d has the price that the rules of now say" in result.stderr


@pytest.mark.usefixtures("prices")
def test_calls_before_since_stay(cli: Cli, filled: Path) -> None:
    cli("reprice", "--since", "90m", "--yes")

    assert ask(filled, COSTS) == [(None, "unknown", None)]
