"""What every question about calls adds up: one SQL fragment and the dataclass that it fills. Only `queries/` uses it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.names import Outcome

from .dimensions import OUTCOME_OF_A_CALL

if TYPE_CHECKING:
    from collections.abc import Sequence

SUM_COLUMNS: Final = f"""
    COUNT(calls.span_id),
    COUNT(calls.error_type),
    COALESCE(SUM(calls.input_tokens), 0),
    COALESCE(SUM(calls.output_tokens), 0),
    SUM(calls.cost_usd),
    COALESCE(SUM(calls.saved_usd), 0.0),
    COALESCE(SUM(calls.cost_source = 'unknown'), 0),
    COALESCE(SUM(calls.cache_hit), 0),
    COALESCE(SUM(calls.cache_status <> 'disabled'), 0),
    COALESCE(SUM(calls.cache_read_tokens), 0),
    COALESCE(SUM(calls.cache_write_tokens), 0),
    COALESCE(SUM(calls.reasoning_tokens), 0),
    COALESCE(SUM({OUTCOME_OF_A_CALL} = '{Outcome.RESCUED_BY_RETRY}'), 0),
    COALESCE(SUM({OUTCOME_OF_A_CALL} = '{Outcome.RESCUED_BY_FALLBACK}'), 0)
"""

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


def usd(amount: float | None) -> float | None:
    """An amount as it leaves `queries/`: without the dust of binary fractions; None when it is no finite number."""
    return round(amount, _USD_DIGITS) if amount is not None and math.isfinite(amount) else None


def sums_of(row: Sequence[Any]) -> dict[str, Any]:
    """The fields of `Sums` from the values that `SUM_COLUMNS` selected."""
    values = dict(zip(Sums.__dataclass_fields__, row, strict=True))
    values["saved_usd"] = usd(values["saved_usd"]) or 0.0
    values["cost_usd"] = usd(values["cost_usd"])
    if values["cost_usd"] is None and not values["unpriced"]:
        values["cost_usd"] = 0.0
    return values
