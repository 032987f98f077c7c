"""The price list of this user on this machine: what models cost when, from the packages and files that it was updated from.

The price table asks it before genai-prices. `list_file.py` reads and writes it; nothing does so by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from .entries import said
from .history import BEGINNING, END, bounds, in_force
from .spellings import spellings, table_id, undated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .history import History, Stretch

FILE, TABLE, LITELLM = "file", "genai-prices", "litellm"
SECTIONS: Final = (FILE, TABLE, LITELLM)
"""Whose prices they are, best first."""
USUAL: Final = ""
"""The tier of calls that name none."""
Models = dict[str, dict[str, "History"]]
"""What models cost: by provider/model, or a model's name alone, then by tier."""


class Asked(NamedTuple):
    """The rates of a time, by which rule, and from when until when that answer holds. `stretch` is None for none."""

    stretch: Stretch | None
    rule: str
    starts_ns: int
    ends_ns: int


@dataclass(slots=True)
class Section:
    """The prices of one source, the release or file that they were last updated from, and when that was (YYYY-MM-DD)."""

    version: str
    updated: str
    models: Models = field(default_factory=dict)


@dataclass(slots=True)
class PriceList:
    """All of it. `replaced` says whether there was one before, to which an undo goes back."""

    sections: dict[str, Section] = field(default_factory=dict)
    replaced: bool = False

    def ask(self, names: Mapping[str, tuple[str, ...]], tier: str, at_ns: int) -> Asked:
        """The rates of a model by the first section that knows them. `names` are what each section may call it."""
        starts_ns, ends_ns = BEGINNING, END
        for name, section in self.ordered():
            for key in names.get(name, ()):
                history = section.models.get(key, {}).get(tier)
                if history is None:
                    continue
                begins_ns, over_ns = bounds(history, at_ns)
                starts_ns, ends_ns = max(starts_ns, begins_ns), min(ends_ns, over_ns)
                if (found := in_force(history, at_ns)) is not None:
                    since = f" from {said(found.starts_ns)}" if found.starts_ns != BEGINNING else ""
                    tiered = f", {tier} tier" if tier else ""
                    rule = f"price list of {section.updated} ({section.version}), {key}{tiered}{since}"
                    return Asked(found, rule, starts_ns, ends_ns)
        return Asked(None, "", starts_ns, ends_ns)

    @property
    def versions(self) -> dict[str, str]:
        """The release or file that each section is of."""
        return {name: section.version for name, section in self.sections.items()}

    def ordered(self) -> Iterator[tuple[str, Section]]:
        """The sections, best first."""
        return ((name, self.sections[name]) for name in SECTIONS if name in self.sections)


def names_of(provider: str, model: str) -> dict[str, tuple[str, ...]]:
    """The keys under which each section may have a model, best first. A file may leave out the provider, and the date of a
    snapshot; what packages list are models as they are.
    """
    owner = table_id(provider)
    sellers = [one.lower() for one in dict.fromkeys((provider, owner)) if one]
    exact = list(dict.fromkeys(spelling.lower() for spelling in spellings(provider, model)))
    sold = tuple(f"{seller}/{name}" for name in exact for seller in sellers)
    loose = list(dict.fromkeys([*exact, *map(undated, exact)]))
    return {FILE: (*(f"{seller}/{name}" for name in loose for seller in sellers), *loose), TABLE: sold, LITELLM: sold}
