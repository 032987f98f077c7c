"""Every question of `store/queries/`, asked of one store: what two stores that hold the same must agree on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastagentic.core.names import Outcome
from fastagentic.store.queries import (
    calls,
    choices,
    compare,
    costs,
    extent,
    find_run,
    model_table,
    models,
    overview,
    reliability,
    run_tree,
    runs,
    series,
    status,
    traffic,
    unpriced,
)
from fastagentic.store.queries.dimensions import GroupBy
from fastagentic.store.queries.scope import EVERYTHING, NONE, Scope
from fastagentic.store.reader import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    Question = Callable[[Any], Any]

MANY = 100_000
SCOPES = {
    "all": EVERYTHING,
    "a model": Scope(model="gpt-4o-mini"),
    "a tag": Scope(tag="batch"),
    "no user": Scope(user=NONE),
    "no tag": Scope(tag=NONE),
    "an endpoint": Scope(endpoint="report"),
    "errors": Scope(outcome=Outcome.ERROR),
    "rescued": Scope(outcome=Outcome.RESCUED_BY_FALLBACK),
    "a text": Scope(search="OpenAI"),
    "several": Scope(provider="openai", gateway="portkey", tenant=NONE),
}


def answers(path: Path) -> dict[str, Any]:
    """The answers by question."""
    with open_store(path) as connection:
        return {name: ask(connection) for name, ask in questions(connection)}


def questions(connection: Any, many: int = MANY, among: Collection[str] = ()) -> Iterator[tuple[str, Question]]:
    """Each question with a name; times and runs to ask for are taken from the store itself.

    A list of runs has `many` at most. `among`: of the scopes only those of these names.
    """
    start_ns, end_ns = connection.execute("SELECT MIN(started_ns), MAX(started_ns) + 1 FROM calls").fetchone()
    middle_ns = (start_ns + end_ns) // 2
    halves = EVERYTHING.between(start_ns, middle_ns), EVERYTHING.between(middle_ns, end_ns)
    scopes = {**SCOPES, "the first half": halves[0], "the second half": halves[1]}
    for name, scope in ((name, scopes[name]) for name in among or scopes):
        for ask in (_of_a_scope(scope), _lists(scope, start_ns, end_ns, many)):
            yield from ((f"{question} of {name}", answer) for question, answer in ask.items())
    yield "changes", lambda one: {by: compare.changes(one, *halves, by=by) for by in GroupBy}
    yield "effects", lambda one: compare.effects(one, *halves)
    yield "comparison", lambda one: compare.compare(one, *halves, by=GroupBy.MODEL, explaining=0)
    yield "trees", lambda one: [run_tree.run_tree(one, run.run_id) for run in runs.runs(one, lone_calls=True, limit=20).rows]
    yield "models", models.seen_models
    yield "groups", reliability.groups
    yield "lost attempts", reliability.lost_attempts
    yield "requests", reliability.requests
    yield "found runs", _found_runs
    yield "new calls", _new_calls
    yield "unpriced", unpriced.unpriced_calls
    yield "extent", lambda one: extent.extent(one).last > 0
    yield "status", _status


def _of_a_scope(scope: Scope) -> dict[str, Question]:
    return {
        "costs": lambda one: {by: costs.costs(one, scope, by=by) for by in GroupBy},
        "total": lambda one: costs.total(one, scope),
        "overview": lambda one: overview.overview(one, scope),
        "spend": lambda one: overview.spend(one, scope, now_ns=_latest(one)),
        "models": lambda one: model_table.model_table(one, scope),
        "traffic": lambda one: traffic.traffic(one, scope),
        "choices": lambda one: {by: choices.choices(one, by, scope) for by in GroupBy},
    }


def _lists(scope: Scope, start_ns: int, end_ns: int, many: int) -> dict[str, Question]:
    timed = scope if scope.since_ns is not None else scope.between(start_ns, end_ns)
    return {
        "series": lambda one: [series.series(one, timed, now_ns=end_ns, by=by) for by in (GroupBy.MODEL, GroupBy.TAG)],
        "runs": lambda one: [runs.runs(one, scope, order=order, lone_calls=True, limit=many) for order in runs.RunOrder],
        "calls": lambda one: [_unnumbered(calls.calls(one, scope, order=order, limit=100)) for order in calls.CallOrder],
    }


def _latest(connection: Any) -> int:
    return int(connection.execute("SELECT MAX(started_ns) FROM calls").fetchone()[0])


def _unnumbered(page: calls.CallPage) -> Any:
    """In what order calls were stored is nothing that two stores have to agree on."""
    return page.total, [
        tuple(getattr(row, name) for name in calls.CallRow.__dataclass_fields__ if name != "number") for row in page.rows
    ]


def _found_runs(connection: Any) -> list[str]:
    known = runs.runs(connection, limit=20).rows
    names = [name for run in known for name in (run.run_id, run.external_id, run.run_id[:12]) if name]
    return [find_run.find_run(connection, name) for name in names]


def _new_calls(connection: Any) -> Any:
    """All that came after the beginning and nothing after the end: the cursors themselves are the store's own."""
    scope, last = Scope(outcome=Outcome.RESCUED_BY_FALLBACK), calls.last_call(connection)
    new = calls.newer_calls(connection, 0, scope, limit=MANY)
    found = sorted(new.rows, key=lambda row: (row.started_ns, row.trace_id, row.span_id))
    return new.cursor == last, calls.newer_calls(connection, last).rows, _unnumbered(calls.CallPage(tuple(found), 0))


def _status(connection: Any) -> tuple[Any, ...]:
    found = status.status(connection, Path("store.db"))
    return found.spans, found.calls, found.runs, found.oldest_ns, found.newest_ns, found.drops, found.unpriced
