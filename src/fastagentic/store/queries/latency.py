"""How long calls took: quantiles from bins that can be added up, over any group of calls.

A bin covers durations that agree in their first digits, so that a quantile is off by at most `RELATIVE_ERROR`. Bins of
different groups and hours simply add up, which exact quantiles do not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastagentic.store.cubes import LATENCIES

from .sources import binned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .scope import Scope
    from .sql import Reader

    Keys = tuple[str | int | None, ...]

RELATIVE_ERROR: Final = 0.025
"""Half the width of the widest bins over their middle: 100 to 105, and 200 to 210."""

_DIGITS: Final = 128
_COARSE_FROM: Final = 40


@dataclass(slots=True, frozen=True)
class Quantiles:
    """The median and the 95th percentile in seconds, of how many values."""

    p50_s: float
    p95_s: float
    count: int


@dataclass(slots=True, frozen=True)
class Latency:
    """How long a group of calls took, and how long its streams took to the first chunk. None: there were none."""

    duration: Quantiles | None = None
    first_chunk: Quantiles | None = None


NO_LATENCY: Final = Latency()


def latencies(connection: Reader, scope: Scope, by: Sequence[str] = ()) -> dict[Keys, Latency]:
    """The latency of each group of the calls in `scope`, by the values of the dimensions `by`, in that order."""
    return {keys: Latency(*map(quantiles, bins)) for keys, bins in _bins(connection, scope, by).items()}


def latency(connection: Reader, scope: Scope) -> Latency:
    """The latency of all calls in `scope`."""
    return latencies(connection, scope).get((), NO_LATENCY)


def quantiles(bins: Mapping[int, int]) -> Quantiles | None:
    """The quantiles (nearest rank) of how many durations lie in which bin."""
    count = sum(bins.values())
    if count <= 0:
        return None
    ranks = iter((math.ceil(0.50 * count), math.ceil(0.95 * count)))
    rank, seen, found = next(ranks), 0, []
    for number in sorted(bins):
        seen += bins[number]
        while seen >= rank:
            found.append(seconds_of(number))
            rank = next(ranks, count + 1)
    return Quantiles(found[0], found[1], count)


def seconds_of(number: int) -> float:
    """The duration that stands for a bin: at most `RELATIVE_ERROR` from any that lies in it."""
    digits, step = divmod(number, _DIGITS)
    if not digits:
        return 0.0
    lowest, width = (step * 5, 5) if step < _COARSE_FROM else ((step - 20) * 10, 10)
    middle = 2 * lowest * (lowest + width) / (2 * lowest + width)
    return float(f"{middle:.4g}e{digits - 12}")  # three digits of nanoseconds


def _bins(connection: Reader, scope: Scope, by: Sequence[str]) -> dict[Keys, list[dict[int, int]]]:
    found: dict[Keys, list[dict[int, int]]] = defaultdict(lambda: [{} for _ in LATENCIES])
    for *keys, kind, number, calls in binned(connection, scope, by):
        found[tuple(keys)][int(kind or 0)][int(number or 0)] = int(calls or 0)
    return found
