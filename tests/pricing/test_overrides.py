"""The user's own prices: which entry names a call, from when until when, what a discount is taken off, and bad input."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core.call import GatewayFacts, Usage
from fastagentic.core.errors import ConfigError
from fastagentic.core.names import CacheStatus, CostSource
from fastagentic.pricing import Pricing
from fastagentic.pricing.entries import read_moment

from .calls import call, no_calculator

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.core.call import Cost, LLMCall

MILLION = Usage(input_tokens=1_000_000, output_tokens=0)


def flat(usd: float) -> dict[str, object]:
    """A price that shows which entry was taken: so many USD for a million tokens in."""
    return {"input": usd, "output": 0}


def cost(prices: Any, one: LLMCall) -> Cost:
    found = Pricing(prices).price(one, no_calculator)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("keys", "usd"),
    [
        (["*", "gpt-4o*", "gpt-4o-mini*", "gpt-4o-mini", "openai/gpt-4o-mini"], 5),
        (["*", "gpt-4o*", "gpt-4o-mini*", "gpt-4o-mini", "azure/gpt-4o-mini"], 4),
        (["*", "gpt-4o*", "gpt-4o-mini*"], 3),
        (["*", "openai/*", "gpt*"], 2),
        (["*", "claude*"], 1),
        (["*", "gpt-4o-min?"], 2),
        (["*", "gpt-4o-[a-m]ini"], 2),
    ],
)
def test_exact_beats_pattern_and_long_beats_short(keys: list[str], usd: int) -> None:
    prices = {key: flat(at) for at, key in enumerate(keys, start=1)}

    assert cost(prices, call(usage=MILLION)).usd == usd


@pytest.mark.parametrize(
    ("provider", "spelled", "key"),
    [
        ("azure.ai.openai", "azure", "azure/gpt-4o"),
        ("azure.ai.openai", "azure-openai", "azure-openai/gpt-4o"),
        ("azure.ai.openai", None, "azure.ai.openai/gpt-4o"),
        ("azure.ai.openai", "azure-openai", "azure/*"),
        ("aws.bedrock", "bedrock", "bedrock/*"),
        ("gcp.vertex_ai", "vertex_ai", "vertex_ai/gpt*"),
        ("openai", "@our-openai", "our-openai/gpt-4o"),
        ("openai", None, "GPT-4o"),
    ],
)
def test_a_provider_may_be_called_as_anybody_calls_it(provider: str, spelled: str | None, key: str) -> None:
    one = call("gpt-4o", provider=provider, facts=GatewayFacts(provider=spelled), usage=MILLION)

    assert cost({key: flat(7)}, one).usd == 7


@pytest.mark.parametrize("asked", ["gpt-4o", "openai/gpt-4o", "@openai-prod/gpt-4o", "gpt-4o-2024-08-06"])
def test_prefixes_and_the_date_of_a_snapshot_do_not_hide_a_model(asked: str) -> None:
    assert cost({"gpt-4o": flat(7)}, call(asked, usage=MILLION)).usd == 7


def test_the_entry_of_the_snapshot_itself_comes_first() -> None:
    prices = {"gpt-4o": flat(7), "gpt-4o-2024-05-13": flat(8)}

    assert cost(prices, call("gpt-4o", response_model="gpt-4o-2024-05-13", usage=MILLION)).usd == 8


def test_the_model_that_answered_comes_before_the_one_asked_for() -> None:
    prices = {"gpt-4o": flat(7), "gpt-4o-mini*": flat(1)}

    assert cost(prices, call("gpt-4o", response_model="gpt-4o-mini-2024-07-18", usage=MILLION)).usd == 1
    assert cost(prices, call("gpt-4o", response_model="some-deployment", usage=MILLION)).usd == 7


def test_every_kind_of_token_and_piece_is_charged() -> None:
    price = {
        "input": 1, "output": 2, "cache_read": 3, "cache_write": 4, "cache_write_1h": 5, "input_audio": 6, "input_image": 7,
        "output_audio": 8, "output_image": 9, "reasoning": 10, "request": 11, "image": 12, "audio_second": 13, "character": 14,
        "web_search": 15,
    }  # fmt: skip
    usage = Usage(
        input_tokens=100, cache_read_tokens=10, cache_write_tokens=30, cache_write_1h_tokens=20, input_audio_tokens=5,
        input_image_tokens=15, output_tokens=100, output_audio_tokens=10, output_image_tokens=20, reasoning_tokens=30,
        images=2, audio_seconds=1.5, input_characters=1_000_000, web_searches=3,
    )  # fmt: skip
    tokens = 40 * 1 + 10 * 3 + 10 * 4 + 20 * 5 + 5 * 6 + 15 * 7 + 40 * 2 + 10 * 8 + 20 * 9 + 30 * 10

    assert cost({"m": price}, call("m", usage=usage)).usd == Decimal(tokens) / 1_000_000 + 11 + 24 + Decimal("19.5") + 14 + 45


def test_reasoning_costs_what_output_does_unless_said() -> None:
    usage = Usage(input_tokens=0, output_tokens=1_000_000, reasoning_tokens=400_000)

    assert cost({"m": {"input": 0, "output": 10}}, call("m", usage=usage)).usd == 10
    assert cost({"m": {"input": 0, "output": 10, "reasoning": 5}}, call("m", usage=usage)).usd == 8


def test_a_price_by_the_piece_needs_no_tokens_and_is_silent_without_pieces() -> None:
    prices = {"dall-e-3": {"image": 0.04}, "whisper-9": {"audio_second": "0.0001"}, "reranker": {"request": 0.002}}

    assert cost(prices, call("dall-e-3", usage=Usage(images=3))).usd == Decimal("0.12")
    assert cost(prices, call("whisper-9", usage=Usage(audio_seconds=90.5))).usd == Decimal("0.00905")
    assert cost(prices, call("reranker", usage=Usage(input_characters=0))).usd == Decimal("0.002")
    assert cost(prices, call("dall-e-3")).usd is None


# --- time -----------------------------------------------------------------------------------------

STEPS = {
    "m": [
        {"input": 3, "output": 0, "from": "2026-07-01T12:00:00+02:00"},
        {"input": 1, "output": 0, "until": date(2026, 1, 1)},
        {"input": 2, "output": 0, "from": date(2026, 1, 1), "until": datetime(2026, 7, 1, 10, tzinfo=UTC)},
    ]
}


@pytest.mark.parametrize(
    ("at", "usd"),
    [
        ("2020-01-01", 1), ("2025-12-31T23:59:59.999Z", 1), ("2026-01-01", 2), ("2026-07-01T09:59:59Z", 2),
        ("2026-07-01T10:00:00Z", 3), ("2030-01-01", 3),
    ],
)  # fmt: skip
def test_the_price_is_that_of_the_time_of_the_call(at: str, usd: int) -> None:
    assert cost(STEPS, call("m", started_ns=read_moment(at), usage=MILLION)).usd == usd


def test_an_entry_out_of_date_leaves_the_call_to_the_next_best() -> None:
    prices = {"gpt-4o": {"input": 1, "output": 0, "until": "2020-01-01"}, "gpt*": flat(2)}

    assert cost(prices, call("gpt-4o", usage=MILLION)).usd == 2


@pytest.mark.parametrize(
    "entries",
    [
        [flat(1), flat(2)],
        [{**flat(1), "until": "2026-02-01"}, {**flat(2), "from": "2026-01-31"}],
        [{**flat(1), "from": "2026-01-01"}, {"discount": 5, "from": "2027-01-01"}],
    ],
)
def test_two_entries_at_one_time_are_refused(entries: Any) -> None:
    with pytest.raises(ConfigError, match=r"prices\['m'\] .* two entries that hold from"):
        Pricing({"m": entries})


def test_keys_that_differ_in_case_are_one_key() -> None:
    with pytest.raises(ConfigError, match="two entries"):
        Pricing({"GPT-4o": flat(1), "gpt-4o": flat(2)})


# --- discounts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["gpt-4o-mini", "openai/gpt-4o-mini", "openai/*", "*"])
def test_a_discount_is_taken_off_the_table(key: str) -> None:
    found = cost({key: {"discount": "12.5"}}, call())

    assert found.usd == Decimal("0.00027") * Decimal("0.875")
    assert found.source is CostSource.PRICE_TABLE
    assert found.rule == f"genai-prices, openai/gpt-4o-mini, less 12.5 % by {key} (argument of instrument())"


def test_a_discount_is_taken_off_a_calculator() -> None:
    found = Pricing({"*": {"discount": 50}}).price(call(client="litellm"), lambda _: Decimal("0.5"))

    assert found is not None
    assert (found.usd, found.source) == (Decimal("0.25"), CostSource.PRICE_TABLE)


def test_a_discount_is_taken_off_what_a_cache_saved() -> None:
    assert cost({"*": {"discount": 50}}, call(facts=GatewayFacts(cache_status=CacheStatus.HIT))).saved_usd == Decimal(
        "0.000135"
    )


def test_a_bill_is_not_discounted_a_second_time() -> None:
    assert cost({"*": {"discount": 50}}, call(facts=GatewayFacts(cost_usd=0.25))).usd == Decimal("0.25")
    proxied = call(client="litellm", facts=GatewayFacts(cost_usd=0.25, provider="litellm_proxy"))
    assert cost({"*": {"discount": 50}}, proxied).usd == Decimal("0.25")


def test_what_litellm_calculates_in_the_process_is_a_list_price() -> None:
    """Its streams are priced by its calculator, its other calls state the same: a discount is taken off both."""
    found = cost({"*": {"discount": 50}}, call(client="litellm", facts=GatewayFacts(cost_usd=0.25)))

    assert (found.usd, found.source) == (Decimal("0.125"), CostSource.GATEWAY)


def test_prices_of_ones_own_are_not_discounted() -> None:
    assert cost({"gpt-4o-mini": flat(2), "openai/*": {"discount": 50}}, call(usage=MILLION)).usd == 2


def test_a_discount_with_dates() -> None:
    prices = {"*": {"discount": 50, "until": "2026-01-01"}}

    assert cost(prices, call(started_ns=read_moment("2025-12-31"))).usd == Decimal("0.000135")
    assert cost(prices, call(started_ns=read_moment("2026-01-01"))).usd == Decimal("0.00027")


# --- files ----------------------------------------------------------------------------------------

TOML = """
["gpt-4o"]
input = 2.10
output = 8
from = 2026-01-01
until = 2027-01-01T00:00:00Z

