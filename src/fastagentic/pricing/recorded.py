"""What a recorded call costs by the rules of now: a call as the store tells it, priced as one that has just been made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names
from fastagentic.core.call import GatewayFacts, LLMCall, Usage
from fastagentic.core.names import CacheStatus, CostSource, Operation

from .litellm_list import litellm_tariff

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from fastagentic.core.call import Cost

    from . import Pricing

GATEWAY: Final = "litellm"
OPERATIONS: Final = frozenset(operation.value for operation in Operation)


def recorded_call(columns: Mapping[str, Any], attributes: Mapping[str, Any], started_ns: int) -> LLMCall | None:
    """A recorded call as pricing looks at it, from its columns in the store and the attributes of its span that they do not
    hold; None for an operation that this version does not know.
    """
    if columns["operation"] not in OPERATIONS:
        return None
    counted = {count: attributes.get(name) for name, count in names.FURTHER_COUNTS}
    further: dict[str, Any] = {count: value for count, value in counted.items() if isinstance(value, int | float)}
    tier = attributes.get(names.SERVICE_TIER)
    usage = Usage(
        input_tokens=columns["input_tokens"],
        output_tokens=columns["output_tokens"],
        cache_read_tokens=columns["cache_read_tokens"],
        cache_write_tokens=columns["cache_write_tokens"],
        reasoning_tokens=columns["reasoning_tokens"],
        **further,
    )
    hit = CacheStatus.HIT if columns["cache_hit"] else None
    return LLMCall(
        GATEWAY if columns["gateway"] == GATEWAY else "",
        columns["gateway"],
        Operation(columns["operation"]),
        columns["provider"] or "",
        columns["model"],
        started_ns=started_ns,
        response_model=columns["response_model"],
        usage=usage,
        service_tier=tier if isinstance(tier, str) else None,
        facts=GatewayFacts(cache_status=hit, provider=columns["target_provider"]),
    )


def price_now(pricing: Pricing, call: LLMCall, source: str | None) -> Cost | None:
    """What the call costs by the rules of now; None where what was recorded (from `source`) is to stay.

    What was said by LiteLLM's calculator, or by a price of the user's own, stays unless one of the user's own says otherwise:
    which list that program's LiteLLM had, and which prices it was handed in code, is not known here. Unpriced calls with
    LiteLLM are priced by its list on disk.
    """
    cost = pricing.price(call, _by_litellms_list)
    if cost is None or (cost.saved_usd if call.facts.is_cache_hit else cost.usd) is None:
        return None
    is_theirs = source == CostSource.OVERRIDE or (source == CostSource.PRICE_TABLE and call.gateway == GATEWAY)
    return None if is_theirs and cost.source is not CostSource.OVERRIDE else cost


def _by_litellms_list(call: LLMCall) -> Decimal | None:
    """For calls with LiteLLM, by the model that answered, else the one asked for."""
    if call.gateway != GATEWAY:
        return None
    models = (model for model in (call.response_model, call.model) if model)
    tariff = next((found for model in models if (found := litellm_tariff(call.provider, model)) is not None), None)
    return None if tariff is None else tariff.price(call.usage)
