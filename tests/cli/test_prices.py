"""`fastagentic prices`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.store.location import store_path
from tests.store.build import call, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli

PRICES = """
["gpt-4o"]
input = 2.10
output = 8.40
until = 2027-01-01

["llama-of-tomorrow"]
input = 0.2
output = 0.6
request = 0.001

["azure/*"]
discount = 15
from = 2026-01-01
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    """A file of prices, for FASTAGENTIC_PRICES."""
    path = tmp_path / "prices.toml"
    path.write_text(PRICES)
    return str(path)


def rows(cli: Cli, *arguments: str, **variables: str) -> list[dict[str, Any]]:
    result = cli("prices", *arguments, "--json", **variables)
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_the_rules_of_a_model_come_in_the_order_in_which_they_are_asked(cli: Cli, own: str) -> None:
    found = rows(cli, "gpt-4o", "--at", "2026-06-01", FASTAGENTIC_PRICES=own)

    assert [(row["rule"], row["prices"], row["source"]) for row in found] == [
        ("your prices", "every call", "override"),
        ("LiteLLM", "none", "price_table"),
        ("genai-prices", "none", "price_table"),
    ]
    assert found[0] == {
        "model": "gpt-4o", "provider": "openai", "rule": "your prices", "prices": "every call", "source": "override",
        "above_input_tokens": 0, "rates": {"input": 2.1, "output": 8.4}, "discount": None, "from": None,
        "until": "2027-01-01T00:00:00.000000Z", "text": f"your price for gpt-4o until 2027-01-01 ({own})",
    }  # fmt: skip


def test_a_rule_out_of_date_prices_nothing(cli: Cli, own: str) -> None:
    found = rows(cli, "gpt-4o", "--at", "2027-01-01", FASTAGENTIC_PRICES=own)

    assert [(row["rule"], row["prices"]) for row in found] == [
        ("LiteLLM", "calls with LiteLLM"), ("genai-prices", "all other calls"),
    ]  # fmt: skip
    assert found[1]["rates"]["input"] == 2.5


def test_a_discount_is_told_beside_the_rates_that_it_is_taken_off(cli: Cli, own: str) -> None:
    for arguments in (["azure/gpt-4o-mini"], ["gpt-4o-mini", "--provider", "azure-openai"]):
        found = rows(cli, *arguments, FASTAGENTIC_PRICES=own)[-1]
        assert (found["discount"], found["rates"]["input"], found["from"]) == (15.0, 0.15, "2026-01-01T00:00:00.000000Z")
        assert found["text"] == f"genai-prices, azure/gpt-4o-mini, less 15 % by azure/* from 2026-01-01 ({own})"


def test_long_prompts_have_a_row_of_their_own(cli: Cli) -> None:
    found = [row for row in rows(cli, "gemini-2.5-pro") if row["rule"] == "genai-prices"]

    assert [(row["above_input_tokens"], row["rates"]["output"]) for row in found] == [(0, 10.0), (200_000, 15.0)]


def test_the_table_shows_rates_with_all_their_digits(cli: Cli, own: str) -> None:
    result = cli("prices", "gpt-4o-mini", "--provider", "azure", FASTAGENTIC_PRICES=own, COLUMNS="")

    header, _, _, row, _, text = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert header == "rule prices input output cache read cache write also discount valid"
    assert row == "genai-prices all other calls $0.15 $0.6 $0.075 - $0.01 per search 15 % from 2026-01-01"
    assert text == f"genai-prices, azure/gpt-4o-mini, less 15 % by azure/* from 2026-01-01 ({own})"
    assert "USD per million tokens" in result.stderr


@pytest.mark.parametrize("width", [160, 80, 60, 40])
def test_no_line_is_wider_than_the_terminal_and_no_rate_is_cut(cli: Cli, width: int) -> None:
    table = cli("prices", "gemini-2.5-pro", COLUMNS=str(width)).stdout.splitlines()[:6]

    assert max(map(len, table)) <= width
    assert "$1.25" in table[2]


