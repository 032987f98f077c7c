"""The questions of the API as a table: address, parameters, who answers, and which part of the answer is a table of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .answers import compare, costs, models, overview, runs, what_if
from .query import GroupedQuery, ScopeQuery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fastagentic.store.queries.sql import Reader

    from .answers.sums import Answer

    Lines = Iterable[Mapping[str, Any]]


@dataclass(slots=True, frozen=True)
class Question:
    """A question about calls in a scope. `columns` and `lines` are its table; without them it has none."""

    name: str
    summary: str
    query: type[ScopeQuery]
    answer: Callable[[Reader, Any, int], Answer]
    model: type[Answer]
    columns: Sequence[str] = ()
    lines: Callable[[Any], Lines] | None = None


def _rows(found: Any) -> Lines:
    return [row.model_dump() for row in found.rows]


def _points(found: costs.Series) -> Lines:
    return [point.model_dump() for point in costs.points(found)]


def _changes(found: compare.Compare) -> Lines:
    return [compare.flat(change) for change in found.changes]


QUESTIONS: Final = (
    Question("overview", "The calls at a glance, and what is being spent", ScopeQuery, overview.overview, overview.Overview),
    Question(
        "costs", "What calls cost, in groups", GroupedQuery, costs.costs, costs.Costs, costs.COST_NAMES, _rows
    ),
    Question(
        "series", "Spend and calls over time", costs.SeriesQuery, costs.series, costs.Series, costs.SERIES_NAMES, _points
    ),
    Question("runs", "Runs, a page at a time", runs.RunsQuery, runs.runs, runs.Runs, runs.RUN_NAMES, _rows),
    Question("calls", "Calls, a page at a time", runs.CallsQuery, runs.calls, runs.Calls, runs.CALL_NAMES, _rows),
    Question("models", "The models side by side", ScopeQuery, models.models, models.Models, models.MODEL_NAMES, _rows),
    Question(
        "compare", "Two times or two models side by side",
        compare.CompareQuery, compare.compare, compare.Compare, compare.CHANGE_NAMES, _changes,
    ),
    Question(
        "what-if", "The recorded calls at other prices",
        what_if.WhatIfQuery, what_if.what_if, what_if.WhatIf, what_if.PRICE_NAMES, _rows,
    ),
)  # fmt: skip
