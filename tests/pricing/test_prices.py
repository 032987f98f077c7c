"""What a call costs: override over gateway over calculator over table, exact in Decimal, unknown never 0."""

from __future__ import annotations

from decimal import Decimal

import pytest

from fastagentic.core.call import GatewayFacts, Usage
from fastagentic.core.names import CacheStatus, CostSource
from fastagentic.pricing import Pricing

from .calls import call, no_calculator


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


# --- LiteLLM's 0 ----------------------------------------------------------------------------------

FREE = GatewayFacts(cost_usd=0.0)


def test_litellms_0_for_a_model_that_it_has_no_price_for_is_not_taken() -> None:
    """It states and calculates 0 for claude-opus-4-1, which its list has lost: the table knows better."""
    opus = call("claude-opus-4-1", provider="anthropic", client="litellm", facts=FREE)
    cost = Pricing().price(opus, lambda _: Decimal(0))
    assert cost is not None
    assert (cost.usd, cost.source) == (Decimal("0.03"), CostSource.PRICE_TABLE)


def test_litellms_0_for_a_model_that_nobody_knows_is_unknown() -> None:
    cost = Pricing().price(call("nobody-1", provider="fireworks_ai", client="litellm", facts=FREE), lambda _: Decimal(0))
    assert cost is not None
    assert (cost.usd, cost.source) == (None, CostSource.UNKNOWN)


def test_litellms_0_for_the_machine_of_ones_own_is_0() -> None:
    for facts in (FREE, GatewayFacts()):
        cost = Pricing().price(call("llama3.1", provider="ollama", client="litellm", facts=facts), lambda _: Decimal(0))
        assert cost is not None
        assert cost.usd == 0


def test_a_proxys_0_is_taken_where_the_table_knows_nothing_else() -> None:
    known, own = (
        Pricing().price(call(model, client="openai", gateway="litellm", facts=FREE), no_calculator)
        for model in ("gpt-4o", "ours")
    )
    assert known is not None
    assert own is not None
    assert (known.usd, known.source) == (Decimal("0.0045"), CostSource.PRICE_TABLE)
    assert (own.usd, own.source) == (Decimal(0), CostSource.GATEWAY)


def test_an_answer_without_tokens_may_cost_0() -> None:
    cost = Pricing().price(call(client="litellm", facts=FREE, usage=Usage(images=1)), no_calculator)
    assert cost is not None
    assert (cost.usd, cost.source) == (Decimal(0), CostSource.GATEWAY)


def test_portkeys_0_is_its_word() -> None:
    cost = Pricing().price(call(facts=FREE), no_calculator)
    assert cost is not None
    assert (cost.usd, cost.source) == (Decimal(0), CostSource.GATEWAY)


# --- what a calculator is not told ----------------------------------------------------------------


def test_a_tier_is_priced_by_the_table_and_not_by_a_calculator_that_is_not_told() -> None:
    cost = Pricing().price(call("gpt-4o", client="litellm", service_tier="batch"), lambda _: Decimal(9))
    assert cost is not None
    assert cost.usd == Decimal("0.00225")


def test_searches_are_priced_by_the_table_and_not_by_a_calculator_that_is_not_told() -> None:
    usage = Usage(input_tokens=1000, output_tokens=0, web_searches=2)
    cost = Pricing().price(call("gpt-4o", client="litellm", usage=usage), lambda _: Decimal(9))
    assert cost is not None
    assert cost.usd == Decimal("0.0225")


@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_a_tier_that_the_calculator_is_told_is_its_own(tier: str) -> None:
    cost = Pricing().price(call("gpt-5", client="litellm", service_tier=tier), lambda _: Decimal(9))
    assert cost is not None
    assert cost.usd == 9


def test_a_tier_that_the_calculator_has_no_rates_for_is_the_tables() -> None:
    cost = Pricing().price(call("gpt-5", client="litellm", service_tier="flex"), no_calculator)
    assert cost is not None
    assert cost.usd == Decimal("0.001625")


def test_the_calculator_is_still_asked_where_the_table_knows_nothing() -> None:
    usage = Usage(input_tokens=1000, output_tokens=0, web_searches=1)
    cost = Pricing().price(call("ours", client="litellm", usage=usage), lambda _: Decimal(9))
    assert cost is not None
    assert cost.usd == 9


# --- what the rule says ---------------------------------------------------------------------------


def test_every_cost_says_which_rule_priced_it() -> None:
    mine = Pricing({"gpt-4o*": {"input": 1, "output": 2}})
    stated = call(facts=GatewayFacts(cost_usd=0.5))
    rules = [
        mine.price(call(), no_calculator),
        Pricing().price(stated, no_calculator),
        Pricing().price(call(client="litellm"), lambda _: Decimal(1)),
        Pricing().price(call(), no_calculator),
        Pricing().price(call("nobody-knows-1"), no_calculator),
    ]
    assert [cost.rule for cost in rules if cost is not None] == [
        "your price for gpt-4o* (argument of instrument())",
        "stated by portkey",
        "litellm's calculator",
        "genai-prices, openai/gpt-4o-mini",
        "no rule knows the model, or what it charges by was not counted",
    ]
