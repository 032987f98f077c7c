"""Two times, or two models, side by side: what changed in spend, what it comes from, and which calls explain it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pydantic import Field

from fastagentic.core.words import iso_time
from fastagentic.dashboard.query import GroupedQuery, Moment, Text, moment_ns
from fastagentic.store.queries.compare import compare as ask_compare

from .runs import Call, call_of
from .sums import FIGURES, Answer, Figures, Took, figures, took

if TYPE_CHECKING:
    from fastagentic.store.queries.scope import Scope
    from fastagentic.store.queries.sql import Reader

DAY_NS: Final = 86_400_000_000_000
EXPLAINING: Final = 10
CHANGE_NAMES = ("key", "cost_change", *(f"{side}_{name}" for side in ("before", "after") for name in FIGURES))


class CompareQuery(GroupedQuery):
    """Two sides: `model` and `other_model` at one time; without the latter the time asked for, and the one before."""

    other_model: Text = Field(None, description="Compare `model` (before) with this one (after), at the same time")
    before_from: Moment = Field(
        None, description="Where the time before begins; as long before as the time asked for, unless said"
    )
    before_to: Moment = Field(None, description="Where it ends; where the time asked for begins, unless said")


class Side(Answer):
    """One side: what it is in words, its time, sums and latency."""

    name: str
    since: str | None
    until: str | None
    total: Figures
    latency: Took


class Effects(Answer):
    """USD of the change by what it comes from; they add up to it."""

    volume: float = Field(description="More or fewer calls, at the mix of models there was")
    mix: float = Field(description="Other models than before")
    cache: float = Field(description="A larger or smaller part of the calls answered by a gateway's cache")
    tokens: float = Field(description="Longer or shorter calls")
    price: float = Field(description="A token costs more or less")


class Change(Answer):
    """One group on both sides, and by how many USD its known cost grew."""

    key: str | None
    cost_change: float
    before: Figures
    after: Figures


class Compare(Answer):
    """Both sides, the change of spend from the first to the second, what it comes from, and the dearest calls behind it."""

    before: Side
    after: Side
    cost_change: float
    effects: Effects
    changes: list[Change] = Field(description="By group, the largest change first")
    explaining: list[Call] = Field(description="The dearest calls of the group that changed most, on the dearer side")


def compare(connection: Reader, query: CompareQuery, now_ns: int) -> Compare:
    """The two sides of the query."""
    (before_name, before), (after_name, after) = _sides(query, now_ns)
    found = ask_compare(connection, before, after, by=query.by, explaining=EXPLAINING)
    return Compare(
        before=_side(before_name, before, Figures(**figures(found.before)), Took(**took(found.latency_before))),
        after=_side(after_name, after, Figures(**figures(found.after)), Took(**took(found.latency_after))),
        cost_change=(found.after.cost_usd or 0.0) - (found.before.cost_usd or 0.0),
        effects=Effects(**{name: getattr(found.effects, name) for name in Effects.model_fields}),
        changes=[
            Change(
                key=change.key,
                cost_change=change.cost_usd,
                before=Figures(**figures(change.before)),
                after=Figures(**figures(change.after)),
            )
            for change in found.changes
        ],
        explaining=[call_of(row) for row in found.explaining],
    )


def flat(change: Change) -> dict[str, object]:
    """A change as a line of a table."""
    sides = {"before": change.before, "after": change.after}
    figures_of = {f"{name}_{field}": value for name, side in sides.items() for field, value in side.model_dump().items()}
    return {"key": change.key, "cost_change": change.cost_change, **figures_of}


def _sides(query: CompareQuery, now_ns: int) -> tuple[tuple[str, Scope], tuple[str, Scope]]:
    scope = query.scope(now_ns)
    if query.other_model is not None:
        return (query.model or "all models", scope), (query.other_model, replace(scope, model=query.other_model))
    end_ns = min(scope.end_ns, now_ns)
    if query.before_from is not None:
        start_ns = moment_ns(query.before_from)
    elif scope.since_ns is None:  # at all has nothing before it: today against all that was
        scope = scope.between(now_ns - now_ns % DAY_NS, None)
        start_ns = 0
    else:
        start_ns = max(0, scope.start_ns - (end_ns - scope.start_ns))
    until_ns = scope.start_ns if query.before_to is None else moment_ns(query.before_to)
    return ("before", scope.between(start_ns, until_ns)), ("after", scope)


def _side(name: str, scope: Scope, total: Figures, latency: Took) -> Side:
    return Side(name=name, since=iso_time(scope.since_ns or None), until=iso_time(scope.until_ns), total=total, latency=latency)
