"""What calls cost, in groups and in sum."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastagentic.store.file import StoreFile
from fastagentic.store.projection import project
from fastagentic.store.queries.costs import CostRow, GroupBy, costs, total
from fastagentic.store.queries.scope import Scope
from fastagentic.store.reader import open_store

from .build import HOUR_NS, RUN_ID, call, priced, run, store

if TYPE_CHECKING:
    from fastagentic.store.queries.sums import Sums
    from fastagentic.store.rows import StoredSpan


def groups(path: Path, by: GroupBy, **options: Any) -> dict[str | None, CostRow]:
    with open_store(path) as connection:
        return {row.key: row for row in costs(connection, Scope(**options), by=by)}


def in_all(path: Path, **options: Any) -> Sums:
    with open_store(path) as connection:
        return total(connection, Scope(**options))


@pytest.mark.parametrize(
    ("by", "facts", "key"),
    [
        ("model", {"model": "asked", "answered": "answered"}, "asked"),
        ("model", {"model": None, "answered": "answered"}, "answered"),
        ("model", {"model": None}, None),
        ("provider", {"provider": "anthropic"}, "anthropic"),
        ("user", {"user": "u-1"}, "u-1"),
        ("user", {}, None),
        ("tenant", {"tenant": "acme"}, "acme"),
        ("session", {"session": "s-7"}, "s-7"),
        ("tag", {"tags": ("batch",)}, "batch"),
        ("tag", {}, None),
        ("endpoint", {}, "report"),
        ("endpoint", {"run_id": "f" * 32}, None),
        ("run", {}, RUN_ID),
        ("gateway", {"gateway": "portkey"}, "portkey"),
        ("outcome", {}, "ok"),
        ("outcome", {"error": "RateLimitError", "retries": 2}, "error"),
        ("outcome", {"retries": 2}, "rescued_by_retry"),
        ("outcome", {"retries": 2, "fallback": True}, "rescued_by_fallback"),
    ],
)
def test_a_call_is_in_the_group_of(tmp_path: Path, by: str, facts: dict[str, Any], key: str | None) -> None:
    path = store(tmp_path / "store.db", [run("report"), priced(0.5, **facts)])

    (row,) = groups(path, GroupBy(by)).values()

    assert (row.key, row.calls, row.cost_usd) == (key, 1, 0.5)


def test_days_are_utc_and_in_order_of_time(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(9.0, ago_h=0), priced(1.0, ago_h=72), priced(5.0, ago_h=48)])

    days = list(groups(path, GroupBy.DAY))

    assert days == [time.strftime("%Y-%m-%d", time.gmtime(time.time() - hours * 3600)) for hours in (72, 48, 0)]


def test_a_call_with_two_tags_counts_in_both_groups_and_once_in_the_total(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(1.0, tags=("a", "b")), priced(0.5, tags=("a",)), priced(0.25)])

    by_tag = groups(path, GroupBy.TAG)

    assert {key: row.cost_usd for key, row in by_tag.items()} == {"a": 1.5, "b": 1.0, None: 0.25}
    assert in_all(path).cost_usd == 1.75


def test_the_dearest_group_comes_first_and_the_unknown_last(tmp_path: Path) -> None:
    path = store(
        tmp_path / "store.db",
        [call(model="unknown", source="unknown"), priced(0.1, model="cheap"), priced(3.0, model="dear")],
    )

    assert list(groups(path, GroupBy.MODEL)) == ["dear", "cheap", "unknown"]


def test_an_unknown_cost_is_none_and_never_zero(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call(source="unknown"), call(source="unknown")])

    assert (in_all(path).cost_usd, in_all(path).unpriced) == (None, 2)


def test_a_group_known_in_part_sums_what_is_known_and_counts_the_rest(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call(source="unknown"), priced(0.5)])

    assert (in_all(path).cost_usd, in_all(path).unpriced) == (0.5, 1)


def test_calls_that_hit_a_cache_or_failed_cost_zero(tmp_path: Path) -> None:
    hit = priced(0.0, saved=0.3, cache="hit", hit=True, tokens_in=7)
    path = store(tmp_path / "store.db", [hit, call(error="RateLimitError")])

    sums = in_all(path)

    assert (sums.cost_usd, sums.saved_usd, sums.unpriced, sums.errors, sums.hits) == (0.0, 0.3, 0, 1, 1)


def test_a_call_that_failed_before_any_usage_alone_costs_zero(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call(error="RateLimitError")])

    assert (in_all(path).cost_usd, in_all(path).unpriced) == (0.0, 0)


def test_a_disabled_cache_is_not_a_lookup(tmp_path: Path) -> None:
    statuses = ("hit", "semantic_hit", "miss", "refresh", "disabled", None)
    path = store(tmp_path / "store.db", [call(cache=s, hit=s in {"hit", "semantic_hit"}) for s in statuses])

    assert (in_all(path).hits, in_all(path).lookups) == (2, 4)


def test_only_calls_of_the_time_asked_for_count(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(1.0, ago_h=30), priced(2.0, ago_h=10), priced(4.0, ago_h=1)])
    now = time.time_ns()

    assert in_all(path, since_ns=now - 24 * HOUR_NS).cost_usd == 6.0
    assert in_all(path, since_ns=now - 24 * HOUR_NS, until_ns=now - 5 * HOUR_NS).cost_usd == 2.0
    assert [row.calls for row in groups(path, GroupBy.MODEL, since_ns=now - 5 * HOUR_NS).values()] == [1]


def test_attempts_and_runs_are_no_calls(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run(), priced(1.0), call(attempt=1), call(operation="execute_tool")])

    assert in_all(path).calls == 1


def test_an_empty_store_sums_to_nothing(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run()])

    assert groups(path, GroupBy.MODEL) == {}
    assert (in_all(path).calls, in_all(path).cost_usd) == (0, 0.0)


def test_cents_add_up_without_the_dust_of_binary_fractions(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(0.1) for _ in range(3)])

    assert in_all(path).cost_usd == 0.3


MAYBE = st.sampled_from([None, "a", "b", "c"])
CALLS = st.lists(
    st.builds(
        lambda known, usd, model, user, tokens, error: call(
            model=model, user=user, tokens_in=tokens, error=error,
            **({"cost": usd, "source": "price_table"} if known else {"source": "unknown"}),
        ),
        st.booleans(), st.decimals(0, 5, places=6).map(float), MAYBE, MAYBE, st.integers(0, 9999), MAYBE,
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(calls=CALLS)
def test_the_groups_add_up_to_the_total_and_both_to_the_calls(calls: list[StoredSpan]) -> None:
    known = [usd for span in calls if isinstance(usd := span.attributes.get("gen_ai.usage.cost"), float)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "store.db")
        file = StoreFile(path, busy_s=1)
        file.write([project(span) for span in calls], {})
        file.close()
        sums = in_all(path)
        for by in set(GroupBy) - {GroupBy.TAG}:
            rows = groups(path, by).values()
            assert sum(row.calls for row in rows) == sums.calls == len(calls)
            assert sum(row.input_tokens for row in rows) == sums.input_tokens
            assert sum(row.unpriced for row in rows) == sums.unpriced == len(calls) - len(known)
            assert math.isclose(sum(row.cost_usd or 0 for row in rows), math.fsum(known), abs_tol=1e-7)
        assert math.isclose(sums.cost_usd or 0.0, math.fsum(known), abs_tol=1e-7)
