"""Which runs there were, how people name one, and what happened inside."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fastagentic.core.errors import UnknownRunError
from fastagentic.core.ids import format_trace_id, trace_id_of
from fastagentic.store.projection import SpanKind
from fastagentic.store.queries.find_run import find_run
from fastagentic.store.queries.run_tree import SpanNode, run_tree
from fastagentic.store.queries.runs import RunOrder, RunRow, runs
from fastagentic.store.queries.scope import Scope
from fastagentic.store.queries.sql import SQLITE
from fastagentic.store.reader import open_store
from fastagentic.store.rows import StoredSpan

from .build import HOUR_NS, RUN_ID, call, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path


def listed(path: Path, since_ns: int | None = None, **options: object) -> list[RunRow]:
    with open_store(path) as connection:
        return list(runs(connection, Scope(since_ns=since_ns), **options).rows)  # type: ignore[arg-type]


def found(path: Path, text: str) -> str:
    with open_store(path) as connection:
        return find_run(connection, text)


# --- the list -------------------------------------------------------------------------------------


def test_a_run_is_listed_with_the_totals_of_its_calls(tmp_path: Path) -> None:
    path = store(
        tmp_path / "store.db",
        [
            run("report", user="u-1", tags=("batch",), external_id="order-42", duration_ns=3_000_000_000),
            priced(0.5, tokens_in=10, tokens_out=2),
            priced(0.0, cache="hit", hit=True, saved=0.1),
            call(error="RateLimitError"),
            call(source="unknown"),
        ],
    )

    (row,) = listed(path)

    assert (row.run_id, row.name, row.external_id, row.user_id, row.tags) == (RUN_ID, "report", "order-42", "u-1", ("batch",))
    assert (row.calls, row.errors, row.hits, row.unpriced, row.cost_usd, row.saved_usd) == (4, 1, 1, 1, 0.5, 0.1)
    assert (row.input_tokens, row.output_tokens, row.duration_s, row.is_run) == (10, 2, 3.0, True)


def test_a_run_without_calls_is_listed_too(tmp_path: Path) -> None:
    (row,) = listed(store(tmp_path / "store.db", [run()]))

    assert (row.calls, row.cost_usd) == (0, 0.0)


def three_runs(path: Path) -> Path:
    spans = []
    for digit, ago_h, usd, seconds in (("1", 3, 0.5, 9), ("2", 2, 2.0, 1), ("3", 1, 1.0, 5)):
        spans += [
            run(f"r{digit}", run_id=digit * 32, ago_h=ago_h, duration_ns=seconds * 10**9),
            priced(usd, run_id=digit * 32, ago_h=ago_h),
        ]
    return store(path, spans)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (RunOrder.STARTED, ["r3", "r2", "r1"]),
        (RunOrder.COST, ["r2", "r3", "r1"]),
        (RunOrder.DURATION, ["r1", "r3", "r2"]),
    ],
)
def test_runs_are_sorted_by(tmp_path: Path, order: RunOrder, names: list[str]) -> None:
    path = three_runs(tmp_path / "store.db")

    assert [row.name for row in listed(path, order=order)] == names
    assert [row.name for row in listed(path, order=order, limit=2)] == names[:2]


def test_only_runs_begun_since_are_listed(tmp_path: Path) -> None:
    path = three_runs(tmp_path / "store.db")
    since_ns = run(ago_h=2.5).started_ns

    assert [row.name for row in listed(path, since_ns=since_ns)] == ["r3", "r2"]


def test_calls_outside_a_run_are_listed_only_when_asked_for(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run(ago_h=1), priced(0.1), priced(0.2, run_id="f" * 32, error="Boom")])

    assert [row.run_id for row in listed(path)] == [RUN_ID]
    lone, _ = listed(path, lone_calls=True)
    assert (lone.run_id, lone.is_run, lone.name, lone.calls, lone.status) == ("f" * 32, False, None, 1, "error")


# --- naming one -----------------------------------------------------------------------------------

A_UUID = uuid.UUID("0190b5a2-7c1e-7abc-8def-0123456789ab")


@pytest.mark.parametrize(
    "text", [A_UUID.hex, str(A_UUID), str(A_UUID).upper(), f"  {A_UUID.hex.upper()} ", "0190b5", "0190B5A2-7c1e", A_UUID.urn]
)
def test_a_run_is_found_by_its_id_a_uuid_spelling_or_a_prefix(tmp_path: Path, text: str) -> None:
    path = store(tmp_path / "store.db", [run(run_id=A_UUID.hex), run("other")])

    assert found(path, text) == A_UUID.hex


def test_a_run_is_found_by_the_text_people_gave_it(tmp_path: Path) -> None:
    run_id = format_trace_id(trace_id_of("order-42"))
    path = store(tmp_path / "store.db", [run(run_id=run_id, external_id="order-42"), run("other")])

    assert found(path, "order-42") == run_id


def test_a_run_that_has_not_ended_is_found_by_the_text_people_gave_it(tmp_path: Path) -> None:
    run_id = format_trace_id(trace_id_of("order-42"))
    path = store(tmp_path / "store.db", [call(run_id=run_id)])

    assert found(path, "order-42") == run_id


def test_a_run_inside_a_foreign_trace_is_found_by_the_trace_id(tmp_path: Path) -> None:
    inside = call()
    foreign = StoredSpan("f" * 32, inside.span_id, None, inside.name, 1, 2, "unset", inside.attributes)
    path = store(tmp_path / "store.db", [foreign])

    assert found(path, "f" * 32) == RUN_ID


def test_a_run_that_spans_its_own_trace_and_others_is_found_as_a_whole(tmp_path: Path) -> None:
    own, other, stray = call(), replace(call(model="gpt-4o"), trace_id="cd" * 16), call(run_id="cd" * 16)
    path = store(tmp_path / "store.db", [own, other, stray, run()])

    with open_store(path) as connection:
        assert {node.span_id for node in run_tree(connection, RUN_ID).roots} >= {own.span_id, other.span_id}
        assert stray.span_id not in {node.span_id for node in run_tree(connection, RUN_ID).roots}
        assert find_run(connection, RUN_ID[:8]) == RUN_ID
        assert [row.run_id for row in runs(connection, Scope(model="gpt-4o")).rows] == [RUN_ID]
        assert [row.run_id for row in runs(connection, Scope(model="gpt-4o-mini")).rows] == [RUN_ID]


def test_no_row_of_another_run_is_read_to_find_the_calls_of_one(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call()])

    with open_store(path) as connection:
        query = f"EXPLAIN QUERY PLAN SELECT * FROM {SQLITE.calls_of_run('= ?')}"
        plan = [row[3].partition(" USING ")[0] for row in connection.execute(query, (RUN_ID, RUN_ID))]

    assert [step for step in plan if "spans" in step or "calls" in step] == ["SEARCH spans", "SEARCH spans", "SEARCH calls"]


def test_an_ambiguous_prefix_names_the_runs_it_could_be(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run(run_id="abcdef" + "1" * 26), run(run_id="abcdef" + "2" * 26)])

    with pytest.raises(UnknownRunError, match=f"'abcdef' names 2 runs: {'abcdef' + '1' * 26}, {'abcdef' + '2' * 26}"):
        found(path, "abcdef")


def test_five_digits_are_no_prefix(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run()])

    with pytest.raises(UnknownRunError):
        found(path, RUN_ID[:5])


def test_an_unknown_run_is_answered_with_near_ones(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run("nightly-report", external_id="order-42"), run("chat", run_id="1" * 32)])

    with pytest.raises(UnknownRunError, match=r"no run 'order-43'\. Near to it: order-42 \(nightly-report\)\. "):
        found(path, "order-43")
    with pytest.raises(UnknownRunError, match=r"Near to it: order-42 \(nightly-report\)"):
        found(path, "nightly-report")


def test_an_unknown_run_far_from_all_is_answered_with_recent_ones(tmp_path: Path) -> None:
    path = three_runs(tmp_path / "store.db")

    with pytest.raises(UnknownRunError, match=rf"Recent runs: {'3' * 32} \(r3\), {'2' * 32} \(r2\), {'1' * 32}"):
        found(path, "something else")


def test_an_unknown_run_in_a_store_without_runs_says_so(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call(run_id="f" * 32)])

    with pytest.raises(UnknownRunError, match="the store has no runs yet"):
        found(path, "order-43")


# --- the tree -------------------------------------------------------------------------------------


def told(node: SpanNode) -> tuple[str, list[object]]:
    return node.name, [told(child) for child in node.children]


def test_a_run_is_a_tree_of_its_spans_in_order_of_time(tmp_path: Path) -> None:
    root = run("report", duration_ns=HOUR_NS)
    first = priced(0.5, parent=root.span_id, ago_h=0.5, retries=1, target="config.targets[1]")
    second = call(parent=root.span_id, ago_h=0.25)
    attempt = StoredSpan(
        RUN_ID, "a" * 16, second.span_id, "attempt 1", second.started_ns, second.ended_ns, "error",
        {"fastagentic.attempt.number": 1, "fastagentic.run.id": RUN_ID, "error.type": "Timeout"},
    )  # fmt: skip
    path = store(tmp_path / "store.db", [attempt, second, first, root])

    with open_store(path) as connection:
        tree = run_tree(connection, RUN_ID)

    (top,) = tree.roots
    assert told(top) == (
        "invoke_workflow report",
        [("chat gpt-4o-mini", []), ("chat gpt-4o-mini", [("attempt 1", [])])],
    )
    assert [child.kind for child in top.children] == [SpanKind.CALL, SpanKind.CALL]
    facts = top.children[0].call
    assert facts is not None
    assert (facts.cost_usd, facts.retries, facts.target_path) == (0.5, 1, "config.targets[1]")
    assert top.children[1].children[0].call is None
    assert tree.run.calls == 2


def test_spans_whose_parent_is_not_there_stand_beside_each_other(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call(parent="1" * 16), call(parent="2" * 16)])

    with open_store(path) as connection:
        tree = run_tree(connection, RUN_ID)

    assert len(tree.roots) == 2
    assert not tree.run.is_run


def test_a_span_that_names_itself_as_parent_is_still_shown(tmp_path: Path) -> None:
    span = call()
    odd = StoredSpan(RUN_ID, span.span_id, span.span_id, "odd", 1, 2, "unset", span.attributes)

    with open_store(store(tmp_path / "store.db", [odd])) as connection:
        assert [told(root) for root in run_tree(connection, RUN_ID).roots] == [("odd", [])]


def test_the_tree_of_an_unknown_run_is_an_error(tmp_path: Path) -> None:
    with open_store(store(tmp_path / "store.db", [call()])) as connection, pytest.raises(UnknownRunError):
        run_tree(connection, "f" * 32)
