"""What our metrics and attributes are called in Prometheus: the one place where OpenTelemetry names are translated.

Every name comes from `fastagentic.core.names`, so a rename in the Python arrives in every query, or breaks the import here.
Units and kinds are stated once more, because Prometheus puts both into the name; a test finds each of these names in a
Prometheus that the real pipeline feeds. The rules are those of the Collector's `UnderscoreEscapingWithSuffixes`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from fastagentic.core import names

UNIT_SUFFIXES: Final = {"": "", "1": "", "s": "seconds", "ms": "milliseconds", "By": "bytes", "USD": "USD"}


def escaped(name: str) -> str:
    """The name with every character that classic Prometheus names cannot hold as an underscore."""
    return re.sub(r"[^a-zA-Z0-9_:]", "_", name)


def label(attribute: str) -> str:
    """The Prometheus label that an OpenTelemetry attribute becomes."""
    return escaped(attribute)


@dataclass(frozen=True)
class Series:
    """An instrument: its OpenTelemetry name and unit."""

    otel: str
    unit: str = ""

    @property
    def base(self) -> str:
        """The name with its unit. Units in braces (`{token}`) are a comment to OpenTelemetry and vanish."""
        suffix = "" if self.unit.startswith("{") else UNIT_SUFFIXES[self.unit]
        name = escaped(self.otel)
        return name if not suffix or name.endswith(f"_{suffix}") else f"{name}_{suffix}"


class Counter(Series):
    """Only grows: ask for its `rate` or `increase`."""

    def __str__(self) -> str:
        return f"{self.base}_total"


class Gauge(Series):
    """Goes up and down: ask for it as it is."""

    def __str__(self) -> str:
        # The Collector calls a gauge of unit 1 a ratio.
        return f"{self.base}_ratio" if self.unit == "1" else self.base


class Histogram(Series):
    """Buckets, a sum and a count, each a counter of its own."""

    @property
    def bucket(self) -> str:
        """The series of the buckets, by `le`."""
        return f"{self.base}_bucket"

    @property
    def sum(self) -> str:
        """The series of the sum of what was measured."""
        return f"{self.base}_sum"

    @property
    def count(self) -> str:
        """The series of how often it was measured."""
        return f"{self.base}_count"


DURATION: Final = Histogram(names.OPERATION_DURATION, "s")
TOKENS: Final = Histogram(names.TOKEN_USAGE, "{token}")
FIRST_CHUNK: Final = Histogram(names.TIME_TO_FIRST_CHUNK, "s")
CHUNK_GAP: Final = Histogram(names.TIME_PER_OUTPUT_CHUNK, "s")
COST: Final = Counter(names.COST, "USD")
SAVED: Final = Counter(names.COST_SAVED, "USD")
UNPRICED: Final = Counter(names.UNPRICED_CALLS)
REQUESTS: Final = Counter(names.GATEWAY_REQUESTS)
CACHE_LOOKUPS: Final = Counter(names.GATEWAY_CACHE_LOOKUPS)
RETRIES: Final = Counter(names.GATEWAY_RETRIES)
FALLBACKS: Final = Counter(names.GATEWAY_FALLBACKS)
WEIGHT: Final = Gauge(names.TARGET_WEIGHT)
BUDGET: Final = Gauge(names.BUDGET, "USD")
DELIVERED: Final = Counter(names.EXPORT_DELIVERED, "{span}")
DROPPED: Final = Counter(names.EXPORT_DROPPED, "{span}")
WAITING: Final = Gauge(names.EXPORT_WAITING, "{span}")
SPOOLED: Final = Counter(names.EXPORT_SPOOLED, "{span}")

INSTRUMENTS: Final = tuple(one for one in list(vars().values()) if isinstance(one, Series))

SERVICE: Final = label("service.name")  # a resource attribute; the collector's configuration copies it to every series
MODEL: Final = label(names.REQUEST_MODEL)
PROVIDER: Final = label(names.PROVIDER_NAME)
OPERATION: Final = label(names.OPERATION_NAME)
TOKEN_TYPE: Final = label(names.TOKEN_TYPE)
ERROR_TYPE: Final = label(names.ERROR_TYPE)
GATEWAY: Final = label(names.GATEWAY)
OUTCOME: Final = label(names.OUTCOME)
CACHE_STATUS: Final = label(names.CACHE_STATUS)
TARGET: Final = label(names.TARGET_NAME)
FALLBACK_FROM: Final = label(names.FALLBACK_FROM)
FALLBACK_TO: Final = label(names.FALLBACK_TO)
DESTINATION: Final = label(names.DESTINATION)

# The attributes of ours that dashboards may use as labels: a user, tenant or run is never one.
LABELS: Final = frozenset(
    {SERVICE, MODEL, PROVIDER, OPERATION, TOKEN_TYPE, ERROR_TYPE, GATEWAY, OUTCOME, CACHE_STATUS}
    | {TARGET, FALLBACK_FROM, FALLBACK_TO, DESTINATION}
)
