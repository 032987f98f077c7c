"""What is added up over calls: a row a measure. Rollups keep these sums, and every question of sums is answered from them.

All are whole numbers, so that a sum is the same in whatever order and parts it was added, and taking a call out again
leaves exactly the others: money is in 10^-12 USD (`PICO_USD` of them are one).
"""

from __future__ import annotations

from typing import Final

from fastagentic.core.names import Outcome

from . import sql
from .dimensions import OUTCOME_OF_A_CALL

PICO_USD: Final = 10**12

MEASURES: Final[dict[str, str]] = {
    "calls": "COUNT(*)",
    "errors": "COUNT(calls.error_type)",
    "input_tokens": sql.added_up("calls.input_tokens"),
    "output_tokens": sql.added_up("calls.output_tokens"),
    "cost_pico_usd": sql.added_up(f"ROUND(calls.cost_usd * {PICO_USD})"),
    "saved_pico_usd": sql.added_up(f"ROUND(calls.saved_usd * {PICO_USD})"),
    "priced": "COUNT(calls.cost_usd)",
    "unpriced": sql.added_up("calls.cost_source = 'unknown'"),
    "hits": sql.added_up("calls.cache_hit"),
    "lookups": sql.added_up("calls.cache_status <> 'disabled'"),
    "cache_read_tokens": sql.added_up("calls.cache_read_tokens"),
    "cache_write_tokens": sql.added_up("calls.cache_write_tokens"),
    "reasoning_tokens": sql.added_up("calls.reasoning_tokens"),
    "rescued_by_retry": sql.added_up(f"{OUTCOME_OF_A_CALL} = '{Outcome.RESCUED_BY_RETRY}'"),
    "rescued_by_fallback": sql.added_up(f"{OUTCOME_OF_A_CALL} = '{Outcome.RESCUED_BY_FALLBACK}'"),
}
"""The name of a measure, which is its column in rollups and in `runs`, and the sum over `calls` that it is."""
