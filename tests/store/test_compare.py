"""Two scopes side by side: what changed, why, and which calls explain it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from fastagentic.store.queries.compare import Comparison, compare
from fastagentic.store.queries.dimensions import GroupBy
from fastagentic.store.queries.scope import Scope
from fastagentic.store.reader import open_store

from .build import call, priced, store

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.store.rows import StoredSpan


def compared(path: Path, before: list[StoredSpan], after: list[StoredSpan], by: GroupBy = GroupBy.MODEL) -> Comparison:
    """What is different between calls of yesterday and of today."""
    middle = call(ago_h=12).started_ns
    with open_store(store(path / "store.db", [*before, *after])) as connection:
        return compare(connection, Scope(until_ns=middle), Scope(since_ns=middle), by=by)


def old(usd: float, tokens: int = 100, **facts: object) -> StoredSpan:
    return priced(usd, ago_h=24, tokens_in=tokens, **facts)


def new(usd: float, tokens: int = 100, **facts: object) -> StoredSpan:
    return priced(usd, ago_h=1, tokens_in=tokens, **facts)


def hit(ago_h: float) -> StoredSpan:
    return priced(0.0, ago_h=ago_h, tokens_in=100, cache="hit", hit=True, saved=1.0)


CHANGES: list[tuple[str, list[StoredSpan], list[StoredSpan], float]] = [
    ("volume", [old(1.0)], [new(1.0), new(1.0)], 1.0),
    ("price", [old(1.0)], [new(3.0)], 2.0),
    ("tokens", [old(1.0)], [new(2.0, tokens=200)], 1.0),
    ("cache", [old(1.0), old(1.0)], [new(1.0), hit(1)], -1.0),
    ("mix", [old(1.0, model="small")], [new(5.0, model="large")], 4.0),
    ("volume", [], [new(2.0)], 2.0),
    ("volume", [old(2.0)], [], -2.0),
    ("cache", [old(1.0)], [hit(1)], -1.0),
    ("cache", [hit(24)], [new(1.0)], 1.0),
]


@pytest.mark.parametrize(("effect", "before", "after", "usd"), CHANGES)
def test_a_change_in_spend_is_put_down_to(
    tmp_path: Path, effect: str, before: list[StoredSpan], after: list[StoredSpan], usd: float
) -> None:
    found = compared(tmp_path, before, after)

    assert {name: getattr(found.effects, name) for name in ("volume", "mix", "cache", "tokens", "price")} == {
        **dict.fromkeys(("volume", "mix", "cache", "tokens", "price"), 0.0),
        effect: pytest.approx(usd),
    }


def test_effects_add_up_to_the_change(tmp_path: Path) -> None:
    before = [old(1.0, 50), old(2.5, 700, model="large"), hit(24), old(0.1, model="gone")]
    after = [new(0.7, 90), new(2.5, 350, model="large"), new(2.0, 200, model="large"), new(0.3, model="new"), hit(1), hit(1)]
    found = compared(tmp_path, before, after)

    assert found.before.cost_usd is not None
    assert found.after.cost_usd is not None
    assert math.isclose(found.effects.total, found.after.cost_usd - found.before.cost_usd)
    assert math.isclose(sum(change.cost_usd for change in found.changes), found.effects.total)


def test_the_groups_that_changed_most_come_first_with_their_dearest_calls(tmp_path: Path) -> None:
    before = [old(1.0, user="a"), old(1.0, user="b")]
    after = [new(1.1, user="a"), new(4.0, user="b"), new(3.0, user="b"), new(0.5)]
    found = compared(tmp_path, before, after, GroupBy.USER)

    assert [(change.key, change.cost_usd) for change in found.changes] == [
        ("b", 6.0), (None, 0.5), ("a", pytest.approx(0.1)),
    ]  # fmt: skip
    assert [call.cost_usd for call in found.explaining] == [4.0, 3.0]


def test_when_less_is_spent_the_calls_that_are_gone_explain_it(tmp_path: Path) -> None:
    found = compared(tmp_path, [old(9.0), old(1.0)], [new(1.0)])

    assert [call.cost_usd for call in found.explaining] == [9.0, 1.0]


def test_nothing_changed_needs_no_explanation(tmp_path: Path) -> None:
    assert compared(tmp_path, [old(1.0)], [new(1.0)]).explaining == ()


def test_two_models_of_one_time_are_compared_with_each_other(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [old(1.0, model="small"), old(3.0, model="large")])
    with open_store(path) as connection:
        found = compare(connection, Scope(model="small"), Scope(model="large"), by=GroupBy.USER)

    assert (found.effects.price, found.effects.volume, found.effects.mix) == (2.0, 0.0, 0.0)


@pytest.mark.parametrize("by", list(GroupBy))
def test_any_grouping_can_be_compared(tmp_path: Path, by: GroupBy) -> None:
    (tmp_path / by).mkdir()
    found = compared(tmp_path / by, [old(1.0, user="u", tags=("t",))], [new(2.0, user="u", tags=("t",), session="s")], by)

    assert found.effects.total == 1.0
    assert found.explaining[0].cost_usd in (1.0, 2.0)
