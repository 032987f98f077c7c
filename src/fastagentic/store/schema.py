"""The shape of the store today, as data: which typed column of `calls` is read from which attribute.

The tables themselves are made by `migrations/`. A new column of a call is one line here and one migration.
Who writes them: `projection.py`; who reads: `queries/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastagentic.core import names

from . import values
from .cubes import KEPT_TABLES, LONE_CALLS
from .queries.measures import MEASURES

if TYPE_CHECKING:
    from collections.abc import Callable

    from .values import SqlValue


@dataclass(slots=True, frozen=True)
class Column:
    """A column of `calls`, the attribute that fills it, and how its value is read."""

    name: str
    attribute: str
    read: Callable[[object], SqlValue]


SPAN_COLUMNS: Final = (
    "trace_id", "span_id", "parent_span_id", "run_id", "name",
    "started_ns", "ended_ns", "status", "error_type", "attributes",
)  # fmt: skip

CALL_IDS: Final = ("trace_id", "span_id", "run_id", "started_ns", "duration_ns")
CALL_COLUMNS: Final = (
    Column("operation", names.OPERATION_NAME, values.text),
    Column("provider", names.PROVIDER_NAME, values.text),
    Column("model", names.REQUEST_MODEL, values.text),
    Column("response_model", names.RESPONSE_MODEL, values.text),
    Column("gateway", names.GATEWAY, values.text),
    Column("user_id", names.USER_ID, values.text),
    Column("session_id", names.SESSION_ID, values.text),
    Column("tenant_id", names.TENANT_ID, values.text),
    Column("tags", names.TAGS, values.texts),
    Column("input_tokens", names.INPUT_TOKENS, values.integer),
    Column("output_tokens", names.OUTPUT_TOKENS, values.integer),
    Column("cache_read_tokens", names.CACHE_READ_TOKENS, values.integer),
    Column("cache_write_tokens", names.CACHE_WRITE_TOKENS, values.integer),
    Column("reasoning_tokens", names.REASONING_TOKENS, values.integer),
    Column("cost_usd", names.USAGE_COST, values.usd),
    Column("cost_source", names.COST_SOURCE, values.text),
    Column("saved_usd", names.COST_SAVED, values.usd),
    Column("cache_status", names.CACHE_STATUS, values.text),
    Column("cache_hit", names.CACHE_HIT, values.flag),
    Column("target_index", names.TARGET_INDEX, values.integer),
    Column("target_path", names.TARGET_PATH, values.text),
    Column("target_provider", names.TARGET_PROVIDER, values.text),
    Column("target_name", names.TARGET_NAME, values.text),
    Column("retries", names.RETRIES, values.integer),
    Column("fallback_used", names.FALLBACK_USED, values.flag),
    Column("is_stream", names.REQUEST_STREAM, values.flag),
    Column("stream_end", names.STREAM_END, values.text),
    Column("is_estimated", names.USAGE_ESTIMATED, values.flag),
    Column("time_to_first_chunk_s", names.RESPONSE_TIME_TO_FIRST_CHUNK, values.real),
    Column("error_type", names.ERROR_TYPE, values.text),
)
FIRST_COLUMNS: Final = ("first_cost_usd", "first_cost_source", "first_saved_usd", "repriced_ns")
"""What was recorded of a call's cost before `reprice.py` first corrected it, and when it last did."""
COST_AT: Final = len(CALL_IDS) + [column.name for column in CALL_COLUMNS].index("cost_usd")
COST_SOURCE_AT: Final = len(CALL_IDS) + [column.name for column in CALL_COLUMNS].index("cost_source")

RUN_COLUMNS: Final = (
    "run_id", "external_id", "name", "user_id", "session_id", "tenant_id", "tags",
    "started_ns", "ended_ns", "status", "error_type",
)  # fmt: skip
RUN_SUMS: Final = MEASURES
"""The columns of `runs` that `rollups.py` keeps: the sums of a run's calls."""
RUN_ATTRIBUTES: Final = (
    (names.RUN_EXTERNAL_ID, values.text),
    (names.USER_ID, values.text),
    (names.SESSION_ID, values.text),
    (names.TENANT_ID, values.text),
    (names.TAGS, values.texts),
)

TABLES: Final = ("spans", "calls", "runs", "drops", "migrations", "bookmarks", "rollup_state", LONE_CALLS, *KEPT_TABLES)

AGE_COLUMN: Final = {"spans": "started_ns", "calls": "started_ns", "runs": "ended_ns", "drops": "at_ns"}
"""The tables of what was seen, and what a row's age is told by. A run goes by its end, so that none goes before its calls."""


def _insert(table: str, columns: tuple[str, ...]) -> str:
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608  # names of our own


# A repeat of a span is harmless. Not INSERT OR IGNORE: that would also swallow a row that breaks NOT NULL.
ONCE: Final = {
    "spans": "ON CONFLICT (trace_id, span_id) DO NOTHING",
    "calls": "ON CONFLICT (started_ns, trace_id, span_id) DO NOTHING",
}
INSERT_SPAN: Final = f"{_insert('spans', SPAN_COLUMNS)} {ONCE['spans']}"
INSERT_CALL: Final = f"{_insert('calls', (*CALL_IDS, *(column.name for column in CALL_COLUMNS)))} {ONCE['calls']}"
INSERT_DROP: Final = _insert("drops", ("at_ns", "reason", "spans"))

# The earliest span of a run tells what the run is; of two that start together the one around the other does.
_IS_OUTER: Final = """(excluded.started_ns < runs.started_ns
    OR (excluded.started_ns = runs.started_ns AND excluded.ended_ns >= runs.ended_ns))"""


def _from(outer: str, inner: str) -> str:
    return f"CASE WHEN {_IS_OUTER} THEN {outer} ELSE {inner} END"


_OUTER_COLUMNS: Final = ("external_id", "name", "user_id", "session_id", "tenant_id", "tags", "status", "error_type")
UPSERT_RUN: Final = (
    _insert("runs", RUN_COLUMNS)
    + " ON CONFLICT (run_id) DO UPDATE SET "
    + ", ".join(f"{column} = {_from(f'excluded.{column}', f'runs.{column}')}" for column in _OUTER_COLUMNS)
    + ", started_ns = MIN(runs.started_ns, excluded.started_ns)"
    + ", ended_ns = MAX(runs.ended_ns, excluded.ended_ns)"
)
