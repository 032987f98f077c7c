"""What a call cost, in USD: which source wins, and what a cache hit saved. Unknown stays unknown, never 0.

The order: the user's override, what the gateway stated for this call, the client's own calculator, the price table. The
price table (genai-prices) loads when it is first needed; the user's file is read once, when `Pricing` is made.
"""

from __future__ import annotations

import math
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core.call import Cost
from fastagentic.core.names import CostSource, Operation

from .table import PriceTable, is_tier

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from fastagentic.core.call import LLMCall

    from .overrides import Overrides

ZERO: Final = Decimal(0)
LIST_NAME: Final = "prices.json"
"""The price list, in the directory of the local store."""
LITELLM: Final = "litellm"
"""As a client it states its own calculation, at list prices, in this process; as a proxy it states a bill."""
PROXY: Final = "litellm_proxy"
LOCAL: Final = frozenset({"ollama", "ollama_chat"})
"""Providers that LiteLLM prices at 0 because nobody is paid."""
ASKED_LESS: Final = ("web_searches",)
"""Counts that a client's calculator is not told."""
TOLD_TIERS: Final = frozenset({"flex", "priority"})
"""Service tiers that it is told; where it has no rates for one, it answers None."""


class Priced(NamedTuple):
    """A price by one rule."""

    usd: Decimal
    source: CostSource
    rule: str


class Pricing:
    """The prices in force for one instrumentation: the user's overrides over everybody else's.

    `prices` are the user's: a mapping, or the path of a TOML or JSON file; `source` says where they were given. `list_path` is
    where `fastagentic prices update` writes its list, which may not be there.

    Raises: ConfigError that names the file, the key, the value and what is accepted.
    """

    def __init__(
        self,
        prices: Mapping[str, object] | str | os.PathLike[str] | None = None,
        *,
        source: str = "argument of instrument()",
        list_path: Path | None = None,
    ) -> None:
        self.overrides = None if prices is None else _overrides(prices, source)
        self.table = PriceTable(list_path)

    def warm_up(self) -> None:
        """Load the price table on a thread, while the first call that will need it is on the wire."""
        self.table.warm_up()

    def price(self, call: LLMCall, calculator: Callable[[LLMCall], Decimal | None]) -> Cost | None:
        """What the call cost, or None when there is nothing to price: it failed before any usage was known.

        `calculator` is the client's own. Priced by the model that answered, at the prices of the time it was called. A
        cache hit costs 0 and saves what it would have cost. `Cost.usd` is None when no rule knows the model.
        """
        if call.usage.input_tokens is None and call.usage.output_tokens is None and call.error_type is not None:
            return None
        if call.facts.is_cache_hit:
            full = self._override(call) or self._calculated(call, calculator)
            return Cost(ZERO, CostSource.GATEWAY, None if full is None else full.usd, "answered by the gateway's cache")
        priced = None if self.overrides is None else self._override(call)
        if priced is None and call.facts.cost_usd is not None:
            priced = self._stated(call)
        if priced is None:
            priced = self._calculated(call, calculator)
        if priced is None and call.facts.cost_usd == 0 and (_is_billed(call) or call.provider in LOCAL):
            priced = Priced(ZERO, CostSource.GATEWAY, f"stated by {call.gateway}")
        if priced is None:
            return Cost(None, CostSource.UNKNOWN, None, "no rule knows the model, or what it charges by was not counted")
        return Cost(priced.usd, priced.source, None, priced.rule)

    def _override(self, call: LLMCall) -> Priced | None:
        if self.overrides is None:
            return None
        at_ns = _at_ns(call)
        for entry in self.overrides.matches(call).rates:
            if entry.tariff is not None and entry.holds(at_ns) and (usd := entry.tariff.price(call.usage)) is not None:
                return Priced(usd, CostSource.OVERRIDE, entry.tariff.rule)
        return None

    def _stated(self, call: LLMCall) -> Priced | None:
        stated = call.facts.cost_usd
        if stated is None or not math.isfinite(stated) or stated < 0:
            return None
        if _is_doubtful(call, stated):
            return None
        priced = Priced(Decimal(repr(stated)), CostSource.GATEWAY, f"stated by {call.gateway}")
        return priced if _is_billed(call) else self._less(call, priced)

    def _calculated(self, call: LLMCall, calculator: Callable[[LLMCall], Decimal | None]) -> Priced | None:
        """By the client's calculator; by the table where there is none, or where it was not told all that is charged."""
        usd = calculator(call)
        calculated = None if usd is None else Priced(usd, CostSource.PRICE_TABLE, f"{call.client}'s calculator")
        if calculated is not None and not _is_doubtful(call, calculated.usd) and not _was_asked_less(call):
            return self._less(call, calculated)
        priced = self._tabled(call)
        if priced is None and calculated is not None and not _is_untold(call.service_tier) and (usd or call.provider in LOCAL):
            priced = calculated
        return None if priced is None else self._less(call, priced)

    def _tabled(self, call: LLMCall) -> Priced | None:
        for model in (call.response_model, call.model):
            tariff = self.table.tariff(call.provider, model, call.service_tier, _at_ns(call)) if model else None
            if tariff is not None:
                usd = tariff.price(call.usage)
                return None if usd is None else Priced(usd, CostSource.PRICE_TABLE, tariff.rule)
        return None

    def _less(self, call: LLMCall, priced: Priced) -> Priced:
        """The price with the user's discount taken off. What a gateway states is a bill: it has its discounts in it."""
        if self.overrides is None:
            return priced
        at_ns = _at_ns(call)
        for entry in self.overrides.matches(call).discounts:
            if entry.holds(at_ns):
                return Priced(entry.less(priced.usd), priced.source, f"{priced.rule}, {entry.rule}")
        return priced


def pricing_of_settings(home: Path) -> Pricing:
    """The prices that the settings name, over the price list in `home`: as for a program that is started here.

    Raises: ConfigError that names what cannot be used of either.
    """
    from fastagentic.core.config import SETTINGS, setting

    pricing = Pricing(setting("prices"), source=SETTINGS["prices"].env, list_path=home / LIST_NAME)
    pricing.table.read_list()
    return pricing


def _overrides(prices: object, source: str) -> Overrides | None:
    from .overrides import Overrides  # with the parsers of both kinds of files: 12 ms that most scripts need not pay
    from .price_file import read_given

    given, source = read_given(prices, source)
    return Overrides(given, source) if given else None


def _is_billed(call: LLMCall) -> bool:
    """Whether what is stated comes from a gateway that sends a bill, and not from the client's own list of prices."""
    return call.client != LITELLM or call.facts.provider == PROXY


def _is_doubtful(call: LLMCall, usd: float | Decimal) -> bool:
    """LiteLLM says 0 of models that it serves and has no price for (retired ones, Fireworks'): then others are asked."""
    is_charged = call.usage.input_tokens or call.usage.output_tokens or call.operation is Operation.RERANK  # by the search
    return usd == 0 and call.gateway == LITELLM and bool(is_charged)


def _was_asked_less(call: LLMCall) -> bool:
    return _is_untold(call.service_tier) or any(getattr(call.usage, count) for count in ASKED_LESS)


def _is_untold(tier: str | None) -> bool:
    return is_tier(tier) and tier not in TOLD_TIERS


def _at_ns(call: LLMCall) -> int:
    return call.started_ns or time.time_ns()
