"""Sums of calls by hour and day and by run, kept ready beside the rows; `rollups.py` counts what is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

_MEASURES: Final = (
    "calls", "errors", "input_tokens", "output_tokens", "cost_pico_usd", "saved_pico_usd", "priced", "unpriced", "hits",
    "lookups", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "rescued_by_retry", "rescued_by_fallback",
)  # fmt: skip
_SUMS: Final = ", ".join(f"{name} INTEGER NOT NULL" for name in _MEASURES)
_STEP: Final = "step_ns INTEGER NOT NULL, start_ns INTEGER NOT NULL, group_id INTEGER NOT NULL"

STATEMENTS: Final = (
    "CREATE TABLE rollup_state (last_call INTEGER NOT NULL, last_run INTEGER NOT NULL)",
    "INSERT INTO rollup_state SELECT 0, COALESCE(MAX(rowid), 0) FROM runs",
    """
    CREATE TABLE rollup_models (
        group_id INTEGER PRIMARY KEY,
        model TEXT, answered TEXT, provider TEXT, spelled TEXT, gateway TEXT, outcome TEXT, is_hit INTEGER
    )
    """,
    "CREATE INDEX rollup_models_by_value ON rollup_models (model, answered, provider, spelled, gateway, outcome, is_hit)",
    f"CREATE TABLE rollup_model_sums ({_STEP}, {_SUMS}, PRIMARY KEY (step_ns, start_ns, group_id)) WITHOUT ROWID",
    f"""
    CREATE TABLE rollup_model_latencies (
        {_STEP}, kind INTEGER NOT NULL, bin INTEGER NOT NULL, calls INTEGER NOT NULL,
        PRIMARY KEY (step_ns, start_ns, group_id, kind, bin)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE rollup_people (group_id INTEGER PRIMARY KEY, tenant TEXT, user TEXT)",
    "CREATE INDEX rollup_people_by_value ON rollup_people (user, tenant)",
    f"CREATE TABLE rollup_people_sums ({_STEP}, {_SUMS}, PRIMARY KEY (step_ns, start_ns, group_id)) WITHOUT ROWID",
    f"""
    CREATE TABLE rollup_lone_calls (
        run_id TEXT PRIMARY KEY NOT NULL, user_id TEXT, session_id TEXT, tenant_id TEXT, tags TEXT,
        started_ns INTEGER NOT NULL, ended_ns INTEGER NOT NULL, error_type TEXT, {_SUMS}
    )
    """,
    "CREATE INDEX rollup_lone_calls_by_time ON rollup_lone_calls (started_ns)",
    *(f"ALTER TABLE runs ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0" for name in _MEASURES),
)


def rollups(connection: sqlite3.Connection) -> None:
    """Make the tables of version 3."""
    for statement in STATEMENTS:
        connection.execute(statement)
