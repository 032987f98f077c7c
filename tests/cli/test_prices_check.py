"""`fastagentic prices check`: calls without a price, or with another by now, and rules that ended."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.pricing import LIST_NAME
from fastagentic.pricing.list_file import write_list
from fastagentic.pricing.price_list import PriceList, Section
from fastagentic.store.location import store_home, store_path
from tests.store.build import call, priced, store

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli


@pytest.fixture
def seen(own_environment: Path) -> Path:
    """Calls of a model that nobody knows, of one that was not known then, at another price than now, and at the one of now."""
    tokens: dict[str, Any] = {"tokens_in": 1_000, "tokens_out": 100}
    return store(
        store_path(),
        [
            *(call(model="llama-of-tomorrow", source="unknown", run_id=f"{one:032x}", **tokens) for one in (1, 2)),
            call(model="gpt-4o", source="unknown", run_id=f"{3:032x}", gateway="portkey", **tokens),
            call(model="gpt-4o", source="price_table", cost=0.5, run_id=f"{4:032x}", **tokens),
            call(model="gpt-4o", source="price_table", cost=0.0035, run_id=f"{5:032x}", **tokens),
            priced(0.7, model="gpt-4o", run_id=f"{6:032x}", **tokens),
        ],
    )


def findings(cli: Cli, *arguments: str, status: int = 1, **variables: str) -> list[dict[str, Any]]:
    result = cli("prices", "check", *arguments, "--json", **variables)
    assert result.exit_code == status, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["findings"]
    return found


def test_each_kind_of_finding_has_its_calls_tokens_and_times(cli: Cli, seen: Path) -> None:
    found = findings(cli)
    told = [(one["finding"], one["model"], one["gateway"], one["calls"], one["input_tokens"]) for one in found]

    assert told == [
        ("no price", "llama-of-tomorrow", None, 2, 2_000),
        ("priced now", "gpt-4o", "portkey", 1, 1_000),
        ("other price now", "gpt-4o", None, 1, 1_000),
    ]
    assert [(one["before_usd"], one["after_usd"]) for one in found] == [(None, None), (None, 0.0035), (0.5, 0.0035)]
    assert all(one["first"] <= one["last"] for one in found)


def test_a_person_is_told_what_to_do(cli: Cli, seen: Path) -> None:
    result = cli("prices", "check")

    assert result.exit_code == 1
    assert "`fastagentic reprice --since 7d` corrects" in result.stderr
    assert '["openai/llama-of-tomorrow"]\ninput = \noutput = \n' in result.stderr
    assert "fastagentic prices update" in result.stderr


def test_the_snippet_filled_in_and_a_reprice_leave_nothing_to_find(cli: Cli, seen: Path, tmp_path: Path) -> None:
    _, _, snippet = cli("prices", "check").stderr.partition("names:\n\n")
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(snippet)  # nobody takes it for prices as it stands
    (tmp_path / "own.toml").write_text(snippet.replace("= \n", "= 1\n"))
    own = {"FASTAGENTIC_PRICES": str(tmp_path / "own.toml")}
    assert [one["finding"] for one in findings(cli, **own)] == ["priced now", "priced now", "other price now"]
    assert cli("reprice", "--yes", **own).exit_code == 0

    assert findings(cli, status=0, **own) == []
    assert "Every call in the last 7d has a price" in cli("prices", "check", **own).stderr


def test_only_calls_since_then_count(cli: Cli, own_environment: Path) -> None:
    store(store_path(), [call(model="llama-of-tomorrow", source="unknown", ago_h=48.0)])

    assert findings(cli, "--since", "24h", status=0) == []
    assert len(findings(cli, "--since", "all")) == 1


@pytest.mark.parametrize(
    ("after", "kinds"), [("", ["rule ended"]), ('[["gpt-4o*"]]\ninput = 1\noutput = 1\nfrom = 2026-02-01', [])]
)  # fmt: skip
def test_a_price_of_your_own_that_ended_is_found_unless_another_follows(
    cli: Cli, own_environment: Path, tmp_path: Path, after: str, kinds: list[str]
) -> None:
    store(store_path(), [priced(0.5, model="gpt-4o")])
    own = tmp_path / "own.toml"
    own.write_text(f'[["gpt-4o"]]\ninput = 2\noutput = 8\nuntil = 2026-01-01\n{after}\n')
    variables = {"FASTAGENTIC_PRICES": str(own)}
    found = findings(cli, status=len(kinds), **variables)

    assert [one["finding"] for one in found] == kinds
    for one in found:
        assert one["rule"] == f"your price for gpt-4o until 2026-01-01 ({own})"
        assert "holds no more; add what follows it" in cli("prices", "check", **variables).stderr


def test_a_price_of_a_file_that_ended_is_found_too(cli: Cli, own_environment: Path, tmp_path: Path) -> None:
    store(store_path(), [priced(0.5, model="gpt-4o")])
    (tmp_path / "contract.toml").write_text('["openai/gpt-4o"]\ninput = 2\noutput = 8\nuntil = 2026-01-01\n')
    cli("prices", "update", str(tmp_path / "contract.toml"))

    assert [one["rule"] for one in findings(cli)] == ["openai/gpt-4o until 2026-01-01 (contract.toml)"]


def test_a_list_of_another_release_is_mentioned_and_is_no_finding(cli: Cli, own_environment: Path) -> None:
    store(store_path(), [priced(0.5, model="gpt-4o")])
    write_list(store_home() / LIST_NAME, PriceList({"genai-prices": Section("genai-prices 0.0.1", "2026-10-01")}))
    result = cli("prices", "check")

    assert result.exit_code == 0
    assert "The price list is of genai-prices 0.0.1, and genai-prices " in result.stderr


def test_the_doctor_finds_the_same_calls_and_names_the_command(cli: Cli, seen: Path) -> None:
    told = [one for one in json.loads(cli("doctor", "--json").stdout) if one["code"] == "models-unpriced"]
    unpriced = {one["model"] for one in findings(cli) if one["finding"] in {"no price", "priced now"}}

    assert {one["what"].partition(":")[0] for one in told} == unpriced == {"llama-of-tomorrow", "gpt-4o"}
    assert all("`fastagentic prices check`" in one["fix"] for one in told)
