"""What the installed packages, or a file that is given, say that models cost: what a price list is updated from.

Rates of genai-prices with its own dates; of LiteLLM's list on disk the models that genai-prices does not know. LiteLLM is not
imported, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastagentic.core.errors import ConfigError

from . import LOCAL
from .entries import AMOUNT, read_entries
from .history import BEGINNING, END, Stretch, joined
from .litellm_list import KEYS, is_of_litellm, listed, sold_by, tariff_of
from .loading import price_data
from .overrides import WILD
from .price_file import read_given
from .price_list import FILE, LITELLM, TABLE, USUAL
from .spellings import table_id
from .table import TIERS, Found, changes_by_the_minute, constraints_of, find, read_tariff

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from .history import History
    from .price_list import Models, PriceList

_FAR_NS: Final = 86_400 * 10**9
PACKAGES: Final = {TABLE: "genai-prices", LITELLM: "litellm"}


@dataclass(slots=True, frozen=True)
class Offer:
    """The prices of one source as they are now. `version` is None where the package is not installed."""

    section: str
    source: str
    version: str | None
    models: Models

    @property
    def told(self) -> str:
        """The source with its version, as a list keeps it."""
        return self.source if self.version is None or self.section == FILE else f"{self.source} {self.version}"


def of_packages() -> list[Offer]:
    """What the installed packages say."""
    return [
        Offer(TABLE, PACKAGES[TABLE], _version(PACKAGES[TABLE]), _of_the_table()),
        Offer(LITELLM, PACKAGES[LITELLM], _version(PACKAGES[LITELLM]), _of_litellm(listed(), others_only=True)),
    ]


class Newer(NamedTuple):
    """A package that is installed in another release than the price list has the prices of."""

    listed: str
    installed: str


def newer_than(prices: PriceList | None) -> list[Newer]:
    """The packages that an update would take other prices from, as far as releases tell."""
    found = []
    for section, package in PACKAGES.items():
        version = _version(package)
        kept = prices.sections.get(section) if prices is not None else None
        if kept is not None and version is not None and kept.version != f"{package} {version}":
            found.append(Newer(kept.version, f"{package} {version}"))
    return found


def of_file(path: str | os.PathLike[str]) -> Offer:
    """What a file says: prices as `FASTAGENTIC_PRICES` takes them, or a list in LiteLLM's form.

    Raises: ConfigError that names the file, the field, its value and what is accepted.
    """
    given, source = read_given(path, "FILE")
    models = _of_litellm(_checked(given, source), others_only=False) if is_of_litellm(given) else _of_entries(given, source)
    if not models:
        raise ConfigError.of(source, dict(given), "prices of at least one model", source="FILE")
    return Offer(FILE, Path(source).name, Path(source).name, models)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


# --- genai-prices ---------------------------------------------------------------------------------


def _of_the_table() -> Models:
    """Every model whose rates change by the day at most. Those that go by the time of day stay with genai-prices."""
    models: Models = {}
    for provider in price_data().get_snapshot().providers:
        for model in provider.models:
            found = Found(provider.id, model, True)
            tiers = {tier: history for tier in (USUAL, *TIERS) if (history := _history(found, tier))}
            if tiers:
                models.setdefault(f"{provider.id}/{model.id}".lower(), tiers)
    return models


def _history(found: Found, tier: str) -> History:
    if changes_by_the_minute(found.model, tier or None):
        return ()
    days = {one.start_date for one in constraints_of(found.model, tier or None)}
    starts = sorted(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 10**9 for day in days)
    edges = [BEGINNING, *starts, END]
    stretches = []
    for starts_ns, ends_ns in pairwise(edges):
        at_ns = starts_ns if starts_ns != BEGINNING else 0 if ends_ns == END else ends_ns - _FAR_NS
        tariff = read_tariff(found, tier or None, at_ns)
        if tariff is not None:
            stretches.append(Stretch.of(tariff, starts_ns, ends_ns))
    return joined(stretches)


# --- LiteLLM's list -------------------------------------------------------------------------------


def _of_litellm(prices: Mapping[str, Any], *, others_only: bool) -> Models:
    """A list of LiteLLM's; with `others_only` what genai-prices does not know. 0 is unknown there, but where nobody is paid."""
    models: Models = {}
    for name, entry in prices.items():
        seller = sold_by(entry)
        if name == "sample_spec" or seller is None or (others_only and find(seller, name) is not None):
            continue
        tariff = tariff_of(name, entry)
        if tariff is None or not (seller in LOCAL or any(rate for band in tariff.bands for rate in band.quoted.values())):
            continue
        models.setdefault(_key(seller, name), {USUAL: (Stretch.of(tariff),)})
    return models


def _key(seller: str, name: str) -> str:
    first, slash, rest = name.partition("/")
    owner = table_id(seller) or seller
    return f"{owner}/{rest if slash and table_id(first) == owner else name}".lower()


def _checked(prices: Mapping[str, Any], source: str) -> Mapping[str, Any]:
    for name, entry in prices.items():
        if not isinstance(entry, Mapping):
            raise ConfigError.of(f"prices[{name!r}]", entry, "an object, as LiteLLM's list has them", source=source)
        for key in KEYS:
            value = entry.get(key)
            is_amount = isinstance(value, int | Decimal) and not isinstance(value, bool) and value >= 0
            if value is not None and not is_amount and name != "sample_spec":
                raise ConfigError.of(f"prices[{name!r}][{key!r}]", value, AMOUNT, source=source)
    return prices


# --- prices in the form of the user's own ---------------------------------------------------------


def _of_entries(given: Mapping[str, object], source: str) -> Models:
    return {key: {USUAL: tuple(_stretches(key, entries, source))} for key, entries in read_entries(given, source).items()}


def _stretches(key: str, entries: Any, source: str) -> Iterator[Stretch]:
    if WILD & set(key):
        raise ConfigError.of("a key of prices", key, "a model's name or provider/model; patterns go into FASTAGENTIC_PRICES",
                             source=source)  # fmt: skip
    for entry in entries:
        if entry.tariff is None:
            raise ConfigError.of(f"prices[{key!r}]['discount']", str(entry.discount), "prices; discounts go into "
                                 "FASTAGENTIC_PRICES", source=source)  # fmt: skip
        starts_ns = BEGINNING if entry.starts_ns is None else entry.starts_ns
        yield Stretch.of(entry.tariff, starts_ns, END if entry.ends_ns is None else entry.ends_ns)
