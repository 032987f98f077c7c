"""The price table: the price list of this user where there is one, then genai-prices, loaded when the first call needs them.

Its own calculation takes 70 us a call, most of it finding out which prices apply. Its rates are therefore read once a model
(and day, where they change with the date) and kept; what they come to is held against the library's own answer by a test.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastagentic.core.guard import never_break

from .history import BEGINNING, END
from .loading import price_data
from .rates import Band, Rates, Tariff
from .spellings import spellings, table_id

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .price_list import PriceList

LOAD: Final = never_break("load the price table")
READ_LIST: Final = never_break("read the price list")
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
    """Rates, and from when until when they hold."""

    starts_ns: int
    ends_ns: int
    tariff: Tariff | None


class PriceTable:
    """Prices by provider and model at the time of the call: as the list at `list_path` has them, then as genai-prices does."""

    def __init__(self, list_path: Path | None = None) -> None:
        self._is_warming = False
        self._kept: dict[tuple[str, str, str | None], Kept] = {}
        self._list_path = list_path
        self._list: PriceList | None = None
        self._is_read = list_path is None

    def warm_up(self) -> None:
        """Import the table on a thread of its own; once."""
        if not self._is_warming:
            self._is_warming = True
            threading.Thread(target=self._load, name="fastagentic-prices", daemon=True).start()

    def tariff(self, provider: str, model: str, tier: str | None, at_ns: int) -> Tariff | None:
        """The rates of a model at a time (nanoseconds since the epoch), or None when the table does not know it."""
        key = (provider, model, tier)
        kept = self._kept.get(key)
        if kept is None or not kept.starts_ns <= at_ns < kept.ends_ns:
            if len(self._kept) >= KEEP:
                self._kept.clear()
            kept = self._kept[key] = self._find(provider, model, tier, at_ns)
        return kept.tariff

    @property
    def listed(self) -> PriceList | None:
        """The price list, read when it is first needed; None where there is none that can be read."""
        self._read_once()
        return self._list

    def read_list(self) -> None:
        """Read the price list now. Raises: ConfigError that says what is wrong with it."""
        try:
            if self._list_path is not None and os.path.exists(self._list_path):  # no error where it may not be looked at
                from .list_file import read_list  # with the parser of dates: most have no list

                self._list = read_list(self._list_path)
        finally:
            self._is_read = True  # one that cannot be read is none, and is not tried again at each call

    def _load(self) -> None:
        with LOAD:
            price_data()
        self._read_once()

    def _read_once(self) -> None:
        """Two threads may both read it: none goes on without it, and none waits for one that a fork left behind."""
        if not self._is_read:
            with READ_LIST:
                self.read_list()

    def _find(self, provider: str, model: str, tier: str | None, at_ns: int) -> Kept:
        prices, found = self.listed, find(provider, model)
        if prices is None:
            return _read(found, tier, at_ns)
        from .price_list import LITELLM, TABLE, names_of

        names = names_of(provider, model)
        if found is not None:
            names[TABLE], names[LITELLM] = (listed_key(found),), ()
        known = found is None or found.is_own or not is_tier(tier)
        asked = prices.ask(names, tier.lower() if tier is not None and is_tier(tier) else "", at_ns) if known else None
        if asked is not None and asked.stretch is not None:
            return Kept(asked.starts_ns, asked.ends_ns, asked.stretch.tariff(asked.rule))
        kept = _read(found, tier, at_ns)
        return kept if asked is None else Kept(max(kept[0], asked.starts_ns), min(kept[1], asked.ends_ns), kept.tariff)


def _read(found: Found | None, tier: str | None, at_ns: int) -> Kept:
    if found is None:
        return Kept(BEGINNING, END, None)
    slot_ns = _slot_ns(found.model, tier)
    tariff = read_tariff(found, tier, at_ns)
    start_ns = at_ns - at_ns % slot_ns if slot_ns else BEGINNING
    return Kept(start_ns, start_ns + slot_ns if slot_ns else END, tariff)


def listed_key(found: Found) -> str:
    """Under which key a price list has a model: that of whoever lists it, where a provider borrows another's price."""
    sellers = price_data().get_snapshot().providers if not found.is_own else ()
    owner = next((one.id for one in sellers if any(model is found.model for model in one.models)), found.provider)
    return f"{owner}/{found.model.id}".lower()


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


def constraints_of(model: Any, tier: str | None) -> list[Any]:
    """The days and times of day at which rates of a model change."""
    dated = model.prices if isinstance(model.prices, list) else []
    variants = (model.price_variants or []) if _context(tier) is not None else []
    return [one.constraint for one in (*dated, *variants) if one.constraint is not None]


def changes_by_the_minute(model: Any, tier: str | None) -> bool:
    """Whether rates go by the time of day."""
    return any(hasattr(constraint, "start_time") for constraint in constraints_of(model, tier))


def _slot_ns(model: Any, tier: str | None) -> int:
    """How long prices hold: for ever, a day where they change by date, a minute where by time of day."""
    return MINUTE_NS if changes_by_the_minute(model, tier) else DAY_NS if constraints_of(model, tier) else 0


def model_ids(provider_id: str | None = None) -> set[str]:
    """The ids of all models, or of one provider's, for people who mistype one."""
    sellers = [one for one in price_data().get_snapshot().providers if provider_id in {None, one.id}]
    return {model.id for one in sellers for model in one.models}


def sellers_of(model: str) -> list[str]:
    """The providers that sell a model under exactly this id."""
    return [one.id for one in price_data().get_snapshot().providers if any(sold.id == model for sold in one.models)]
