"""What a call cost, in USD: which source wins, and what a cache hit saved. Unknown stays unknown, never 0.

The order: the user's override, what the gateway stated for this call, the client's own calculator, the price table. The
price table (genai-prices) loads when it is first needed.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core.call import Cost
from fastagentic.core.names import CostSource

from .overrides import read_overrides
from .table import PriceTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastagentic.core.call import LLMCall

    from .overrides import Override

ZERO: Final = Decimal(0)


class Priced(NamedTuple):
    """A price by one rule."""

    usd: Decimal
    source: CostSource
    rule: str


class Pricing:
    """The prices in force for one instrumentation: the user's overrides over everybody else's."""

    def __init__(self, overrides: Mapping[str, object] | None = None) -> None:
        self._overrides: dict[str, Override] = read_overrides(overrides or {})
        self._table = PriceTable()

    def warm_up(self) -> None:
        """Load the price table on a thread, while the first call that will need it is on the wire."""
        self._table.warm_up()

    def price(self, call: LLMCall, calculator: Callable[[LLMCall], Decimal | None]) -> Cost | None:
        """What the call cost, or None when there is nothing to price: it failed before any usage was known.

        `calculator` is the client's own. Priced by the model that answered. A cache hit costs 0 and saves what it
        would have cost. `Cost.usd` is None when no rule knows the model.
        """
        if call.usage.input_tokens is None and call.usage.output_tokens is None and call.error_type is not None:
            return None
        if call.facts.is_cache_hit:
            full = self._override(call) or self._calculated(call, calculator)
            return Cost(ZERO, CostSource.GATEWAY, None if full is None else full.usd, "answered by the gateway's cache")
        priced = self._override(call) or _stated(call) or self._calculated(call, calculator)
        if priced is None:
            return Cost(None, CostSource.UNKNOWN)
        return Cost(priced.usd, priced.source, None, priced.rule)

    def _override(self, call: LLMCall) -> Priced | None:
        if not self._overrides:
            return None
        for model in (call.response_model, call.model):
            for key in (f"{call.provider}/{model}", model):
                override = self._overrides.get(key or "")
                if override is not None:
                    return Priced(override.price(call.usage), CostSource.OVERRIDE, f"override for {key}")
        return None

    def _calculated(self, call: LLMCall, calculator: Callable[[LLMCall], Decimal | None]) -> Priced | None:
        usd = calculator(call)
        if usd is not None:
            return Priced(usd, CostSource.PRICE_TABLE, f"{call.client}'s calculator")
        return self._tabled(call)

    def _tabled(self, call: LLMCall) -> Priced | None:
        if call.usage.input_tokens is None:
            return None
        for model in (call.response_model, call.model):
            found = self._table.price(call.provider, model, call.usage) if model else None
            if found is not None:
                return Priced(found[0], CostSource.PRICE_TABLE, found[1])
        return None


def _stated(call: LLMCall) -> Priced | None:
    stated = call.facts.cost_usd
    if stated is None or not math.isfinite(stated) or stated < 0:
        return None
    return Priced(Decimal(repr(stated)), CostSource.GATEWAY, f"stated by {call.gateway}")
