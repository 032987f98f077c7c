"""LiteLLM's price list as it lies on disk beside it, for people who ask what a model costs. LiteLLM itself is not imported.

A program's own LiteLLM fetches a newer list when it is imported, unless `LITELLM_LOCAL_MODEL_COST_MAP` is set, and prices
with that: calls are never priced from here.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .rates import MILLION, UNITS, Band, Rates, Tariff
from .spellings import PROVIDERS, spellings, table_id

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = "model_prices_and_context_window_backup.json"

# LiteLLM's key -> our rate. Theirs are per token, per character, per piece.
KEYS: Final = {
    "input_cost_per_token": "input",
    "output_cost_per_token": "output",
    "cache_read_input_token_cost": "cache_read",
    "cache_creation_input_token_cost": "cache_write",
    "cache_creation_input_token_cost_above_1hr": "cache_write_1h",
    "input_cost_per_audio_token": "input_audio",
    "output_cost_per_audio_token": "output_audio",
    "input_cost_per_image_token": "input_image",
    "output_cost_per_image_token": "output_image",
    "output_cost_per_reasoning_token": "reasoning",
    "output_cost_per_image": "image",
    "input_cost_per_second": "audio_second",
    "input_cost_per_character": "character",
    "input_cost_per_request": "request",
    "input_cost_per_query": "request",
}
_ABOVE: Final = re.compile(r"(?P<key>\w+)_above_(?P<thousands>\d+)k_tokens")


@lru_cache(maxsize=1_000)  # a store has a million calls, of few models
def litellm_tariff(provider: str, model: str) -> Tariff | None:
    """What LiteLLM's list says about a model; None when it does not know it, or is not installed."""
    prices = listed()
    for name in _names(provider, model):
        entry = prices.get(name)
        if entry is not None and _is_sold_by(entry, provider, name):
            return tariff_of(name, entry)
    return None


def tariff_of(name: str, entry: Mapping[str, Any]) -> Tariff | None:
    """The rates of an entry; None where it has none that we know of."""
    bands = tuple(_bands(entry))
    return Tariff(bands, f"LiteLLM's list, {name}") if any(band.quoted for band in bands) else None


def sold_by(entry: Mapping[str, Any]) -> str | None:
    """The provider that an entry names."""
    seller = entry.get("litellm_provider")
    return None if seller is None else _provider(str(seller))


def is_of_litellm(prices: Mapping[str, Any]) -> bool:
    """Whether these are entries of LiteLLM's, not prices in the form of the user's own."""
    return any(isinstance(entry, Mapping) and ("litellm_provider" in entry or not KEYS.keys().isdisjoint(entry))
               for entry in prices.values())  # fmt: skip


def litellm_names() -> set[str]:
    """Every name on the list."""
    return set(listed()) - {"sample_spec"}


def litellm_seller(model: str) -> str | None:
    """The provider that LiteLLM's list names for exactly this model."""
    return sold_by(listed().get(model) or {})


@lru_cache(maxsize=1)
def listed() -> Mapping[str, Any]:
    """The list as it lies on disk; empty where LiteLLM is not installed."""
    found = importlib.util.find_spec("litellm")
    places = (found.submodule_search_locations if found is not None else None) or ()
    path = next((path for place in places if (path := Path(place) / FILE).is_file()), None)
    listed: Mapping[str, Any] = {} if path is None else json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    return listed


def _names(provider: str, model: str) -> Iterator[str]:
    """The names by which LiteLLM may know the model: with the provider before it, then without."""
    owner = table_id(provider)
    sellers = dict.fromkeys([provider, *(name for name, known in PROVIDERS.items() if known == owner), owner])
    for spelling in spellings(provider, model):
        yield from (f"{seller}/{spelling}" for seller in sellers if seller is not None)
        yield spelling


def _is_sold_by(entry: Mapping[str, Any], provider: str, name: str) -> bool:
    owner = table_id(provider)
    seller = _provider(str(entry.get("litellm_provider", "")))
    return owner is None or table_id(seller) == owner or name.startswith(f"{provider}/")


def _provider(seller: str) -> str:
    return "vertex_ai" if seller.startswith("vertex_ai-") else seller


def _bands(entry: Mapping[str, Any]) -> Iterator[Band]:
    base = {name: _quoted(name, entry[key]) for key, name in KEYS.items() if _is_rate(entry.get(key))}
    above: dict[int, dict[str, Decimal]] = {}
    for key, value in entry.items():
        found = _ABOVE.fullmatch(key)
        if found is not None and found["key"] in KEYS and _is_rate(value):
            name = KEYS[found["key"]]
            above.setdefault(int(found["thousands"]) * 1000, {})[name] = _quoted(name, value)
    for start in sorted(above, reverse=True):
        quoted = {**base, **above[start]}
        yield Band(start, Rates.of(quoted), quoted)
    yield Band(-1, Rates.of(base), base)


def _is_rate(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _quoted(name: str, each: int | Decimal) -> Decimal:
    return Decimal(each) * (MILLION if UNITS[name].startswith("million") else 1)
