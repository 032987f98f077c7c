"""What every question about calls adds up: one SQL fragment and the dataclass that it fills. Only `queries/` uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

SUM_COLUMNS: Final = """
    COUNT(calls.span_id),
    COUNT(calls.error_type),
    COALESCE(SUM(calls.input_tokens), 0),
    COALESCE(SUM(calls.output_tokens), 0),
    SUM(calls.cost_usd),
    COALESCE(SUM(calls.saved_usd), 0.0),
    COALESCE(SUM(calls.cost_source = 'unknown'), 0),
    COALESCE(SUM(calls.cache_hit), 0),
    COALESCE(SUM(calls.cache_status <> 'disabled'), 0)
"""

_USD_DIGITS: Final = 12  # takes off what adding binary fractions leaves at the far end


@dataclass(slots=True, frozen=True, kw_only=True)
class Sums:
    """Totals of a group of calls. `cost_usd` None is unknown: nothing is priced and something has no price.

    Groups in which every call was a cache hit or failed before it cost anything cost 0. `unpriced` counts the
    calls whose cost is unknown, which `cost_usd` leaves out; `lookups` those that asked a cache, of which
    `hits` were answered.
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


def sums_of(row: Sequence[Any]) -> dict[str, Any]:
    """The fields of `Sums` from the values that `SUM_COLUMNS` selected."""
    values = dict(zip(Sums.__dataclass_fields__, row, strict=True))
    values["saved_usd"] = round(values["saved_usd"] or 0.0, _USD_DIGITS)
    if values["cost_usd"] is not None:
        values["cost_usd"] = round(values["cost_usd"], _USD_DIGITS)
    elif not values["unpriced"]:
        values["cost_usd"] = 0.0
    return values
