"""What a call costs: override over gateway over calculator over table, exact in Decimal, unknown never 0."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from genai_prices import Usage as TableUsage
from genai_prices import calc_price
from hypothesis import given, settings
from hypothesis import strategies as st

from fastagentic.core.call import GatewayFacts, LLMCall, Usage
from fastagentic.core.errors import ConfigError
from fastagentic.core.names import CacheStatus, CostSource, Operation
from fastagentic.pricing import Pricing
from fastagentic.pricing.rates import Rates, measure
from fastagentic.pricing.table import PriceTable

MODELS = [("openai", "gpt-4o-mini"), ("anthropic", "claude-sonnet-4-5"), ("gcp.gemini", "gemini-2.5-pro")]


def call(model: str = "gpt-4o-mini", **more: Any) -> LLMCall:
    usage = more.pop("usage", Usage(input_tokens=1000, output_tokens=200))
    return LLMCall("portkey", "portkey", Operation.CHAT, more.pop("provider", "openai"), model, usage=usage, **more)


def no_calculator(_: LLMCall) -> None:
    return None


def test_the_table_prices_what_nobody_stated() -> None:
    cost = Pricing().price(call(), no_calculator)
    assert cost is not None
    # gpt-4o-mini on 2026-11-23: 0.15 and 0.60 USD per million tokens
    assert cost.usd == (Decimal("0.15") * 1000 + Decimal("0.60") * 200) / 1_000_000
    assert cost.source is CostSource.PRICE_TABLE
    assert "gpt-4o-mini" in cost.rule


def test_cached_prompt_tokens_are_part_of_the_input_and_cheaper() -> None:
    usage = Usage(input_tokens=1000, output_tokens=200, cache_read_tokens=400)
    cost = Pricing().price(call(usage=usage), no_calculator)
    assert cost is not None
    assert cost.usd == (Decimal("0.15") * 600 + Decimal("0.075") * 400 + Decimal("0.60") * 200) / 1_000_000


def test_what_the_gateway_states_beats_calculator_and_table() -> None:
    cost = Pricing().price(call(facts=GatewayFacts(cost_usd=0.25)), lambda _: Decimal(9))
    assert cost is not None
    assert (cost.usd, cost.source) == (Decimal("0.25"), CostSource.GATEWAY)


def test_the_clients_calculator_beats_the_table() -> None:
    cost = Pricing().price(call(), lambda _: Decimal("0.5"))
    assert cost is not None
    assert (cost.usd, cost.source) == (Decimal("0.5"), CostSource.PRICE_TABLE)


@pytest.mark.parametrize("key", ["gpt-4o-mini", "openai/gpt-4o-mini"])
def test_an_override_beats_everybody(key: str) -> None:
    pricing = Pricing({key: {"input": 2, "output": "8", "cache_read": 0.5, "request": 0.01}})
    usage = Usage(input_tokens=1000, output_tokens=200, cache_read_tokens=400)
    cost = pricing.price(call(usage=usage, facts=GatewayFacts(cost_usd=0.25)), no_calculator)
    assert cost is not None
    assert cost.usd == (2 * Decimal(600) + Decimal("0.5") * 400 + 8 * Decimal(200)) / 1_000_000 + Decimal("0.01")
    assert cost.source is CostSource.OVERRIDE


def test_the_model_that_answered_is_priced_and_the_one_asked_for_only_where_that_is_unknown() -> None:
    dated = Pricing().price(call("my-alias", response_model="gpt-4o-mini-2024-07-18"), no_calculator)
    odd = Pricing().price(call("gpt-4o-mini", response_model="some-deployment"), no_calculator)
    assert dated is not None
    assert odd is not None
    assert dated.usd == odd.usd == Decimal("0.00027")


def test_an_unknown_model_is_unknown_and_not_free() -> None:
    cost = Pricing().price(call("nobody-knows-1"), no_calculator)
    assert cost is not None
    assert (cost.usd, cost.source) == (None, CostSource.UNKNOWN)


def test_a_failed_call_without_usage_has_nothing_to_price() -> None:
    assert Pricing().price(call(usage=Usage(), error_type="RateLimitError"), no_calculator) is None


def test_a_failed_stream_with_usage_is_priced() -> None:
    cost = Pricing().price(call(error_type="APIError"), no_calculator)
    assert cost is not None
    assert cost.usd == Decimal("0.00027")


@pytest.mark.parametrize("status", [CacheStatus.HIT, CacheStatus.SEMANTIC_HIT])
def test_a_cache_hit_costs_zero_and_saves_the_full_price(status: CacheStatus) -> None:
    cost = Pricing().price(call(facts=GatewayFacts(cache_status=status, cost_usd=0.0)), no_calculator)
    assert cost is not None
    assert (cost.usd, cost.saved_usd) == (Decimal(0), Decimal("0.00027"))


def test_a_cache_hit_of_an_unknown_model_is_free_and_saves_nobody_knows_what() -> None:
    cost = Pricing().price(call("nobody-knows-1", facts=GatewayFacts(cache_status=CacheStatus.HIT)), no_calculator)
    assert cost is not None
    assert (cost.usd, cost.saved_usd) == (Decimal(0), None)


@pytest.mark.parametrize("stated", [float("nan"), float("inf"), -1.0])
def test_a_cost_that_no_bill_can_have_is_not_taken(stated: float) -> None:
    cost = Pricing().price(call(facts=GatewayFacts(cost_usd=stated)), no_calculator)
    assert cost is not None
    assert cost.usd == Decimal("0.00027")


@pytest.mark.parametrize(
    "entry",
    [
        {"input": 1}, {"input": 1, "output": 2, "inptu": 3}, {"input": "cheap", "output": 1}, {"input": -1, "output": 1},
        {"input": float("nan"), "output": 1}, 3, None,
    ],
)  # fmt: skip
def test_a_bad_override_is_refused_by_name(entry: Any) -> None:
    with pytest.raises(ConfigError, match=r"prices\['gpt-4o'\]"):
        Pricing({"gpt-4o": entry})


counts = st.integers(min_value=0, max_value=3_000_000)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(MODELS), counts, counts, st.floats(0, 1), st.floats(0, 1))
def test_kept_rates_give_the_librarys_own_price(
    model: tuple[str, str], size: int, output: int, read_share: float, write_share: float
) -> None:
    read = int(size * read_share)
    write = int((size - read) * write_share) if model[0] == "anthropic" else 0
    usage = Usage(size, output, cache_read_tokens=read, cache_write_tokens=write)
    found = TABLE.price(*model, usage)
    assert found is not None
    library = calc_price(
        TableUsage(input_tokens=size, output_tokens=output, cache_read_tokens=read, cache_write_tokens=write),
        model[1],
        provider_id={"gcp.gemini": "google"}.get(model[0], model[0]),
    )
    assert found[0] == library.total_price


TABLE = PriceTable()


def test_tiered_prices_are_not_taken_for_linear_ones() -> None:
    def tiered(usage: Usage) -> Decimal:
        rate = Decimal("0.0000025") if (usage.input_tokens or 0) > 200_000 else Decimal("0.00000125")
        return rate * (usage.input_tokens or 0)

    assert measure(tiered) is None


def test_linear_prices_are_found_exactly() -> None:
    rates = Rates(Decimal("0.0000025"), Decimal("0.00001"), Decimal("0.00000125"), Decimal("0.000003"))
    assert measure(rates.price) == rates
