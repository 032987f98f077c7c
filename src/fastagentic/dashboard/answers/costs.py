"""What calls cost, in groups and over time; the same rows as `fastagentic costs --json`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fastagentic.core.words import iso_time
from fastagentic.dashboard.query import GroupedQuery
from fastagentic.store.queries import costs as asked
from fastagentic.store.queries.dimensions import GroupBy  # noqa: TC001  # pydantic reads it at run time
from fastagentic.store.queries.series import series as ask_series

from .sums import FIGURES, Answer, Figures, figures

if TYPE_CHECKING:
    from fastagentic.store.queries.sql import Reader

COST_NAMES = ("key", "label", *FIGURES)
SERIES_NAMES = ("start", "key", "is_other", "calls", "cost")


class CostGroup(Figures):
    """A group of calls; `key` null gathers those that have none, `label` is the name of a run."""

    key: str | None
    label: str | None


class Costs(Answer):
    """The groups, dearest first (days in order), and all calls, each counted once."""

    by: GroupBy
    rows: list[CostGroup]
    total: Figures


class SeriesQuery(GroupedQuery):
    """Calls over time, in groups."""

    top: int = Field(7, ge=1, le=20, description="How many groups stand for themselves")


class Layer(Answer):
    """One group over time, a value a step."""

    key: str | None
    is_other: bool = Field(description="All groups that do not stand for themselves")
    cost: list[float]
    calls: list[int]


class Series(Answer):
    """Steps of equal width, which begin at `starts`, UTC, and the groups, dearest first."""

    by: GroupBy
    step_s: float
    starts: list[str]
    layers: list[Layer]


class Point(Answer):
    """One group in one step: a line of the series as a table."""

    start: str
    key: str | None
    is_other: bool
    calls: int
    cost: float


def costs(connection: Reader, query: GroupedQuery, now_ns: int) -> Costs:
    """What calls cost, by what the query says."""
    scope = query.scope(now_ns)
    rows = [
        CostGroup(key=row.key, label=row.label, **figures(row)) for row in asked.costs(connection, scope, by=query.by)
    ]  # fmt: skip
    return Costs(by=query.by, rows=rows, total=Figures(**figures(asked.total(connection, scope))))


def series(connection: Reader, query: SeriesQuery, now_ns: int) -> Series:
    """The same over time."""
    found = ask_series(connection, query.scope(now_ns), now_ns=now_ns, by=query.by, top=query.top)
    layers = [
        Layer(key=one.key, is_other=one.is_other, cost=list(one.cost_usd), calls=list(one.calls)) for one in found.stacks
    ]  # fmt: skip
    starts = [iso_time(start) or "" for start in found.starts_ns]
    return Series(by=query.by, step_s=found.step_ns / 1e9, starts=starts, layers=layers)


def points(found: Series) -> list[Point]:
    """The series as a table, without the steps in which a group has no calls."""
    return [
        Point(start=start, key=layer.key, is_other=layer.is_other, calls=layer.calls[at], cost=layer.cost[at])
        for at, start in enumerate(found.starts)
        for layer in found.layers
        if layer.calls[at]
    ]