["azure/*"]
discount = 15

[["claude-sonnet-4-5"]]
input = 1
output = 1
until = 2026-01-01

[["claude-sonnet-4-5"]]
input = 2
output = 2
from = 2026-01-01
"""


def test_a_toml_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(TOML)
    found = cost(path, call("gpt-4o", started_ns=read_moment("2026-06-01"), usage=MILLION))

    assert found.usd == Decimal("2.1")
    assert found.rule == f"your price for gpt-4o from 2026-01-01 until 2027-01-01 ({path})"


def test_a_json_file_is_read_with_all_digits(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"m": {"input": 0, "output": 0}}).replace(": 0,", ": 0.10000000000000000001,"))

    assert cost(str(path), call("m", usage=MILLION)).usd == Decimal("0.10000000000000000001")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("prices.toml", "[gpt", "is no TOML file"),
        ("prices.json", "{", "is no JSON file"),
        ("prices.json", '{"m": {"discount": 1}, "m": {"discount": 2}}', "the key 'm' stands there twice"),
        ("prices.json", "[]", "an object of models and their prices"),
        ("prices.yaml", "", "a file that ends in .toml or .json"),
        ("prices.toml", "[m]\ninput = 'cheap'\noutput = 1", "prices['m']['input']"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(ConfigError) as told:
        Pricing(path)

    assert said in str(told.value)
    assert str(path) in str(told.value)


def test_a_file_that_is_not_there_is_named_with_where_it_was_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prices \(FASTAGENTIC_PRICES\).*No such file"):
        Pricing(tmp_path / "none.toml", source="FASTAGENTIC_PRICES")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigError, match="is no TOML file"):
        Pricing(path)


def test_the_file_of_the_environment_is_used_and_an_argument_beats_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fastagentic

    monkeypatch.setenv("FASTAGENTIC_PRICES", str(tmp_path / "none.toml"))

    with pytest.raises(ConfigError, match="FASTAGENTIC_PRICES"):
        fastagentic.instrument(destinations=[])
    fastagentic.instrument(destinations=[], prices={})


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import fastagentic

    monkeypatch.setenv("FASTAGENTIC_PRICES", "")

    fastagentic.instrument(destinations=[])


# --- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"input": 1, "output": 2, "inptu": 3}, r"\['inptu'\] .* did you mean input\?"),
        ({"input": 1}, "input and output together"),
        ({"input_audio": 1}, "input and output together"),
        ({"request": 1, "cache_read": 1}, "input and output together"),
        ({"input": 1, "output": 1, "discount": 5}, "a discount off somebody else's price, or prices of your own"),
        ({"discount": 101}, r"\['discount'\] .* is 101; it takes a percentage from 0 to 100"),
        ({"discount": -1}, "a percentage from 0 to 100"),
        ({"discount": True}, "a percentage from 0 to 100"),
        ({"input": "cheap", "output": 1}, r"\['input'\] .* is 'cheap'; it takes an amount of USD"),
        ({"input": True, "output": 1}, "an amount of USD"),
        ({"input": float("inf"), "output": 1}, "an amount of USD"),
        ({"input": None, "output": 1}, "an amount of USD"),
        ({"from": "2026-01-01"}, "a price or a discount is needed"),
        ({}, "a price or a discount is needed"),
        ([], "an object of prices"),
        ([3], r"\[0\] .* is 3"),
        ("2.50", "an object of prices"),
        ({"discount": 5, "from": "soon"}, r"\['from'\] .* is 'soon'; it takes a date"),
        ({"discount": 5, "from": 2026}, r"\['from'\] .* is 2026"),
        ({"discount": 5, "from": "2026-02-01", "until": "2026-02-01"}, r"\['until'\] .* a time after its from, 2026-02-01"),
    ],
)
def test_a_bad_entry_is_refused_by_name_with_the_way_out(entry: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as told:
        Pricing({"gpt-4o": entry})

    assert "prices['gpt-4o']" in str(told.value)
    assert "argument of instrument()" in str(told.value)


@pytest.mark.parametrize("key", ["", " ", 3, None])
def test_a_key_that_names_nothing_is_refused(key: Any) -> None:
    with pytest.raises(ConfigError, match="a key of prices"):
        Pricing({key: flat(1)})


@pytest.mark.parametrize("prices", [3, ["gpt-4o"], True])
def test_prices_that_are_neither_mapping_nor_path_are_refused(prices: Any) -> None:
    with pytest.raises(ConfigError, match="a mapping of models to prices, or the path"):
        Pricing(prices)


def test_nothing_is_patched_when_a_price_is_bad() -> None:
    import fastagentic
    from fastagentic import _api

    with pytest.raises(ConfigError):
        fastagentic.instrument(destinations=[], prices={"gpt-4o": {"input": 1}})

    assert _api._current is None
