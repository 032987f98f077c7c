"""Spans as the call half hands them over, and stores made of them, for the tests of the store and of the CLI."""

from __future__ import annotations

import itertools
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from fastagentic.store.rows import StoredSpan
from fastagentic.store.writer import StoreWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

HOUR_NS = 3_600_000_000_000
RUN_ID = "ab" * 16
_ids = itertools.count(1)


def call(
    *, run_id: str = RUN_ID, parent: str | None = None, ago_h: float = 0.0, duration_ns: int = 1_000_000, **facts: Any
) -> StoredSpan:
    """A span of one LLM call; `facts` are attributes, with `_` for `.` spelled out in `ATTRIBUTES`."""
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.provider.name": "openai",
        "fastagentic.run.id": run_id,
        **{ATTRIBUTES[name]: value for name, value in facts.items()},
    }
    started_ns = time.time_ns() - int(ago_h * HOUR_NS) - duration_ns
    status = "error" if "error" in facts else "unset"
    return StoredSpan(
        run_id, span_id(), parent, "chat gpt-4o-mini", started_ns, started_ns + duration_ns, status,
        {name: value for name, value in attributes.items() if value is not None},
    )  # fmt: skip


def run(
    name: str = "report", *, run_id: str = RUN_ID, ago_h: float = 0.0, duration_ns: int = 2_000_000, **facts: Any
) -> StoredSpan:
    """The root span of a run."""
    attributes = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": name,
        "fastagentic.run.id": run_id,
        **{ATTRIBUTES[fact]: value for fact, value in facts.items()},
    }
    started_ns = time.time_ns() - int(ago_h * HOUR_NS) - duration_ns
    return StoredSpan(
        run_id, span_id(), None, f"invoke_workflow {name}", started_ns, started_ns + duration_ns,
        "error" if "error" in facts else "unset", attributes,
    )  # fmt: skip


def priced(usd: float, **facts: Any) -> StoredSpan:
    """A call whose cost the gateway stated."""
    return call(cost=usd, source="gateway", **facts)


ATTRIBUTES = {
    "model": "gen_ai.request.model",
    "answered": "gen_ai.response.model",
    "provider": "gen_ai.provider.name",
    "operation": "gen_ai.operation.name",
    "cost": "gen_ai.usage.cost",
    "source": "fastagentic.cost.source",
    "saved": "fastagentic.cost.saved",
    "tokens_in": "gen_ai.usage.input_tokens",
    "tokens_out": "gen_ai.usage.output_tokens",
    "user": "user.id",
    "session": "session.id",
    "tenant": "fastagentic.tenant.id",
    "tags": "fastagentic.tags",
    "gateway": "fastagentic.gateway",
    "cache": "fastagentic.cache.status",
    "hit": "fastagentic.cache.hit",
    "error": "error.type",
    "external_id": "fastagentic.run.external_id",
    "retries": "fastagentic.retries",
    "fallback": "fastagentic.fallback.used",
    "target": "fastagentic.target.path",
    "stream_end": "fastagentic.stream.end",
    "attempt": "fastagentic.attempt.number",
    "first_chunk": "gen_ai.response.time_to_first_chunk",
    "cache_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}


def span_id() -> str:
    return f"{next(_ids):016x}"


def writer(path: Path, **options: Any) -> StoreWriter[StoredSpan]:
    """A writer that takes stored spans as they are."""
    options = {"convert": lambda span: span, "keep_s": None, **options}
    return StoreWriter(path, **options)


def store(path: Path, spans: Iterable[StoredSpan]) -> Path:
    """A store at `path` that holds `spans` (more of them, if it was there)."""
    making = writer(path)
    for span in spans:
        making.put(span)
    assert making.close(20)
    assert making.dropped == 0
    return path


def ask(path: Path, query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """What the file answers, asked by plain SQLite."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, parameters).fetchall()


def count(path: Path, table: str) -> int:
    return int(ask(path, f"SELECT COUNT(*) FROM {table}")[0][0])


def until(is_so: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        pause.wait(0.005)
