"""The price table: genai-prices, loaded when the first call needs it.

Its own calculation takes 70 us a call, most of it finding out which prices apply. Its rates are therefore read once a model
(and day, where they change with the date) and kept; what they come to is held against the library's own answer by a test.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastagentic.core.guard import never_break

from .loading import price_data
from .rates import Band, Rates, Tariff
from .spellings import spellings, table_id

if TYPE_CHECKING:
    from collections.abc import Iterator

LOAD: Final = never_break("load the price table")
KEEP: Final = 1_000  # models
DAY_NS: Final = 86_400 * 10**9
MINUTE_NS: Final = 60 * 10**9

# genai-prices' key -> our rate, and how many of ours one of theirs is. Of its other keys we have no counts.
KEYS: Final = (
    ("input_mtok", "input", 1),
    ("output_mtok", "output", 1),
    ("cache_read_mtok", "cache_read", 1),
    ("cache_write_mtok", "cache_write", 1),
    ("cache_write_1h_mtok", "cache_write_1h", 1),
    ("input_audio_mtok", "input_audio", 1),
    ("input_image_mtok", "input_image", 1),
    ("output_audio_mtok", "output_audio", 1),
    ("output_image_mtok", "output_image", 1),
    ("output_reasoning_mtok", "reasoning", 1),
    ("audio_hours", "audio_second", 3600),
    ("input_audio_hours", "audio_second", 3600),
    ("input_mchars", "character", 1),
    ("web_searches_kcount", "web_search", 1000),
    ("requests_kcount", "request", 1000),
)

# A tier that is charged at rates of its own, and how genai-prices asks for them. Any other word means the usual rates.
TIERS: Final = {
    "batch": {"processing": "batch"},
    "fast": {"service_tier": "fast"},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
}

AUDIO_COUNTS: Final = ("input_audio_tokens", "output_audio_tokens")
# Models that hear and speak at rates which genai-prices 0.2 does not have: it would charge their audio as text.
NO_AUDIO_RATES: Final = frozenset(
    {"gpt-4o-audio-preview", "gpt-4o-mini-audio-preview", "openai/gpt-audio", "openai/gpt-audio-mini"}
)


class Found(NamedTuple):
    """A model of the table under one seller."""

    provider: str
    model: Any
    is_own: bool
    """Whether the provider lists the model itself; where it borrows another's price, its tiers are not known."""


class Kept(NamedTuple):
    """Rates, and the time for which they hold: the `slot`th stretch of `slot_ns`; 0 is for ever."""

    slot_ns: int
    slot: int
    tariff: Tariff | None


class PriceTable:
    """Prices by provider and model, as genai-prices knows them at the time of the call."""

    def __init__(self) -> None:
        self._is_warming = False
        self._kept: dict[tuple[str, str, str | None], Kept] = {}

    def warm_up(self) -> None:
        """Import the table on a thread of its own; once."""
        if not self._is_warming:
            self._is_warming = True
            threading.Thread(target=_load, name="fastagentic-prices", daemon=True).start()

    def tariff(self, provider: str, model: str, tier: str | None, at_ns: int) -> Tariff | None:
        """The rates of a model at a time (nanoseconds since the epoch), or None when the table does not know it."""
        key = (provider, model, tier)
        kept = self._kept.get(key)
        if kept is None or (kept.slot_ns and at_ns // kept.slot_ns != kept.slot):
            if len(self._kept) >= KEEP:
                self._kept.clear()
            kept = self._kept[key] = _read(find(provider, model), tier, at_ns)
        return kept.tariff


def _read(found: Found | None, tier: str | None, at_ns: int) -> Kept:
    if found is None:
        return Kept(0, 0, None)
    slot_ns = _slot_ns(found.model, _context(tier))
    return Kept(slot_ns, at_ns // slot_ns if slot_ns else 0, read_tariff(found, tier, at_ns))


def is_tier(tier: str | None) -> bool:
    """Whether a service tier is charged at rates of its own."""
    return tier is not None and tier.lower() in TIERS


def _context(tier: str | None) -> dict[str, str] | None:
    return TIERS.get(tier.lower()) if tier else None


def read_tariff(found: Found, tier: str | None, at_ns: int) -> Tariff | None:
    """The rates of a model as they are at a time; None for a tier, or by a count, that nobody knows."""
    at = datetime.fromtimestamp(at_ns / 1e9, UTC)
    context = _context(tier)
    if context is not None and not _has_tier(found, context, at):
        return None
    prices = found.model.get_prices(at, context)
    rule = f"genai-prices, {found.provider}/{found.model.id}" + (f", {tier} tier" if context is not None else "")
    bands = tuple(_bands(prices))
    lacks = AUDIO_COUNTS if found.model.id in NO_AUDIO_RATES else ()
    return Tariff(bands, rule, lacks) if any(band.quoted for band in bands) else None


def _has_tier(found: Found, context: dict[str, str], at: datetime) -> bool:
    return found.is_own and any(
        variant.when == context and (variant.constraint is None or variant.constraint.active(at))
        for variant in found.model.price_variants or ()
    )


def _bands(prices: Any) -> Iterator[Band]:
    """One band for each size of prompt at which any rate changes, the longest first."""
    given = [(name, price, each) for key, name, each in KEYS if (price := getattr(prices, key)) is not None]
    starts = {tier.start for _, price, _ in given for tier in getattr(price, "tiers", ())}
    for above in (*sorted(starts, reverse=True), -1):
        quoted = {name: _rate_above(price, above) / each for name, price, each in given}
        yield Band(above, Rates.of(quoted), quoted)


def _rate_above(price: Any, above: int) -> Decimal:
    """Of a price with tiers, the one that holds for prompts just longer than `above`."""
    if isinstance(price, Decimal):
        return price
    reached: list[Decimal] = [tier.price for tier in price.tiers if tier.start <= above]
    return reached[-1] if reached else price.base


def _load() -> None:
    with LOAD:
        price_data()


def find(provider: str, model: str) -> Found | None:
    """The model under any of its spellings."""
    snapshot = price_data().get_snapshot()
    owner_id = table_id(provider) or ("openai" if model.startswith("ft:") else None)
    owner = next((one for one in snapshot.providers if one.id == owner_id), None)
    if owner_id is not None and owner is None:
        return None
    for spelling in spellings(provider, model):
        try:
            seller, found = snapshot.find_provider_model(spelling, owner, None, None)
        except LookupError:
            continue
        return Found(seller.id, found, any(found is listed for listed in seller.models))
    return None


def _slot_ns(model: Any, context: dict[str, str] | None) -> int:
    """How long prices hold: for ever, a day where they change by date, a minute where by time of day."""
    dated = model.prices if isinstance(model.prices, list) else []
    variants = (model.price_variants or []) if context is not None else []
    constraints = [one.constraint for one in (*dated, *variants) if one.constraint is not None]
    if any(hasattr(constraint, "start_time") for constraint in constraints):
        return MINUTE_NS
    return DAY_NS if constraints else 0


def model_ids(provider_id: str | None = None) -> set[str]:
    """The ids of all models, or of one provider's, for people who mistype one."""
    sellers = [one for one in price_data().get_snapshot().providers if provider_id in {None, one.id}]
    return {model.id for one in sellers for model in one.models}


def sellers_of(model: str) -> list[str]:
    """The providers that sell a model under exactly this id."""
    return [one.id for one in price_data().get_snapshot().providers if any(sold.id == model for sold in one.models)]
