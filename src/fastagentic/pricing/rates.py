"""Prices that are linear in the tokens: USD per token for each kind of token that is billed on its own."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ..core.call import Usage

MILLION: Final = Decimal(1_000_000)


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
