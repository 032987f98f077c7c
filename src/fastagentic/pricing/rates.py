"""Prices as rates: USD for each kind of token, and for what else is charged. Pure; everything that prices a call ends here."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core.call import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ZERO: Final = Decimal(0)
MILLION: Final = Decimal(1_000_000)
PROBE: Final = 10_000
CHECKED_SIZES: Final = (0, 1, 1_000, 33_000, 129_000, 201_000, 257_000, 273_000, 513_000, 1_100_000)
TOLERANCE: Final = Decimal("1e-9")  # LiteLLM adds up floats


class Kind(NamedTuple):
    """Something that can have a rate of its own: which count it is charged by, and which tokens it is a part of."""

    name: str
    counted: str
    """The field of `Usage`."""
    part_of: str | None
    """The rate that is charged where this one is not given; None for what is no part of anything."""
    unit: str


TOKENS: Final = "million tokens"

# The order is that in which the tokens of a side are shared out, should somebody count more parts than there is whole.
KINDS: Final = (
    Kind("cache_read", "cache_read_tokens", "input", TOKENS),
    Kind("cache_write", "cache_write_tokens", "input", TOKENS),
    Kind("cache_write_1h", "cache_write_1h_tokens", "cache_write", TOKENS),
    Kind("input_audio", "input_audio_tokens", "input", TOKENS),
    Kind("input_image", "input_image_tokens", "input", TOKENS),
    Kind("output_audio", "output_audio_tokens", "output", TOKENS),
    Kind("output_image", "output_image_tokens", "output", TOKENS),
    Kind("reasoning", "reasoning_tokens", "output", TOKENS),
    Kind("image", "images", None, "image"),
    Kind("audio_second", "audio_seconds", None, "second of audio"),
    Kind("character", "input_characters", None, "million characters"),
    Kind("web_search", "web_searches", None, "search"),
)
PARTS: Final = tuple(kind for kind in KINDS[2:] if kind.part_of is not None)
PIECES: Final = tuple(kind for kind in KINDS if kind.part_of is None)
UNITS: Final = {"input": TOKENS, "output": TOKENS, **{kind.name: kind.unit for kind in KINDS}, "request": "request"}
"""Every rate there is, and what it is quoted for."""


@dataclass(slots=True, frozen=True)
class Rates:
    """USD per token. Cached prompt tokens are part of the input (GenAI conventions) and charged at their own rate.

    `parts` are tokens with a rate of their own: the count, the tokens it is a part of, the rate. `pieces` are charged beside
    the tokens: the count and the rate. `charges_tokens` is False where only pieces or requests are charged.
    """

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal
    parts: tuple[tuple[str, str, Decimal], ...] = ()
    pieces: tuple[tuple[str, Decimal], ...] = ()
    request: Decimal = ZERO
    charges_tokens: bool = True

    @classmethod
    def of(cls, rates: Mapping[str, Decimal]) -> Rates:
        """From rates by name (`UNITS`), each as it is quoted: USD per million tokens, per million characters, per piece."""
        each = {name: rate / MILLION if UNITS[name].startswith("million") else rate for name, rate in rates.items()}
        given = each.get("input", ZERO)
        return cls(
            input=given,
            output=each.get("output", ZERO),
            cache_read=each.get("cache_read", given),
            cache_write=each.get("cache_write", given),
            parts=tuple((kind.counted, kind.part_of or "", each[kind.name]) for kind in PARTS if kind.name in each),
            pieces=tuple((kind.counted, each[kind.name]) for kind in PIECES if kind.name in each),
            request=each.get("request", ZERO),
            charges_tokens="input" in each or "output" in each,
        )

    def price(self, usage: Usage) -> Decimal:
        """USD for this usage; an unknown count is taken as none."""
        read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        plain = max(0, (usage.input_tokens or 0) - read - write)
        total = self.input * plain + self.output * (usage.output_tokens or 0)
        if read:
            total += self.cache_read * read
        if write:
            total += self.cache_write * write
        if self.parts:
            total += self._parts(usage, plain, write)
        for count, rate in self.pieces:
            if number := getattr(usage, count):
                total += rate * Decimal(str(number))  # of a float its shortest text: 2.5 s are 2.5
        return total + self.request if self.request else total

    def knows(self, usage: Usage) -> bool:
        """Whether what is charged has been counted: a model that is charged by the second has no price without seconds."""
        if self.charges_tokens and usage.input_tokens is not None:
            return True
        if not self.charges_tokens and not self.pieces:  # only the request is charged
            return True
        return any(getattr(usage, count) is not None for count, _ in self.pieces)

    def _parts(self, usage: Usage, plain: int, written: int) -> Decimal:
        """What parts cost more (or less) than the tokens around them; of a part only as much as there is of the whole."""
        left = {"input": plain, "output": usage.output_tokens or 0, "cache_write": written}
        around = {"input": self.input, "output": self.output, "cache_write": self.cache_write}
        total = ZERO
        for name, side, rate in self.parts:
            count = min(getattr(usage, name) or 0, left[side])
            left[side] -= count
            total += (rate - around[side]) * count
        return total


class Band(NamedTuple):
    """Rates that hold for calls with more than `above` input tokens: many providers charge long prompts at a higher rate."""

    above: int
    rates: Rates
    quoted: Mapping[str, Decimal]
    """The same rates by name, as they are quoted (`UNITS`)."""


@dataclass(slots=True, frozen=True)
class Tariff:
    """All rates of a model under one rule, longest prompts first; the last band holds for every size."""

    bands: tuple[Band, ...]
    rule: str
    lacks: tuple[str, ...] = ()
    """Counts that are charged at rates which are not known here."""

    def price(self, usage: Usage) -> Decimal | None:
        """USD for this usage, None when what is charged was not counted or has no rate."""
        if self.lacks and any(getattr(usage, count) for count in self.lacks):
            return None
        rates = self.bands[-1].rates
        if len(self.bands) > 1:
            size = usage.input_tokens or 0
            rates = next(band.rates for band in self.bands if size > band.above)
        if (rates.charges_tokens and usage.input_tokens is not None) or rates.knows(usage):  # the common case without a call
            return rates.price(usage)
        return None

    @classmethod
    def flat(cls, quoted: Mapping[str, Decimal], rule: str) -> Tariff:
        """One set of rates for every size."""
        return cls((Band(-1, Rates.of(quoted), quoted),), rule)


def measure(price_of: Callable[[Usage], Decimal]) -> Rates | None:
    """The rates behind a calculator that takes long to ask, or None when its price is not linear in the tokens.

    It is asked once for each kind of token, and then whether the rates give its own answer across the sizes at which
    providers change their tiers.
    """
    plain = price_of(Usage(input_tokens=PROBE, output_tokens=0)) / PROBE
    rates = Rates(
        input=plain,
        output=price_of(Usage(input_tokens=0, output_tokens=PROBE)) / PROBE,
        cache_read=price_of(Usage(input_tokens=PROBE, output_tokens=0, cache_read_tokens=PROBE)) / PROBE,
        cache_write=price_of(Usage(input_tokens=PROBE, output_tokens=0, cache_write_tokens=PROBE)) / PROBE,
    )
    for size in CHECKED_SIZES:
        usage = Usage(size, size // 3, cache_read_tokens=size // 5, cache_write_tokens=size // 7, reasoning_tokens=size // 9)
        if not _is_close(rates.price(usage), price_of(usage)):
            return None
    return rates


def _is_close(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) <= abs(other) * TOLERANCE
