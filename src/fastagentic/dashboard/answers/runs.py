"""Runs and single calls, a page of them at a time; the same rows as `fastagentic runs --json`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import Field

from fastagentic.core.names import Outcome  # noqa: TC001  # pydantic reads it at run time
from fastagentic.core.words import iso_time
from fastagentic.dashboard.query import ScopeQuery
from fastagentic.store.queries.calls import CallOrder
from fastagentic.store.queries.calls import calls as ask_calls
from fastagentic.store.queries.runs import RunOrder
from fastagentic.store.queries.runs import runs as ask_runs

from .sums import FIGURES, Answer, Figures, figures

if TYPE_CHECKING:
    from fastagentic.store.queries.calls import CallRow
    from fastagentic.store.queries.runs import RunRow
    from fastagentic.store.queries.sql import Reader

LIMIT = 50
MOST = 10_000


class Direction(StrEnum):
    """Largest or latest first, or the other way round."""

    DESC = "desc"
    ASC = "asc"


class Paged(ScopeQuery):
    """One page of a list."""

    order: Direction = Field(Direction.DESC, description="Largest or latest first, or last")
    limit: int = Field(LIMIT, ge=1, le=MOST, description="How many at most")
    page: int = Field(1, ge=1, le=1_000_000, description="Which page of so many")

    @property
    def part(self) -> dict[str, Any]:
        """The page, as a question to the store takes it."""
        return {
            "is_ascending": self.order is Direction.ASC,
            "limit": self.limit,
            "offset": (self.page - 1) * self.limit,
        }


class RunsQuery(Paged):
    """Which runs, in which order."""

    sort: RunOrder = Field(RunOrder.STARTED, description="What they are sorted by")
    all: bool = Field(False, description="Also calls outside any run, and those of runs that have not ended")


class CallsQuery(Paged):
    """Which calls, in which order."""

    sort: CallOrder = Field(CallOrder.STARTED, description="What they are sorted by")


class Run(Figures):
    """A run and what its calls came to."""

    run_id: str
    is_run: bool = Field(description="False: calls outside any run, or whose run has not ended")
    external_id: str | None
    name: str | None
    user: str | None
    session: str | None
    tenant: str | None
    tags: list[str]
    started: str
    ended: str
    started_ns: int = Field(exclude=True)
    duration_s: float
    status: str
    error_type: str | None


RUN_NAMES = (
    "run_id", "external_id", "name", "user", "session", "tenant", "tags",
    "started", "ended", "duration_s", "status", "error_type", *FIGURES,
)  # fmt: skip


class Runs(Answer):
    """One page of the runs, and how many there are in all."""

    total: int
    page: int
    pages: int
    rows: list[Run]


class Call(Answer):
    """One LLM call. Null is unknown."""

    run_id: str
    trace_id: str
    span_id: str
    started: str
    started_ns: int = Field(exclude=True)
    duration_s: float
    endpoint: str | None = Field(description="The name of its run, where that has ended")
    operation: str | None
    provider: str | None
    model: str | None
    response_model: str | None
    gateway: str | None
    user: str | None
    session: str | None
    tenant: str | None
    tags: list[str]
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None
    cost_source: str | None
    saved: float | None
    cache_status: str | None
    target: str | None
    retries: int | None
    time_to_first_chunk_s: float | None
    outcome: Outcome
    error_type: str | None


CALL_NAMES = tuple(name for name in Call.model_fields if name != "started_ns")


class Calls(Answer):
    """One page of the calls, and how many there are in all."""

    total: int
    page: int
    pages: int
    rows: list[Call]


def runs(connection: Reader, query: RunsQuery, now_ns: int) -> Runs:
    """One page of the runs."""
    found = ask_runs(
        connection,
        query.scope(now_ns),
        order=query.sort,
        **query.part,
        lone_calls=query.all,
    )
    return Runs(total=found.total, page=query.page, pages=_pages(found.total, query.limit), rows=list(map(run_of, found.rows)))


def calls(connection: Reader, query: CallsQuery, now_ns: int) -> Calls:
    """One page of the calls."""
    found = ask_calls(
        connection,
        query.scope(now_ns),
        order=query.sort,
        **query.part,
    )
    return Calls(
        total=found.total, page=query.page, pages=_pages(found.total, query.limit), rows=list(map(call_of, found.rows))
    )


def run_of(row: RunRow) -> Run:
    """A run as the API says it."""
    return Run(
        run_id=row.run_id,
        is_run=row.is_run,
        external_id=row.external_id,
        name=row.name,
        user=row.user_id,
        session=row.session_id,
        tenant=row.tenant_id,
        tags=list(row.tags),
        started=iso_time(row.started_ns) or "",
        ended=iso_time(row.ended_ns) or "",
        started_ns=row.started_ns,
        duration_s=row.duration_s,
        status=row.status,
        error_type=row.error_type,
        **figures(row),
    )


def call_of(row: CallRow) -> Call:
    """A call as the API says it."""
    return Call(
        run_id=row.run_id,
        trace_id=row.trace_id,
        span_id=row.span_id,
        started=iso_time(row.started_ns) or "",
        started_ns=row.started_ns,
        duration_s=row.duration_s,
        endpoint=row.endpoint,
        operation=row.operation,
        provider=row.provider,
        model=row.model,
        response_model=row.response_model,
        gateway=row.gateway,
        user=row.user_id,
        session=row.session_id,
        tenant=row.tenant_id,
        tags=list(row.tags),
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost=row.cost_usd,
        cost_source=row.cost_source,
        saved=row.saved_usd,
        cache_status=row.cache_status,
        target=row.target_name or row.target_path,
        retries=row.retries,
        time_to_first_chunk_s=row.time_to_first_chunk_s,
        outcome=row.outcome,
        error_type=row.error_type,
    )


def _pages(total: int, limit: int) -> int:
    return max(1, -(-total // limit))
