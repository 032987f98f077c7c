"""The first shape of the store: spans, calls, runs, drops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3

STATEMENTS: Final = (
    """
    CREATE TABLE spans (
        trace_id TEXT NOT NULL,
        span_id TEXT NOT NULL,
        parent_span_id TEXT,
        run_id TEXT NOT NULL,
        name TEXT NOT NULL,
        started_ns INTEGER NOT NULL,
        ended_ns INTEGER NOT NULL,
        status TEXT NOT NULL,
        error_type TEXT,
        attributes TEXT NOT NULL,
        UNIQUE (trace_id, span_id)
    )
    """,
    "CREATE INDEX spans_by_run ON spans (run_id, started_ns)",
    "CREATE INDEX spans_by_time ON spans (started_ns)",
    """
    CREATE TABLE calls (
        trace_id TEXT NOT NULL,
        span_id TEXT NOT NULL,
        run_id TEXT NOT NULL,
        started_ns INTEGER NOT NULL,
        duration_ns INTEGER NOT NULL,
        operation TEXT,
        provider TEXT,
        model TEXT,
        response_model TEXT,
        gateway TEXT,
        user_id TEXT,
        session_id TEXT,
        tenant_id TEXT,
        tags TEXT,
        input_tokens INTEGER,
        output_tokens INTEGER,
        cache_read_tokens INTEGER,
        cache_write_tokens INTEGER,
        reasoning_tokens INTEGER,
        cost_usd REAL,
        cost_source TEXT,
        saved_usd REAL,
        cache_status TEXT,
        cache_hit INTEGER,
        target_index INTEGER,
        target_path TEXT,
        target_provider TEXT,
        target_name TEXT,
        retries INTEGER,
        fallback_used INTEGER,
        is_stream INTEGER,
        stream_end TEXT,
        is_estimated INTEGER,
        time_to_first_chunk_s REAL,
        error_type TEXT,
        UNIQUE (trace_id, span_id)
    )
    """,
    "CREATE INDEX calls_by_time ON calls (started_ns)",
    "CREATE INDEX calls_by_run ON calls (run_id)",
    """
    CREATE TABLE runs (
        run_id TEXT PRIMARY KEY NOT NULL,
        external_id TEXT,
        name TEXT,
        user_id TEXT,
        session_id TEXT,
        tenant_id TEXT,
        tags TEXT,
        started_ns INTEGER NOT NULL,
        ended_ns INTEGER NOT NULL,
        status TEXT NOT NULL,
        error_type TEXT
    )
    """,
    "CREATE INDEX runs_by_time ON runs (started_ns)",
    "CREATE INDEX runs_by_end ON runs (ended_ns)",
    "CREATE INDEX runs_by_external_id ON runs (external_id)",
    "CREATE TABLE drops (at_ns INTEGER NOT NULL, reason TEXT NOT NULL, spans INTEGER NOT NULL)",
)


def first_tables(connection: sqlite3.Connection) -> None:
    """Make the tables of version 1."""
    for statement in STATEMENTS:
        connection.execute(statement)
