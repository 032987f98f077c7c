"""What an update makes of a price list: what is new, what costs something else by now, what is not offered any more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from .history import in_force, merged
from .price_list import FILE, PriceList, Section

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .history import History, Stretch
    from .offered import Offer
    from .price_list import Models


class Kind(StrEnum):
    """What becomes of a model."""

    CHANGED = "changed"
    NEW = "new"
    GONE = "gone"


@dataclass(slots=True, frozen=True)
class Change:
    """A model whose rates an update touches. `before` and `after` are the rates of now and those that follow them.

    What is gone keeps its last rates.
    """

    kind: Kind
    section: str
    model: str
    tier: str
    before: Stretch | None
    after: Stretch | None


def updated(
    before: PriceList | None, offers: Sequence[Offer], now_ns: int, from_ns: int | None = None
) -> tuple[PriceList, list[Change]]:
    """The list after an update, and what changes. Sources that are not installed leave their section as it is.

    `from_ns` is when rates begin that are others by now and bear no date of their own; now unless said.
    """
    sections = dict(before.sections) if before is not None else {}
    changes: list[Change] = []
    today = f"{datetime.fromtimestamp(now_ns // 10**9, UTC):%Y-%m-%d}"
    for offer in offers:
        if offer.version is None:
            continue
        kept = sections[offer.section].models if offer.section in sections else {}
        sections[offer.section] = Section(offer.told, today, _merged(kept, offer.models, now_ns, from_ns))
        changes += _changes(offer.section, kept, sections[offer.section].models, now_ns)
        if offer.section != FILE:  # a file may be about a few models
            changes += _gone(offer, kept, now_ns)
    return PriceList(sections, replaced=False), sorted(changes, key=_importance)


def _merged(kept: Models, offered: Models, now_ns: int, from_ns: int | None) -> Models:
    models = dict(kept)
    for model, tiers in offered.items():
        had = kept.get(model, {})
        models[model] = had | {tier: merged(had.get(tier, ()), history, now_ns, from_ns) for tier, history in tiers.items()}
    return models


def _changes(section: str, kept: Models, models: Models, now_ns: int) -> Iterator[Change]:
    for model, tiers in models.items():
        for tier, history in tiers.items():
            had = kept.get(model, {}).get(tier, ())
            if had == history:
                continue
            kind = Kind.CHANGED if had else Kind.NEW
            yield Change(kind, section, model, tier, in_force(had, now_ns), _after(had, history, now_ns))


def _after(had: History, history: History, now_ns: int) -> Stretch | None:
    """The rates of now; where those stay, the first that will be others."""
    now = in_force(history, now_ns)
    if now is not None and (not now.is_like(in_force(had, now_ns)) or not had):
        return now
    return next((one for one in history if one.starts_ns > now_ns and one not in had), now)


def _gone(offer: Offer, kept: Models, now_ns: int) -> Iterator[Change]:
    for model, tiers in kept.items():
        for tier, history in tiers.items():
            if tier not in offer.models.get(model, {}):
                yield Change(Kind.GONE, offer.section, model, tier, in_force(history, now_ns), in_force(history, now_ns))


def _importance(change: Change) -> tuple[int, str, str]:
    return list(Kind).index(change.kind), change.model, change.tier
