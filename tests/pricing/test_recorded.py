"""A recorded call at the prices of now: the same as when it was made, for all that is charged."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core import names
from fastagentic.core.call import LLMCall, Usage
from fastagentic.core.names import Operation
from fastagentic.observe.spans import end_attributes, start_attributes
from fastagentic.pricing import Pricing
from fastagentic.pricing.recorded import price_now, recorded_call
from fastagentic.store.projection import project
from fastagentic.store.rows import StoredSpan
from fastagentic.store.schema import CALL_COLUMNS, CALL_IDS

if TYPE_CHECKING:
    from fastagentic.core.call import Cost

AT_NS = 1_790_000_000_000_000_000
OWN = {
    "input": 1, "output": 2, "cache_read": "0.1", "input_audio": 40, "output_audio": 80, "web_search": "0.01", "cache_write": 3,
    "cache_write_1h": 6, "image": 5, "audio_second": 7, "character": 9, "input_image": 11, "output_image": 13, "reasoning": 15,
}  # fmt: skip
USAGE: dict[str, Any] = {
    "input_tokens": 9_000, "output_tokens": 8_000, "cache_read_tokens": 700, "cache_write_tokens": 600, "reasoning_tokens": 500,
    "input_audio_tokens": 400, "output_audio_tokens": 300, "cache_write_1h_tokens": 200, "input_image_tokens": 100,
    "output_image_tokens": 90, "images": 8, "audio_seconds": 7.5, "input_characters": 60, "web_searches": 5,
}  # fmt: skip


def recorded(call: LLMCall) -> tuple[dict[str, Any], dict[str, Any]]:
    """As the store keeps a call: its columns, and what its span bears."""
    attributes = {**start_attributes(call), **end_attributes(call)}
    row = project(StoredSpan("a" * 32, "b" * 16, None, "chat", AT_NS, AT_NS, "unset", attributes)).call
    assert row is not None
    return dict(zip([column.name for column in CALL_COLUMNS], row[len(CALL_IDS) :], strict=True)), attributes


def now(pricing: Pricing, call: LLMCall, source: str = "unknown") -> Cost | None:
    columns, attributes = recorded(call)
    found = recorded_call(columns, attributes, AT_NS)
    assert found is not None
    return price_now(pricing, found, source)


def made(model: str = "gpt-4o-mini", usage: Usage | None = None, **facts: Any) -> LLMCall:
    usage = usage or Usage(1_000, 100)
    return LLMCall("portkey", "portkey", Operation.CHAT, "openai", model, started_ns=AT_NS, usage=usage, **facts)


def test_every_count_that_is_charged_survives_the_store() -> None:
    pricing = Pricing({"of-everything": OWN})
    call = made("of-everything", Usage(**USAGE))
    fresh = pricing.price(call, lambda _: None)
    again = now(pricing, call)

    assert fresh is not None
    assert again is not None
    assert again.usd == fresh.usd
    assert set(USAGE) | {"estimated"} == set(Usage.__dataclass_fields__), "a new count must reach the span as well"


def test_the_tier_survives_the_store() -> None:
    found = recorded_call(*recorded(made("o3", service_tier="flex")), AT_NS)

    assert found is not None
    assert found.service_tier == "flex"
    assert now(Pricing(), made("o3", service_tier="flex")) is None, "the table has no rate for it"


def test_a_call_is_priced_at_the_prices_of_its_own_time() -> None:
    pricing = Pricing(
        {"new": [{"input": 1, "output": 1, "until": "2026-01-01"}, {"input": 2, "output": 2, "from": "2026-01-01"}]}
    )

    cost = now(pricing, made("new", Usage(1_000_000, 0)))
    assert cost is not None
    assert cost.usd == Decimal(2)


STAYS = {
    "LiteLLM's calculator": ({}, "litellm", "price_table", None),
    "your price in code": ({}, "portkey", "override", None),
    "LiteLLM's calculator, and you say otherwise": (
        {"gpt-4o-mini": {"input": 7, "output": 7}},
        "litellm",
        "price_table",
        "override",
    ),
    "your price, and you say otherwise": ({"gpt-4o-mini": {"input": 7, "output": 7}}, "portkey", "override", "override"),
    "the table": ({}, "portkey", "price_table", "price_table"),
    "nothing": ({}, "litellm", "unknown", "price_table"),
}


@pytest.mark.parametrize("said", STAYS)
def test_who_had_priced_it_decides_whose_price_may_take_its_place(said: str) -> None:
    prices, gateway, source, expected = STAYS[said]
    call = made()
    call.gateway = gateway
    found = now(Pricing(prices), call, source)

    assert (None if found is None else found.source.value) == expected


def test_what_no_rule_knows_is_left() -> None:
    assert now(Pricing(), made("llama-of-tomorrow")) is None


def test_an_operation_of_another_version_and_odd_attributes_do_no_harm() -> None:
    columns, attributes = recorded(made())

    assert recorded_call({**columns, "operation": "dream"}, attributes, AT_NS) is None
    odd = recorded_call(columns, {names.USAGE_IMAGES: "many", names.SERVICE_TIER: 3}, AT_NS)
    assert odd is not None
    assert (odd.usage.images, odd.service_tier) == (None, None)
