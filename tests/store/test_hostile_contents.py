"""A store that holds what nobody should have put there: every question answers, in numbers that JSON can say."""

from __future__ import annotations

import json
import math
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, is_dataclass
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.store.file import connect
from fastagentic.store.prune import prune
from fastagentic.store.queries.calls import calls
from fastagentic.store.queries.costs import GroupBy, costs, total
from fastagentic.store.queries.run_tree import run_tree
from fastagentic.store.queries.runs import runs
from fastagentic.store.queries.scope import Scope
from fastagentic.store.reader import open_store
from fastagentic.store.rollups import rebuild
from fastagentic.store.rows import StoredSpan
from fastagentic.store.transaction import transaction

from .answers import answers
from .build import RUN_ID, call, count, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "<script>alert('u')</script>"


def sayable(value: Any) -> Any:
    """As JSON; raises for what JSON has no word for."""
    if is_dataclass(value) and not isinstance(value, type):
        return sayable(asdict(value))
    if isinstance(value, dict):
        return {str(key): sayable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [sayable(one) for one in value]
    return json.loads(json.dumps(value, allow_nan=False))


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """Spans that came in by the writer."""
    ordinary = call().attributes
    odd_times = [(2**63 - 2, 0), (0, 2**63 - 1), (-5, 7), (time.time_ns(), time.time_ns() - 10**12), (2**70, 2**71)]
    spans = [
        StoredSpan(RUN_ID, f"{at:016x}", None, SCRIPT, start, end, "unset", ordinary)
        for at, (start, end) in enumerate(odd_times)
    ]
    odd_costs = [math.nan, math.inf, -math.inf, 1e300, -1.0, 1e-300]
    return store(
        tmp_path / "store.db",
        [
            run(SCRIPT, user=SCRIPT, tags=(SCRIPT, '"', "\ud800")), *spans,
            *(call(cost=cost, source="gateway", saved=cost, first_chunk=cost) for cost in odd_costs),
            priced(0.5, user="x" * 1_000_000, model="\ud800" * 9, tags=tuple("abc")),
            priced(0.5, model=SCRIPT, provider="\x00", session="'; DROP TABLE calls; --", tokens_in=2**62, retries=-3),
        ],
    )  # fmt: skip


def test_every_question_answers_of_whatever_the_writer_was_given(hostile: Path) -> None:
    for question, answer in answers(hostile).items():
        assert sayable(answer) is not None or answer is None, question


def test_what_is_said_in_a_name_stays_what_it_is(hostile: Path) -> None:
    with open_store(hostile) as connection:
        assert runs(connection, Scope(search="<SCRIPT>")).rows[0].name == SCRIPT
        assert costs(connection, Scope(model=SCRIPT), by=GroupBy.SESSION)[0].key == "'; DROP TABLE calls; --"


@pytest.mark.parametrize("cost", [1e300, math.inf, 1_000_000.5])
def test_a_cost_that_no_call_can_have_is_an_unknown_cost(tmp_path: Path, cost: float) -> None:
    with open_store(store(tmp_path / "store.db", [call(cost=cost, source="gateway"), priced(0.5)])) as connection:
        sums = total(connection)

    assert (sums.cost_usd, sums.unpriced) == (0.5, 1)


def test_every_question_answers_of_what_others_wrote_into_the_file(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run(), *(priced(1.0, user="u", tags=("t",)) for _ in range(6))])
    with closing(sqlite3.connect(path)) as connection, connection:
        for row, change in enumerate(
            (
                "cost_usd = 9e999, saved_usd = -9e999, time_to_first_chunk_s = 9e999",
                "duration_ns = -5, input_tokens = 9223372036854775807",
                "input_tokens = 9223372036854775807, output_tokens = 9223372036854775807",
                "model = CAST(x'ff41' AS TEXT), user_id = CAST(x'c328' AS TEXT), error_type = CAST(x'80' AS TEXT)",
                "cost_usd = 'a lot', input_tokens = 'many', retries = 'some', cache_hit = 'yes'",
            ),
            start=1,
        ):
            connection.execute(f"UPDATE calls SET {change} WHERE rowid = ?", (row,))
        connection.execute("UPDATE runs SET name = CAST(x'ff' AS TEXT)")
    with closing(connect(path, busy_s=1)) as connection, transaction(connection):
        rebuild(connection)

    with open_store(path) as connection:
        for answer in (total(connection), runs(connection), calls(connection), run_tree(connection, RUN_ID)):
            assert sayable(answer)
        for by in GroupBy:
            assert sayable(costs(connection, by=by))


def test_an_open_reader_sees_one_moment_whatever_is_written_and_pruned(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run(ago_h=50), priced(1.0, ago_h=50, user="a"), priced(2.0, user="b")])

    with open_store(path) as connection:
        before = total(connection)
        store(path, [priced(4.0, user="c"), priced(8.0, ago_h=49)])
        with closing(connect(path, busy_s=1)) as writing:
            prune(writing, call(ago_h=24).started_ns)
        assert total(connection) == before
        assert sum(row.cost_usd or 0.0 for row in costs(connection, by=GroupBy.USER)) == 3.0
        assert [row.cost_usd for row in runs(connection).rows] == [3.0]

    with open_store(path) as connection:
        assert (total(connection).cost_usd, count(path, "calls")) == (6.0, 2)
