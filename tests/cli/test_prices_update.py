"""`fastagentic prices update`: the price list, from the installed packages or a file; shown before, and taken back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.pricing import LIST_NAME
from fastagentic.pricing.list_file import read_list, write_list
from fastagentic.pricing.price_list import PriceList, Section
from fastagentic.store.location import store_home, store_path
from tests.store.build import ask, call, store

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli

DEARER = '["llama-of-tomorrow"]\ninput = 2\noutput = 4\n'
LITELLM_FORM = {
    "sample_spec": {"litellm_provider": "one of them", "input_cost_per_token": "0"},
    "vertex_ai/llama-of-tomorrow": {"litellm_provider": "vertex_ai-llama_models", "input_cost_per_token": 2e-7,
                                    "output_cost_per_token": 6e-7, "input_cost_per_token_above_200k_tokens": 4e-7},
    "free-of-tomorrow": {"litellm_provider": "openai", "input_cost_per_token": 0, "output_cost_per_token": 0},
}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "contract.toml"
    path.write_text('["llama-of-tomorrow"]\ninput = 1\noutput = 2\n')
    return path


def update(cli: Cli, *arguments: object) -> dict[str, Any]:
    result = cli("prices", "update", *map(str, arguments), "--json")
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_the_packages_that_were_looked_at_are_named_and_the_list_is_written(cli: Cli) -> None:
    result = cli("prices", "update")

    assert result.exit_code == 0
    assert "Looked at genai-prices " in result.stderr
    assert "Looked at litellm " in result.stderr
    assert "more that are new; --json lists all" in result.stderr
    assert (store_home() / LIST_NAME).exists()
    assert update(cli)["changes"] == []
    rules = json.loads(cli("prices", "gpt-4o", "--json").stdout)
    assert [row["rule"].partition(" of ")[0] for row in rules] == ["LiteLLM", "price list"]


def test_a_dry_run_shows_the_same_and_writes_nothing(cli: Cli, file: Path) -> None:
    shown = update(cli, file, "--dry-run")

    assert not (store_home() / LIST_NAME).exists()
    assert update(cli, file)["changes"] == shown["changes"]


def test_a_model_that_is_new_has_its_price_for_calls_that_were_made_before(cli: Cli, filled: Path, file: Path) -> None:
    assert update(cli, file)["changes"] == [
        {"model": "llama-of-tomorrow", "tier": None, "change": "new", "source": "file", "from": None, "before": None,
         "after": {"0": {"input": 1.0, "output": 2.0}}},
    ]  # fmt: skip
    cli("reprice", "--yes")

    assert ask(filled, "SELECT cost_usd FROM calls WHERE model = 'llama-of-tomorrow'") == [(pytest.approx(15e-6),)]


def test_calls_made_before_a_rate_changed_keep_the_earlier_one(cli: Cli, filled: Path, file: Path) -> None:
    update(cli, file)
    cli("reprice", "--yes")
    file.write_text(DEARER)
    shown = cli("prices", "update", str(file)).stdout
    time_later_ns = time.time_ns() + 3_600 * 10**9
    later = call(model="llama-of-tomorrow", source="unknown", tokens_in=5, tokens_out=5, run_id="ee" * 16, ago_h=-1.0)
    store(store_path(), [later])
    cli("reprice", "--yes")

    assert "$1 -> $2" in shown
    assert "$2 -> $4" in shown
    costs = ask(filled, "SELECT cost_usd FROM calls WHERE model = 'llama-of-tomorrow' ORDER BY started_ns")
    assert costs == [(pytest.approx(15e-6),), (pytest.approx(30e-6),)]
    assert later.started_ns < time_later_ns


def test_the_day_on_which_rates_changed_may_be_told(cli: Cli, file: Path) -> None:
    update(cli, file)
    file.write_text(DEARER)
    (change,) = update(cli, file, "--from", "2026-11-01")["changes"]

    assert (change["change"], change["from"], change["before"]["0"]["input"]) == ("changed", "2026-11-01", 1.0)
    at = [
        json.loads(cli("prices", "llama-of-tomorrow", "--at", day, "--json").stdout)[0] for day in ("2026-10-31", "2026-11-01")
    ]
    assert [row["rates"]["input"] for row in at] == [1.0, 2.0]


def test_an_update_can_be_undone_once(cli: Cli, file: Path) -> None:
    update(cli, file)
    file.write_text(DEARER)
    update(cli, file)
    assert "is the list before the last update again" in cli("prices", "update", "--undo").stderr
    found = json.loads(cli("prices", "llama-of-tomorrow", "--json").stdout)
    assert found[0]["rates"] == {"input": 1.0, "output": 2.0}

    assert "There is no price list any more" in cli("prices", "update", "--undo").stderr
    result = cli("prices", "update", "--undo")
    assert (result.exit_code, "there is no update to undo" in result.stderr) == (1, True)
    assert cli("prices", "update", "--undo", str(file)).exit_code == 2


def test_a_file_leaves_the_prices_of_others_alone(cli: Cli, file: Path) -> None:
    others = {name: Section(f"{name} 1.0", "2026-10-01", {"openai/m": {"": ()}}) for name in ("genai-prices", "litellm")}
    write_list(store_home() / LIST_NAME, PriceList(others))
    (change,) = update(cli, file)["changes"]
    prices = read_list(store_home() / LIST_NAME)

    assert change["change"] == "new"
    assert prices is not None
    assert {name: one for name, one in prices.sections.items() if name != "file"} == others


def test_a_release_with_the_same_rates_is_noted_all_the_same(cli: Cli, file: Path, tmp_path: Path) -> None:
    update(cli, file)
    (tmp_path / "newer.toml").write_text(file.read_text())

    assert update(cli, tmp_path / "newer.toml")["changes"] == []
    prices = read_list(store_home() / LIST_NAME)
    assert prices is not None
    assert prices.versions == {"file": "newer.toml"}


def test_a_list_of_litellms_is_taken_as_a_file(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "model_prices.json"
    path.write_text(json.dumps(LITELLM_FORM))
    found = update(cli, path)["changes"]

    assert [(one["model"], one["after"]) for one in found] == [
        ("google/llama-of-tomorrow", {"0": {"input": 0.2, "output": 0.6}, "200000": {"input": 0.4, "output": 0.6}}),
    ]


FLAT = "input = 1\noutput = 1\n"
ODD = {"m": {"litellm_provider": "openai", "input_cost_per_token": "cheap"}}
WRONG = [
    ("p.toml", '["m"]\ninput = -1\noutput = 1\n', "prices['m']['input'] (", "is -1; it takes an amount of USD"),
    ("p.toml", '["m"]\ndiscount = 5\n', "prices['m']['discount'] (", "is '5'; it takes prices; discounts go into"),
    ("p.toml", f'["gpt-*"]\n{FLAT}', "a key of prices (", "is 'gpt-*'; it takes a model's name or provider/model"),
    ("p.toml", "", "p.toml", "it takes prices of at least one model"),
    ("p.csv", "", "prices (FILE)", "it takes a file that ends in .toml or .json"),
    ("p.json", "{", "prices (FILE)", "which is no JSON file"),
    ("p.json", json.dumps(ODD), "prices['m']['input_cost_per_token'] (", "is 'cheap'; it takes an amount of USD"),
]


@pytest.mark.parametrize(("name", "content", "field", "message"), WRONG, ids=[row[3] for row in WRONG])
def test_a_file_that_cannot_be_used_is_told_in_one_line_and_nothing_is_written(
    cli: Cli, tmp_path: Path, name: str, content: str, field: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    result = cli("prices", "update", str(path))

    assert result.exit_code == 2
    assert field in result.stderr
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (store_home() / LIST_NAME).exists()


def test_a_home_that_cannot_be_written_is_told(cli: Cli, tmp_path: Path, file: Path) -> None:
    (tmp_path / "file-in-the-way").write_text("")
    result = cli("prices", "update", str(file), FASTAGENTIC_HOME=str(tmp_path / "file-in-the-way"))

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


WITHOUT_LITELLM = """
import sys
sys.modules["litellm"] = None
import importlib.metadata, importlib.util
version, find_spec = importlib.metadata.version, importlib.util.find_spec
def gone(name):
    if name == "litellm":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)
importlib.metadata.version = gone
importlib.util.find_spec = lambda name, *rest: None if name == "litellm" else find_spec(name, *rest)
from fastagentic.cli import main
sys.argv = ["fastagentic", "prices", "update"]
main()
"""


@pytest.mark.slow
def test_without_litellm_it_says_so_and_takes_the_rest() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_LITELLM], check=False, capture_output=True, text=True, timeout=60)

    assert done.returncode == 0, done.stderr
    assert "Looked at litellm: not installed." in done.stderr
    prices = read_list(store_home() / LIST_NAME)
    assert prices is not None
    assert set(prices.sections) == {"genai-prices"}