def test_what_is_charged_by_the_piece_says_the_piece(cli: Cli) -> None:
    assert "$0.0001 per second of audio" in cli("prices", "whisper-1", COLUMNS="160").stdout


def test_the_dates_of_the_table_count_too(cli: Cli) -> None:
    def output(at: str) -> float:
        return float(rows(cli, "o3", "--at", at)[-1]["rates"]["output"])

    assert (output("2025-06-09"), output("2025-06-10")) == (40.0, 8.0)


def test_an_unknown_model_is_told_with_those_near_it(cli: Cli) -> None:
    result = cli("prices", "gpt-4o-mimi")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no rule prices gpt-4o-mimi" in result.stderr
    assert "gpt-4o-mini" in result.stderr


def test_a_model_under_another_providers_name_is_told_as_its_own_provider_has_it(cli: Cli) -> None:
    result = cli("prices", "claude-sonnet-4-5", "--provider", "bedrock", "--json")

    assert (result.exit_code, result.stdout) == (1, "[]\n")
    assert "anthropic.claude-sonnet-4-5-20250929-v1:0" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gpt-4o", "--at", "soon"], "--at (option) is 'soon'; it takes a date"),
        (["--provider", "azure"], "a MODEL beside it"),
    ],
)
def test_wrong_usage_is_told(cli: Cli, arguments: list[str], said: str) -> None:
    result = cli("prices", *arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_file_that_cannot_be_used_is_told(cli: Cli, tmp_path: Path) -> None:
    result = cli("prices", "gpt-4o", FASTAGENTIC_PRICES=str(tmp_path / "none.toml"))

    assert (result.exit_code, result.stdout) == (2, "")
    assert "prices (FASTAGENTIC_PRICES)" in result.stderr


# --- without a model ------------------------------------------------------------------------------


def seen(cli: Cli, **variables: str) -> list[tuple[Any, ...]]:
    return [(row["model"], row["calls"], row["unpriced"], row["priced_by"]) for row in rows(cli, **variables)]


def test_the_models_in_the_store_come_with_those_without_a_price_first(cli: Cli, own: str) -> None:
    spans = [
        *(call(model="gpt-4o-mini", source="price_table", cost=0.1, gateway="portkey") for _ in range(3)),
        call(model="gpt-4o", answered="gpt-4o-2024-08-06", source="price_table", cost=0.1, gateway="litellm"),
        call(model="llama-of-tomorrow", source="unknown", gateway="portkey"),
    ]
    store(store_path(), spans)

    assert seen(cli) == [
        ("llama-of-tomorrow", 1, 1, None), ("gpt-4o-mini", 3, 0, "genai-prices"), ("gpt-4o-2024-08-06", 1, 0, "LiteLLM"),
    ]  # fmt: skip
    assert [row[3] for row in seen(cli, FASTAGENTIC_PRICES=own)] == ["genai-prices", "your prices", "your prices"]


def test_a_model_whose_cost_the_gateway_states_needs_no_rule(cli: Cli) -> None:
    store(store_path(), [priced(0.25, model="nobody-1", gateway="portkey"), call(model="nobody-2", source="unknown")])

    assert seen(cli) == [("nobody-2", 1, 1, None), ("nobody-1", 1, 0, "stated by portkey")]


def test_the_table_of_the_store_names_what_has_no_price(cli: Cli) -> None:
    store(store_path(), [call(model="llama-of-tomorrow", source="unknown"), priced(0.1)])

    header, _, first, second = [" ".join(line.split()) for line in cli("prices", COLUMNS="").stdout.splitlines()]
    assert header == "model provider calls unpriced priced by input output from"
    assert first == "llama-of-tomorrow openai 1 1 nothing - - -"
    assert second.startswith("gpt-4o-mini openai 1 - stated by")


def test_without_a_store_it_says_how_to_get_one(cli: Cli) -> None:
    result = cli("prices")

    assert result.exit_code == 1
    assert "there is no store yet" in result.stderr


def test_a_store_without_calls_says_so(cli: Cli) -> None:
    store(store_path(), [run()])

    result = cli("prices")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No calls in" in result.stderr
