"""Which of the user's entries names a call: exact before pattern, and the model that answered before the one asked for."""

from __future__ import annotations

import fnmatch
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from .entries import read_entries
from .spellings import spellings, table_id, undated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastagentic.core.call import LLMCall

    from .entries import Entry

KEEP: Final = 1_000  # models
WILD: Final = frozenset("*?[")


class Matches(NamedTuple):
    """The entries that name a model, best first: those with rates, and those with a discount."""

    rates: tuple[Entry, ...]
    discounts: tuple[Entry, ...]


class Pattern(NamedTuple):
    """A key with wildcards; one with a slash is also held against `provider/model`."""

    has_slash: bool
    matches: re.Pattern[str]
    entries: tuple[Entry, ...]


class Overrides:
    """The user's prices and discounts, asked by call."""

    def __init__(self, prices: Mapping[str, object], source: str) -> None:
        entries = read_entries(prices, source)
        self._exact = {key: found for key, found in entries.items() if not WILD & set(key)}
        self._patterns = [
            Pattern("/" in key, re.compile(fnmatch.translate(key)), found)
            for key, found in sorted(entries.items(), key=lambda item: -len(item[0]))
            if WILD & set(key)
        ]
        self._matches: dict[tuple[str | None, ...], Matches] = {}

    def matches(self, call: LLMCall) -> Matches:
        """What the user says about this call, whatever the date."""
        key = (call.provider, call.facts.provider, call.response_model, call.model)
        found = self._matches.get(key)
        if found is None:
            if len(self._matches) >= KEEP:
                self._matches.clear()
            found = self._matches[key] = self._find(call)
        return found

    def names(self) -> list[str]:
        """All keys without wildcards."""
        return list(self._exact)

    def _find(self, call: LLMCall) -> Matches:
        providers = _providers(call)
        named = [
            entry
            for model in dict.fromkeys((call.response_model, call.model))
            if model
            for entry in self._naming(providers, _models(call.provider, model))
        ]
        found = list({id(entry): entry for entry in named}.values())
        return Matches(
            tuple(entry for entry in found if entry.tariff is not None),
            tuple(entry for entry in found if entry.discount is not None),
        )

    def _naming(self, providers: list[str], models: list[str]) -> Iterator[Entry]:
        """Exact provider/model, exact model, then patterns, the longest first."""
        full = [f"{provider}/{model}" for model in models for provider in providers]
        for name in (*full, *models):
            yield from self._exact.get(name, ())
        for pattern in self._patterns:
            if any(pattern.matches.match(name) for name in (*models, *(full if pattern.has_slash else ()))):
                yield from pattern.entries


def _providers(call: LLMCall) -> list[str]:
    """The names a user may call the provider by: the conventions', the gateway's own, the price table's."""
    names = (call.provider, (call.facts.provider or "").removeprefix("@"), table_id(call.provider))
    return list(dict.fromkeys(name.lower() for name in names if name))


def _models(provider: str, model: str) -> list[str]:
    """The names a user may call the model by: as it stands, without prefixes, without the date of a snapshot."""
    names = [name.lower() for name in spellings(provider, model)]
    return list(dict.fromkeys([*names, *map(undated, names)]))
