"""A past for a Prometheus that has just been started: what its series would be had the same workload run for hours or weeks.

Counters grow as the live ones did, more by day than by night, each model at a pace of its own, which also wanders; gauges stay
what they are. The text goes into
`promtool tsdb create-blocks-from openmetrics`.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from dashboards.src import series

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DAY_S = 86400.0
COUNTER = re.compile(r"_(total|bucket|count|sum)$")

Sample = tuple[dict[str, str], float]


def openmetrics(
    samples: Iterable[Sample], start: float, end: float, step_s: float, *, times_an_hour: float, seed: int = 7
) -> Iterator[str]:
    """Lines of OpenMetrics: the samples' series from `start` to `end`, in seconds since 1970.

    `samples` are the live series with their values after one workload; it happens `times_an_hour` in the mean of a day.
    """
    moments = [start + at * step_s for at in range(int((end - start) // step_s) + 1)]
    past = _Past(moments, times_an_hour * step_s / 3600, seed)
    for labels, values in past.of(list(samples)):
        pairs = ",".join(f"{label}={json.dumps(text)}" for label, text in sorted(labels.items()) if label != "__name__")
        head = f"{labels['__name__']}{{{pairs}}}"
        for moment, value in zip(moments, values, strict=True):
            yield f"{head} {value:.9g} {moment:.3f}\n"
    yield "# EOF\n"


class _Past:
    """How many workloads there have been until each moment, for whatever grows at a pace of its own."""

    def __init__(self, moments: list[float], mean_step: float, seed: int) -> None:
        self.moments = moments
        self._mean_step = mean_step
        self._seed = seed
        self._paces: dict[str, list[float]] = {}

    def of(self, samples: list[Sample]) -> Iterator[tuple[dict[str, str], list[float]]]:
        """The values of each sample's series. Of a histogram every bucket has a pace, so that quantiles move; the count is
        their sum, and the sum grows with it.
        """
        buckets: dict[str, list[Sample]] = defaultdict(list)
        for labels, value in samples:
            if "le" in labels:
                buckets[_without_le(labels)].append((labels, value))
        counts: dict[str, list[float]] = {}
        for key, found in buckets.items():
            below, total = 0.0, [0.0] * len(self.moments)
            for labels, value in sorted(found, key=lambda one: float(one[0]["le"])):
                pace = self._pace(labels, labels["le"])
                total = [known + (value - below) * step for known, step in zip(total, pace, strict=True)]
                below = value
                yield labels, total
            counts[key] = [one / below for one in total] if below else total
        for labels, value in samples:
            name = labels["__name__"]
            if "le" in labels:
                continue
            whole = counts.get(_without_le({**labels, "__name__": re.sub(r"_(count|sum)$", "_bucket", name)}))
            grown = whole or (self._pace(labels, name) if COUNTER.search(name) else [1.0] * len(self.moments))
            yield labels, [value * step for step in grown]

    def _pace(self, labels: dict[str, str], own: str) -> list[float]:
        model = "".join(labels.get(name, "") for name in (series.MODEL, series.ERROR_TYPE))
        parts = [self._grown(model, 0.08), self._grown(model + own + labels.get(series.CACHE_STATUS, ""), 0.04)]
        return [(3 * shared + alone) / 4 for shared, alone in zip(*parts, strict=True)]

    def _grown(self, pace: str, unrest: float) -> list[float]:
        """Monotonic, with the ups and downs of a day and of a mood."""
        if pace not in self._paces:
            dice = random.Random(f"{self._seed} {pace}")  # noqa: S311  # a picture, no secret
            total, mood, found = 0.0, 1.0, []
            for moment in self.moments:
                by_day = 1 + 0.7 * math.sin(2 * math.pi * (moment / DAY_S - 0.33))  # least at 2, most at 14 o'clock UTC
                mood = max(0.2, mood + dice.gauss(0, unrest) + 0.05 * (1 - mood))
                total += self._mean_step * by_day * mood
                found.append(total)
            self._paces[pace] = found
        return self._paces[pace]


def _without_le(labels: dict[str, str]) -> str:
    return json.dumps({name: value for name, value in labels.items() if name != "le"}, sort_keys=True)
