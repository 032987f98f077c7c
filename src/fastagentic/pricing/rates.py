"""Prices that are linear in the tokens: USD per token for each kind of token that is billed on its own."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from fastagentic.core.call import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

MILLION: Final = Decimal(1_000_000)
PROBE: Final = 10_000
CHECKED_SIZES: Final = (0, 1, 1_000, 33_000, 129_000, 201_000, 257_000, 273_000, 513_000, 1_100_000)
TOLERANCE: Final = Decimal("1e-9")  # LiteLLM adds up floats


@dataclass(slots=True, frozen=True)
class Rates:
    """USD per token. Cached prompt tokens are part of the input (GenAI conventions) and charged at their own rate."""

    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write: Decimal

    def price(self, usage: Usage) -> Decimal:
        """USD for this usage; an unknown count is taken as none."""
        read, write = usage.cache_read_tokens or 0, usage.cache_write_tokens or 0
        plain = max(0, (usage.input_tokens or 0) - read - write)
        total = self.input * plain + self.output * (usage.output_tokens or 0)
        if read:
            total += self.cache_read * read
        if write:
            total += self.cache_write * write
        return total


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
