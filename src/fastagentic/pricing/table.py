"""The price table: genai-prices, loaded when the first call needs it.

Its own calculation takes 70 us a call, most of it finding out which prices apply. Where a price is linear in the tokens, the
rates behind it are measured once and kept; tiered prices, and tokens of other kinds, go through the library every time.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.guard import never_break

from .rates import measure

if TYPE_CHECKING:
    from decimal import Decimal

    from fastagentic.core.call import Usage

    from .rates import Rates

LOAD: Final = never_break("load the price table")
KEEP: Final = 1_000  # models

# gen_ai.provider.name -> genai-prices' id of the provider; a name that is not here is the same in both.
PROVIDERS: Final = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "x_ai": "x-ai",
}
NO_PROVIDER: Final = frozenset({"portkey", "litellm"})  # the gateway did not say whose model it was


class PriceTable:
    """Prices by provider and model, as genai-prices knows them at the time of the call."""

    def __init__(self) -> None:
        self._is_warming = False
        self._models: dict[tuple[str, str], Any] = {}
        self._rates: dict[int, tuple[Any, Rates | None]] = {}

    def warm_up(self) -> None:
        """Import the table on a thread of its own; once."""
        if not self._is_warming:
            self._is_warming = True
            threading.Thread(target=_load, name="fastagentic-prices", daemon=True).start()

    def price(self, provider: str, model: str, usage: Usage) -> tuple[Decimal, str] | None:
        """USD and the rule for this usage, or None when the table does not know the model."""
        known = self._model(provider, model)
        if known is None:
            return None
        prices = known.prices
        if isinstance(prices, list):  # by date or time of day
            prices = known.get_prices(datetime.now(UTC))
        rates = self._rates_of(prices)
        if rates is not None and not (usage.input_audio_tokens or usage.output_audio_tokens):
            usd = rates.price(usage)
        else:
            usd = _by_library(prices, usage)
        return usd, f"genai-prices, model {known.id}"

    def _model(self, provider: str, model: str) -> Any | None:
        key = (provider, model)
        if key not in self._models:
            if len(self._models) >= KEEP:
                self._models.clear()
            self._models[key] = _find(provider, model)
        return self._models[key]

    def _rates_of(self, prices: Any) -> Rates | None:
        kept = self._rates.get(id(prices))
        if kept is None:
            if len(self._rates) >= KEEP:
                self._rates.clear()
            kept = self._rates[id(prices)] = (
                prices,
                measure(lambda usage: _by_library(prices, usage)),
            )  # held, so that the id stays its own
        return kept[1]


def _load() -> None:
    with LOAD:
        import genai_prices.data_snapshot  # noqa: F401  # 340 ms


def _find(provider: str, model: str) -> Any | None:
    from genai_prices.data_snapshot import get_snapshot  # not at import of ours, which every script pays for

    provider_id = None if provider in NO_PROVIDER else PROVIDERS.get(provider, provider)
    try:
        return get_snapshot().find_provider_model(model, None, provider_id, None)[1]
    except LookupError:
        return None


def _by_library(prices: Any, usage: Usage) -> Decimal:
    from genai_prices import Usage as TableUsage

    counts = {
        "input_tokens": usage.input_tokens or 0,
        "output_tokens": usage.output_tokens or 0,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "input_audio_tokens": usage.input_audio_tokens,
        "output_audio_tokens": usage.output_audio_tokens,
    }
    total: Decimal = prices.calc_price(TableUsage(**{name: n for name, n in counts.items() if n is not None}))["total_price"]
    return total
