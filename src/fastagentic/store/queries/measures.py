"""What is added up over calls: a row a measure. Rollups keep these sums, and every question of sums is answered from them.

All are whole numbers, so that a sum is the same in whatever order and parts it was added, and taking a call out again
leaves exactly the others: money is in 10^-12 USD (`PICO_USD` of them are one).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastagentic.core.names import Outcome

from .dimensions import OUTCOME_OF_A_CALL

if TYPE_CHECKING:
    from .sql import Dialect

PICO_USD: Final = 10**12

_COUNTED: Final[dict[str, str]] = {"calls": "*", "errors": "calls.error_type", "priced": "calls.cost_usd"}
_ADDED_UP: Final[dict[str, str]] = {
    "input_tokens": "calls.input_tokens",
    "output_tokens": "calls.output_tokens",
    "cost_pico_usd": f"ROUND(calls.cost_usd * {PICO_USD})",
    "saved_pico_usd": f"ROUND(calls.saved_usd * {PICO_USD})",
    "unpriced": "calls.cost_source = 'unknown'",
    "hits": "calls.cache_hit",
    "lookups": "calls.cache_status <> 'disabled'",
    "cache_read_tokens": "calls.cache_read_tokens",
    "cache_write_tokens": "calls.cache_write_tokens",
    "reasoning_tokens": "calls.reasoning_tokens",
    "rescued_by_retry": f"{OUTCOME_OF_A_CALL} = '{Outcome.RESCUED_BY_RETRY}'",
    "rescued_by_fallback": f"{OUTCOME_OF_A_CALL} = '{Outcome.RESCUED_BY_FALLBACK}'",
}
MEASURES: Final = (
    "calls", "errors", "input_tokens", "output_tokens", "cost_pico_usd", "saved_pico_usd", "priced", "unpriced", "hits",
    "lookups", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "rescued_by_retry", "rescued_by_fallback",
)  # fmt: skip
"""The names of the measures, which are their columns in rollups and in `runs`."""


def measure(sql: Dialect, name: str) -> str:
    """The sum over `calls` that a measure is."""
    return f"COUNT({_COUNTED[name]})" if name in _COUNTED else sql.added_up(_ADDED_UP[name])
