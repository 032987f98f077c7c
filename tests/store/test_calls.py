"""Single calls: pages of them, and those that are new."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fastagentic.store.queries.calls import CallOrder, calls, last_call, newer_calls
from fastagentic.store.queries.scope import EVERYTHING, Scope
from fastagentic.store.reader import open_store

from .build import call, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path


def test_a_page_of_calls_says_how_many_there_are(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run(), *(priced(float(hour), ago_h=hour) for hour in range(1, 6))])
    with open_store(path) as connection:
        page = calls(connection, limit=2, offset=1)

    assert ([row.cost_usd for row in page.rows], page.total) == ([2.0, 3.0], 5)
    assert {row.endpoint for row in page.rows} == {"report"}


@pytest.mark.parametrize(
    ("order", "costs"),
    [
        (CallOrder.STARTED, [1.0, 3.0, 2.0, None]),
        (CallOrder.COST, [3.0, 2.0, 1.0, None]),
        (CallOrder.DURATION, [2.0, 1.0, 3.0, None]),
        (CallOrder.TOKENS, [1.0, 2.0, 3.0, None]),
    ],
)
def test_calls_are_sorted_by(tmp_path: Path, order: CallOrder, costs: list[float | None]) -> None:
    spans = [
        priced(1.0, ago_h=1, duration_ns=5, tokens_in=9), priced(2.0, ago_h=3, duration_ns=9, tokens_in=5),
        priced(3.0, ago_h=2, duration_ns=4, tokens_in=2), call(ago_h=9, duration_ns=1),
    ]  # fmt: skip
    with open_store(store(tmp_path / "store.db", spans)) as connection:
        assert [row.cost_usd for row in calls(connection, order=order).rows] == costs
        assert [row.cost_usd for row in calls(connection, order=order, is_ascending=True).rows] == costs[::-1]


def test_new_calls_are_those_stored_since_whatever_their_time(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(1.0)])
    with open_store(path) as connection:
        cursor = last_call(connection)
        assert newer_calls(connection, cursor).rows == ()
    store(path, [priced(2.0, ago_h=50), priced(3.0)])

    with open_store(path) as connection:
        first = newer_calls(connection, cursor, limit=1)
        second = newer_calls(connection, first.cursor)
        third = newer_calls(connection, second.cursor)

    assert [[row.cost_usd for row in new.rows] for new in (first, second, third)] == [[2.0], [3.0], []]
    assert third.cursor == second.cursor


def test_new_calls_that_a_filter_leaves_out_are_passed_over(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(1.0, user="u-1"), priced(2.0, user="u-2")])
    with open_store(path) as connection:
        new = newer_calls(connection, 0, Scope(user="u-1", until_ns=1))

        assert [row.cost_usd for row in new.rows] == [1.0]
        assert new.cursor == last_call(connection)


def test_a_store_that_was_emptied_is_new_as_a_whole(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(1.0), priced(2.0)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM calls")
    store(path, [priced(3.0)])

    with open_store(path) as connection:
        assert [row.cost_usd for row in newer_calls(connection, 2).rows] == [3.0]


def test_an_empty_store_has_no_calls(tmp_path: Path) -> None:
    with open_store(store(tmp_path / "store.db", [run()])) as connection:
        assert (last_call(connection), calls(connection, EVERYTHING).rows, newer_calls(connection, 0).rows) == (0, (), ())
