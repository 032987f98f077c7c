"""What becomes of the spans that are put: one row each, once, whatever is in them."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastagentic.store.file import StoreFile
from fastagentic.store.projection import project
from fastagentic.store.rows import StoredSpan

from .build import RUN_ID, ask, call, count, priced, run, store, writer

if TYPE_CHECKING:
    from collections import Counter


def test_what_was_put_is_in_the_store_after_a_flush(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.db"
    writing = writer(path)

    writing.put(run("report"))
    writing.put(priced(0.25, tokens_in=10, tokens_out=5, tags=("a", "b"), user="u-1"))

    assert writing.flush(10)
    columns = "run_id, model, provider, input_tokens, output_tokens, cost_usd, cost_source, user_id, tags"
    assert ask(path, f"SELECT {columns} FROM calls") == [
        (RUN_ID, "gpt-4o-mini", "openai", 10, 5, 0.25, "gateway", "u-1", '["a","b"]')
    ]
    assert ask(path, "SELECT run_id, name FROM runs") == [(RUN_ID, "report")]
    assert count(path, "spans") == 2
    assert writing.close(10)


def test_nothing_is_made_until_a_span_is_put(tmp_path: Path) -> None:
    writing = writer(tmp_path / "home" / "store.db")

    assert writing.close(10)
    assert not (tmp_path / "home").exists()


def test_a_closed_writer_opens_again_when_more_is_put(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    writing = writer(path)
    writing.put(call())
    assert writing.close(10)

    writing.put(call())

    assert writing.close(10)
    assert count(path, "calls") == 2


def test_the_log_is_carried_over_after_several_full_batches_and_at_the_end(tmp_path: Path) -> None:
    path, file = tmp_path / "store.db", StoreFile(tmp_path / "store.db", busy_s=1)
    pages_of_sqlites_own_choice = 1_000
    for _ in range(2):
        file.write([project(call(model="m" * 4_000)) for _ in range(pages_of_sqlites_own_choice)], {})

    assert path.stat().st_size < 1_000_000
    assert path.with_name("store.db-wal").stat().st_size > 8_000_000
    file.close()
    assert path.stat().st_size > 8_000_000


def test_a_closed_writer_leaves_one_file_alone_to_copy(tmp_path: Path) -> None:
    path = store(tmp_path / "home" / "store.db", [call()])

    assert [file.name for file in path.parent.iterdir()] == ["store.db"]


@pytest.mark.parametrize(
    ("attributes", "calls", "runs"),
    [
        ({"gen_ai.operation.name": "chat"}, 1, 0),
        ({"gen_ai.operation.name": "a word of tomorrow"}, 1, 0),
        ({"gen_ai.operation.name": "invoke_workflow"}, 0, 1),
        ({"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "a"}, 0, 1),
        ({"gen_ai.operation.name": "execute_tool"}, 0, 0),
        ({"fastagentic.attempt.number": 1, "gen_ai.operation.name": "chat"}, 0, 0),
        ({}, 0, 0),
    ],
)
def test_a_span_is_a_call_a_run_or_neither_by_its_attributes(
    tmp_path: Path, attributes: dict[str, Any], calls: int, runs: int
) -> None:
    path = store(tmp_path / "store.db", [StoredSpan("a" * 32, "b" * 16, None, "s", 1, 2, "unset", attributes)])

    assert (count(path, "spans"), count(path, "calls"), count(path, "runs")) == (1, calls, runs)


def test_a_call_without_a_run_belongs_to_its_trace(tmp_path: Path) -> None:
    path = store(
        tmp_path / "store.db",
        [StoredSpan("c" * 32, "d" * 16, None, "chat", 1, 2, "unset", {"gen_ai.operation.name": "chat"})],
    )

    assert ask(path, "SELECT trace_id, run_id FROM calls") == [("c" * 32, "c" * 32)]


def test_the_outermost_span_alone_says_what_the_run_is_whichever_comes_first(tmp_path: Path) -> None:
    outer = run("outer", duration_ns=9_000_000, user="u-1")
    inner = StoredSpan(
        RUN_ID, "e" * 16, outer.span_id, "invoke_workflow inner", outer.started_ns, outer.ended_ns - 1, "error",
        {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "inner", "fastagentic.run.id": RUN_ID,
         "error.type": "ValueError", "session.id": "s-1"},
    )  # fmt: skip

    for order, spans in enumerate(([outer, inner], [inner, outer], [inner, outer, inner])):
        path = store(tmp_path / f"{order}.db", spans)
        assert ask(path, "SELECT name, user_id, session_id, status, error_type, ended_ns FROM runs") == [
            ("outer", "u-1", None, "unset", None, outer.ended_ns)
        ]


SPANS = st.lists(
    st.builds(
        lambda number, cost, started, is_run: StoredSpan(
            RUN_ID, f"{number:016x}", None, "n", started, started + number, "unset",
            {"gen_ai.operation.name": "invoke_workflow" if is_run else "chat", "gen_ai.workflow.name": f"n{number}",
             "gen_ai.usage.cost": cost, "fastagentic.cost.source": "gateway"},
        ),
        st.integers(1, 12), st.floats(0, 10), st.integers(1, 5), st.booleans(),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda span: span.span_id,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(spans=SPANS, data=st.data())
def test_repeats_in_any_order_change_nothing(spans: list[StoredSpan], data: st.DataObject) -> None:
    repeated = data.draw(st.permutations(spans + data.draw(st.lists(st.sampled_from(spans), max_size=5))))
    with tempfile.TemporaryDirectory() as directory:
        once, often = Path(directory, "once.db"), Path(directory, "often.db")
        for path, batches in ((once, [spans]), (often, [[span] for span in repeated])):
            file = StoreFile(path, busy_s=1)
            for batch in batches:
                assert file.write([project(span) for span in batch], {}) == 0
            file.close()

        for query in ("SELECT * FROM calls ORDER BY span_id", "SELECT * FROM spans ORDER BY span_id"):
            assert ask(once, query) == ask(often, query)
        ends = "SELECT run_id, started_ns, ended_ns FROM runs"
        assert ask(once, ends) == ask(often, ends)


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(st.characters()), st.binary(),
    st.lists(st.one_of(st.text(st.characters()), st.floats(), st.integers()), max_size=3).map(tuple),
)  # fmt: skip
KEYS = st.sampled_from(
    ["gen_ai.usage.cost", "gen_ai.usage.input_tokens", "fastagentic.tags", "user.id", "gen_ai.request.model",
     "fastagentic.cache.hit", "error.type", "fastagentic.run.id", "gen_ai.response.time_to_first_chunk", "x"]
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(attributes=st.dictionaries(KEYS, ANYTHING), started=st.integers(), ended=st.integers(), name=st.text(st.characters()))
def test_no_value_takes_a_batch_with_it(attributes: dict[str, Any], started: int, ended: int, name: str) -> None:
    strange = StoredSpan(
        "a" * 32, "b" * 16, None, name, started, ended, "unset", {"gen_ai.operation.name": "chat", **attributes}
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "store.db")
        file = StoreFile(path, busy_s=1)

        assert file.write([project(strange), project(call())], {}) == 0

        file.close()
        assert count(path, "calls") == 2
        assert ask(path, "SELECT MIN(duration_ns) >= 0, COUNT(json(attributes)) FROM calls JOIN spans USING (span_id)") == [
            (1, 2)
        ]


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -float("inf"), "a lot", 10**400])
def test_a_cost_that_is_no_number_is_an_unknown_cost(tmp_path: Path, cost: Any) -> None:
    path = store(tmp_path / "store.db", [priced(cost)])

    assert ask(path, "SELECT cost_usd, cost_source FROM calls") == [(None, "unknown")]


def test_text_that_is_no_utf8_keeps_the_rest(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call(user="u-\ud800-1", model="gpt \udcff")])

    assert ask(path, "SELECT user_id, model FROM calls") == [("u-?-1", "gpt ?")]


def test_a_span_that_cannot_be_read_is_left_out_alone_and_counted(tmp_path: Path, swallows_failures: Counter[Any]) -> None:
    path = tmp_path / "store.db"

    def convert(item: StoredSpan | None) -> StoredSpan:
        if item is None:
            raise ValueError("not a span")
        return item

    writing = writer(path, convert=convert)
    for item in (call(), None, call()):
        writing.put(item)  # type: ignore[arg-type]

    assert writing.close(10)
    assert count(path, "calls") == 2
    assert writing.dropped == 1
    assert ask(path, "SELECT reason, spans FROM drops") == [("unreadable span", 1)]
    assert swallows_failures


def test_a_span_that_sqlite_will_not_take_is_left_out_alone_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    nameless: Any = None
    writing = writer(path)

    writing.put(call())
    writing.put(StoredSpan(nameless, "b" * 16, None, "chat", 1, 2, "unset", {"gen_ai.operation.name": "chat"}))
    writing.put(call())

    assert writing.close(10)
    assert count(path, "calls") == count(path, "spans") == 2
    assert writing.dropped == 1
    assert ask(path, "SELECT reason, spans FROM drops") == [("unreadable span", 1)]


def test_a_full_queue_drops_the_oldest_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    writing = writer(path, capacity=10, window_s=3_600)
    spans = [call() for _ in range(25)]

    for span in spans:
        writing.put(span)

    assert writing.close(10)
    assert writing.dropped == 25 - count(path, "calls") > 0
    assert ask(path, "SELECT reason, spans FROM drops") == [("queue full", writing.dropped)]
    assert ask(path, "SELECT 1 FROM calls WHERE span_id = ?", spans[-1].span_id)


def test_importing_the_writer_imports_nothing_heavy() -> None:
    heavy = ("sqlite3", "pydantic", "typer", "rich", "platformdirs", "json")
    script = f"import sys, fastagentic.store.writer; print([name for name in {heavy!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
