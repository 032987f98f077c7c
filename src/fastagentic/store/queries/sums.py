"""`Sums`: what every question about calls comes to, made of the measures that were added up, with its rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .measures import MEASURES, PICO_USD

if TYPE_CHECKING:
    from collections.abc import Sequence

_USD_DIGITS: Final = 12  # takes off what adding binary fractions leaves at the far end


@dataclass(slots=True, frozen=True, kw_only=True)
class Sums:
    """Totals of a group of calls. `cost_usd` None is unknown: nothing is priced and something has no price.

    Groups in which every call was a cache hit or failed before it cost anything cost 0. `unpriced` counts the
    calls whose cost is unknown, which `cost_usd` leaves out; `lookups` those that asked a cache, of which
    `hits` were answered. `input_tokens` includes what the provider's prompt cache gave and took
    (`cache_read_tokens`, `cache_write_tokens`), `output_tokens` the `reasoning_tokens`.
    """

    calls: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    saved_usd: float
    unpriced: int
    hits: int
    lookups: int
    cache_read_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    rescued_by_retry: int
    rescued_by_fallback: int

    @property
    def tokens(self) -> int:
        """Input and output."""
        return self.input_tokens + self.output_tokens

    @property
    def error_rate(self) -> float | None:
        """The part of the calls that failed, 0 to 1; None without calls. The other rates are alike."""
        return ratio(self.errors, self.calls)

    @property
    def retry_rescue_rate(self) -> float | None:
        """The part of the calls that a retry saved."""
        return ratio(self.rescued_by_retry, self.calls)

    @property
    def fallback_rescue_rate(self) -> float | None:
        """The part of the calls that a fallback saved."""
        return ratio(self.rescued_by_fallback, self.calls)

    @property
    def hit_rate(self) -> float | None:
        """The part of the cache lookups that were answered; None when no call asked a cache."""
        return ratio(self.hits, self.lookups)

    @property
    def cost_per_call_usd(self) -> float | None:
        """USD a call of known cost; None when no cost is known."""
        return None if self.cost_usd is None else ratio(self.cost_usd, self.calls - self.unpriced)


def ratio(part: float, whole: float) -> float | None:
    """`part` of `whole`, or None of nothing."""
    return part / whole if whole else None


def finite(number: object) -> float | None:
    """A number that JSON can say; whatever else stands in the column was put there by somebody else."""
    return number if isinstance(number, int | float) and math.isfinite(number) else None


def usd(amount: float | None) -> float | None:
    """An amount as it leaves `queries/`: without the dust of binary fractions; None when it is no finite number."""
    return round(amount, _USD_DIGITS) if amount is not None and math.isfinite(amount) else None


def sums_of(row: Sequence[Any]) -> dict[str, Any]:
    """The fields of `Sums` from the values of all `MEASURES`, in their order."""
    values = dict(zip(MEASURES, row, strict=True))
    cost_usd = usd(values.pop("cost_pico_usd") / PICO_USD)
    is_known = values.pop("priced") or not values["unpriced"]
    values["cost_usd"] = cost_usd if is_known else None
    values["saved_usd"] = usd(values.pop("saved_pico_usd") / PICO_USD) or 0.0
    return values


NOTHING: Final = Sums(**sums_of((0,) * len(MEASURES)))
"""The sum of no calls."""
