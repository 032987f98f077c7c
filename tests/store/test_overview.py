"""A scope at a glance: rates, latency, spend up to now, the chart over time, the models side by side."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.store.queries import latency
from fastagentic.store.queries.dimensions import GroupBy
from fastagentic.store.queries.model_table import model_table
from fastagentic.store.queries.overview import DAY_NS, overview, spend
from fastagentic.store.queries.scope import EVERYTHING, Scope
from fastagentic.store.queries.series import MOST_STEPS, series
from fastagentic.store.queries.sql import SQLITE
from fastagentic.store.queries.traffic import traffic
from fastagentic.store.reader import open_store
from fastagentic.store.rows import StoredSpan

from .build import HOUR_NS, call, priced, store

if TYPE_CHECKING:
    from pathlib import Path

NOON = int(datetime(2026, 11, 10, 12, tzinfo=UTC).timestamp()) * 10**9


def at(time_ns: int, usd: float = 1.0, **facts: object) -> StoredSpan:
    """A call of known cost at a time."""
    span = priced(usd, **facts)
    return StoredSpan(span.trace_id, span.span_id, None, span.name, time_ns, time_ns + 10**6, "unset", span.attributes)


# --- at a glance ----------------------------------------------------------------------------------


def test_rates_are_parts_of_the_calls_and_of_the_lookups(tmp_path: Path) -> None:
    spans = [
        priced(1.0), call(error="Timeout"), priced(1.0, retries=1), priced(2.0, retries=1, fallback=True),
        priced(0.0, cache="hit", hit=True, saved=0.5), priced(1.0, cache="miss", hit=False), call(source="unknown"),
        priced(0.0),
    ]  # fmt: skip
    with open_store(store(tmp_path / "store.db", spans)) as connection:
        sums = overview(connection, EVERYTHING).sums

    assert (sums.error_rate, sums.retry_rescue_rate, sums.fallback_rescue_rate) == (1 / 8, 1 / 8, 1 / 8)
    assert (sums.hit_rate, sums.saved_usd, sums.cost_per_call_usd) == (0.5, 0.5, 5.0 / 7)


def test_nothing_has_no_rates_and_no_latency(tmp_path: Path) -> None:
    with open_store(store(tmp_path / "store.db", [call()])) as connection:
        nothing = overview(connection, Scope(model="no such"))

    assert (nothing.sums.calls, nothing.sums.cost_usd) == (0, 0.0)
    assert (nothing.sums.error_rate, nothing.sums.hit_rate, nothing.sums.cost_per_call_usd) == (None, None, None)
    assert nothing.latency == latency.NO_LATENCY


def test_quantiles_are_those_of_the_durations_within_the_stated_error(tmp_path: Path) -> None:
    spans = [call(duration_ns=ms * 10**6, first_chunk=ms / 2_000) for ms in range(1, 101)]
    with open_store(store(tmp_path / "store.db", spans)) as connection:
        took = overview(connection, EVERYTHING).latency

    assert took.duration is not None
    assert took.first_chunk is not None
    assert took.duration.count == took.first_chunk.count == 100
    for quantiles, scale in ((took.duration, 1.0), (took.first_chunk, 0.5)):
        assert math.isclose(quantiles.p50_s, 0.050 * scale, rel_tol=latency.RELATIVE_ERROR)
        assert math.isclose(quantiles.p95_s, 0.095 * scale, rel_tol=latency.RELATIVE_ERROR)


@given(nanoseconds=st.integers(1, 2**63 - 1))
def test_a_bin_stands_for_every_duration_in_it_within_the_stated_error(nanoseconds: int) -> None:

    connection = sqlite3.connect(":memory:")
    (number,) = connection.execute(f"SELECT {SQLITE.bin_of('ns')} FROM (SELECT ? AS ns)", (nanoseconds,)).fetchone()
    connection.close()

    error = abs(latency.seconds_of(number) * 1e9 - nanoseconds) / nanoseconds
    # below a microsecond three digits are more than there are
    assert error <= latency.RELATIVE_ERROR * 1.001


@pytest.mark.parametrize(
    ("bins", "p50", "p95"), [({896 + 40: 1}, 40, 40), ({936: 1, 937: 1}, 40, 41), ({936: 19, 937: 1}, 40, 40)]
)
def test_quantiles_are_nearest_ranks(bins: dict[int, int], p50: int, p95: int) -> None:
    found = latency.quantiles(bins)

    assert found is not None
    assert (found.p50_s, found.p95_s) == (latency.seconds_of(896 + p50), latency.seconds_of(896 + p95))


# --- up to now ------------------------------------------------------------------------------------


def test_spend_is_of_today_of_the_last_days_and_of_the_month(tmp_path: Path) -> None:
    days_ago = {0: 1.0, 1: 2.0, 6: 4.0, 7: 8.0, 9: 16.0, 29: 32.0, 30: 64.0}
    path = store(tmp_path / "store.db", [at(NOON - days * DAY_NS, usd) for days, usd in days_ago.items()])
    with open_store(path) as connection:
        found = spend(connection, EVERYTHING, now_ns=NOON)

    assert (found.today.cost_usd, found.last_7_days.cost_usd, found.last_30_days.cost_usd) == (1.0, 7.0, 63.0)
    assert found.month.cost_usd == 31.0
    # seven days cost 14 in all; twenty and a half are left of November
    assert found.month_projected_usd == 31.0 + 2.0 * 20.5


def test_the_projection_of_a_young_store_takes_the_days_there_were(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [at(NOON - 2 * DAY_NS, 3.0), at(NOON - DAY_NS, 1.0)])
    with open_store(path) as connection:
        assert spend(connection, EVERYTHING, now_ns=NOON).month_projected_usd == 4.0 + 2.0 * 20.5


def test_what_began_today_has_no_projection(tmp_path: Path) -> None:
    with open_store(store(tmp_path / "store.db", [at(NOON)])) as connection:
        assert spend(connection, EVERYTHING, now_ns=NOON).month_projected_usd is None


def test_spend_keeps_the_filters_and_not_the_times_of_a_scope(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [at(NOON, 1.0, user="u-1"), at(NOON, 2.0, user="u-2")])
    with open_store(path) as connection:
        assert spend(connection, Scope(since_ns=1, until_ns=2, user="u-2"), now_ns=NOON).today.cost_usd == 2.0


# --- over time ------------------------------------------------------------------------------------


def test_a_series_has_a_value_for_every_step_also_for_those_without_calls(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [at(NOON, 1.0), at(NOON + 10**9, 2.0), at(NOON - 2 * HOUR_NS, 4.0)])
    with open_store(path) as connection:
        found = series(connection, Scope(since_ns=NOON - 3 * HOUR_NS), now_ns=NOON + 10**10, step_ns=HOUR_NS)

    assert found.starts_ns == tuple(NOON + hours * HOUR_NS for hours in (-3, -2, -1, 0))
    (stack,) = found.stacks
    assert (stack.key, stack.cost_usd, stack.calls) == (None, (0.0, 4.0, 0.0, 3.0), (0, 1, 0, 2))


def test_a_series_stacks_the_dearest_and_then_the_others(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [at(NOON, usd, user=user) for usd, user in ((1, "a"), (4, "b"), (2, "c"), (3, None))])
    with open_store(path) as connection:
        found = series(connection, EVERYTHING, now_ns=NOON + 1, by=GroupBy.USER, step_ns=HOUR_NS, top=2)

    assert [(stack.key, stack.is_other, sum(stack.cost_usd)) for stack in found.stacks] == [
        ("b", False, 4.0), (None, False, 3.0), (None, True, 3.0),
    ]  # fmt: skip


@pytest.mark.parametrize(("hours", "step_ns"), [(1, 60 * 10**9), (24, HOUR_NS), (7 * 24, 3 * HOUR_NS), (30 * 24, DAY_NS)])
def test_a_step_is_chosen_so_that_a_chart_can_be_read(tmp_path: Path, hours: int, step_ns: int) -> None:
    with open_store(store(tmp_path / "store.db", [at(NOON)])) as connection:
        found = series(connection, Scope(since_ns=NOON - hours * HOUR_NS + 1), now_ns=NOON)

    assert found.step_ns == step_ns
    assert len(found.starts_ns) <= MOST_STEPS + 1


def test_a_row_with_the_time_zero_does_not_make_a_million_steps(tmp_path: Path) -> None:
    with open_store(store(tmp_path / "store.db", [at(0), at(NOON)])) as connection:
        found = series(connection, EVERYTHING, now_ns=NOON, step_ns=60 * 10**9)

    assert len(found.starts_ns) <= MOST_STEPS + 1
    assert sum(found.stacks[0].calls) == 2


def test_a_series_of_many_users_is_that_of_few_with_the_rest_together(tmp_path: Path) -> None:
    spans = [at(NOON - hour * HOUR_NS, 1.0 + number, user=f"u-{number}") for number in range(60) for hour in (0, 1)]
    with open_store(store(tmp_path / "store.db", [*spans, at(NOON, 118.5)])) as connection:
        found = series(connection, Scope(since_ns=NOON - HOUR_NS), now_ns=NOON + 1, by=GroupBy.USER, step_ns=HOUR_NS, top=2)

    assert [(stack.key, stack.cost_usd, stack.calls) for stack in found.stacks] == [
        ("u-59", (60.0, 60.0), (1, 1)), (None, (0.0, 118.5), (0, 1)), (None, (1770.0, 1770.0), (59, 59)),
    ]  # fmt: skip


def test_an_empty_series_has_steps_and_no_stacks(tmp_path: Path) -> None:
    with open_store(store(tmp_path / "store.db", [call()])) as connection:
        assert series(connection, Scope(model="no such"), now_ns=NOON).stacks == ()


# --- models ---------------------------------------------------------------------------------------


def test_models_stand_side_by_side_with_price_speed_and_failures(tmp_path: Path) -> None:
    spans = [
        priced(0.2, model="small", tokens_in=900, tokens_out=100, duration_ns=10**9), call(model="small", error="Timeout"),
        priced(3.0, model="large", provider="azure"), call(model="free", source="unknown"),
    ]  # fmt: skip
    with open_store(store(tmp_path / "store.db", spans)) as connection:
        large, small, free = model_table(connection, EVERYTHING)

    assert (large.model, large.provider, large.cost_per_1k_tokens_usd) == ("large", "azure", None)
    assert (small.model, small.sums.error_rate, small.cost_per_1k_tokens_usd) == ("small", 0.5, 0.2)
    assert small.latency.duration is not None
    assert math.isclose(small.latency.duration.p95_s, 1.0, rel_tol=latency.RELATIVE_ERROR)
    assert (free.model, free.sums.cost_usd, free.sums.cost_per_call_usd) == ("free", None, None)


def test_traffic_keeps_apart_what_is_priced_apart_and_what_a_cache_answered(tmp_path: Path) -> None:
    spans = [
        priced(1.0, model="asked", answered="answered-1", tokens_in=100, cache_read=60, cache_write=10, reasoning=5),
        priced(0.0, model="asked", answered="answered-1", tokens_in=100, cache="hit", hit=True, saved=0.9),
    ]  # fmt: skip
    with open_store(store(tmp_path / "store.db", spans)) as connection:
        paid, hit = traffic(connection, EVERYTHING)

    assert (paid.model, paid.answered, paid.is_hit, hit.is_hit) == ("asked", "answered-1", False, True)
    assert (paid.sums.cache_read_tokens, paid.sums.cache_write_tokens, paid.sums.reasoning_tokens) == (60, 10, 5)
    assert (hit.sums.cost_usd, hit.sums.saved_usd, hit.sums.input_tokens) == (0.0, 0.9, 100)
