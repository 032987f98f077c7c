"""What one model cost when: rates one behind the other, each for a stretch of time. Pure; `price_list.py` keeps them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from .rates import Band, Rates, Tariff

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

BEGINNING: Final = -(2**63)
END: Final = 2**63 - 1


@dataclass(slots=True, frozen=True)
class Stretch:
    """Rates as they are quoted (`UNITS`), from a time until another (nanoseconds since the epoch; `BEGINNING`, `END`: without).

    `bands` are by the number of input tokens above which they hold, -1 for every size.
    """

    bands: Mapping[int, Mapping[str, Decimal]]
    starts_ns: int = BEGINNING
    ends_ns: int = END
    lacks: tuple[str, ...] = ()
    """Counts that are charged at rates which are not known."""

    def is_like(self, other: Stretch | None) -> bool:
        """Whether the rates are the same, whatever the time."""
        return other is not None and self.lacks == other.lacks and dict(self.bands) == dict(other.bands)

    def tariff(self, rule: str) -> Tariff:
        """The rates as calls are priced by them."""
        bands = [Band(above, Rates.of(self.bands[above]), self.bands[above]) for above in sorted(self.bands, reverse=True)]
        return Tariff(tuple(bands), rule, self.lacks)

    @classmethod
    def of(cls, tariff: Tariff, starts_ns: int = BEGINNING, ends_ns: int = END) -> Stretch:
        """From rates by which calls are priced."""
        return cls({band.above: dict(band.quoted) for band in tariff.bands}, starts_ns, ends_ns, tariff.lacks)


History = tuple[Stretch, ...]
"""Earliest first; no two hold at one time."""


def in_force(history: Sequence[Stretch], at_ns: int) -> Stretch | None:
    """The rates of a time."""
    return next((one for one in history if one.starts_ns <= at_ns < one.ends_ns), None)


def bounds(history: Sequence[Stretch], at_ns: int) -> tuple[int, int]:
    """From when until when nothing changes around a time, whether there are rates or a gap."""
    edges = [edge for one in history for edge in (one.starts_ns, one.ends_ns)]
    before = max((edge for edge in edges if edge <= at_ns), default=BEGINNING)
    return before, min((edge for edge in edges if edge > at_ns), default=END)


def merged(kept: History, offered: History, now_ns: int, from_ns: int | None = None) -> History:
    """What was kept, as what is offered now goes on with it. What was in force before stays: calls were priced by that.

    Rates that are others by now begin when what is offered says so, where that is later than the rates that they follow; else
    at `from_ns`, else now. What is not offered any more stays as it was.
    """
    if not kept:
        return offered
    new, old = in_force(offered, now_ns), in_force(kept, now_ns)
    cut_ns = now_ns
    if new is None:
        cut_ns = min((one.starts_ns for one in offered if one.starts_ns > now_ns), default=END)
    elif not new.is_like(old):
        follows_ns = BEGINNING if old is None else old.starts_ns
        cut_ns = new.starts_ns if new.starts_ns > follows_ns else now_ns if from_ns is None else from_ns
    return joined([*_clipped(kept, BEGINNING, cut_ns), *_clipped(offered, cut_ns, END)])


def _clipped(history: History, starts_ns: int, ends_ns: int) -> Iterator[Stretch]:
    for one in history:
        part = replace(one, starts_ns=max(one.starts_ns, starts_ns), ends_ns=min(one.ends_ns, ends_ns))
        if part.starts_ns < part.ends_ns:
            yield part


def joined(stretches: Sequence[Stretch]) -> History:
    """Neighbours with the same rates as one."""
    found: list[Stretch] = []
    for one in stretches:
        if found and found[-1].ends_ns == one.starts_ns and found[-1].is_like(one):
            found[-1] = replace(found[-1], ends_ns=one.ends_ns)
        else:
            found.append(one)
    return tuple(found)
