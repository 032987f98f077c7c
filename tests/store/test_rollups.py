"""What is kept ready by hour, day and run says what the rows say, whatever is written, changed and deleted."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastagentic.core.names import Outcome
from fastagentic.store import migrations, rollups
from fastagentic.store.cubes import CUBES, DAY_NS, HOUR_NS, LONE_CALLS
from fastagentic.store.file import StoreFile, connect
from fastagentic.store.projection import project
from fastagentic.store.prune import prune
from fastagentic.store.queries import sources
from fastagentic.store.queries.dimensions import ANSWERED, IS_HIT, SPELLED, GroupBy
from fastagentic.store.queries.grouped import grouped, total
from fastagentic.store.queries.latency import latencies
from fastagentic.store.queries.measures import MEASURES
from fastagentic.store.queries.runs import runs
from fastagentic.store.queries.scope import NONE, Scope
from fastagentic.store.reader import open_store
from fastagentic.store.rows import StoredSpan
from fastagentic.store.transaction import transaction

from .build import ATTRIBUTES, ask, call, priced, run, span_id, store

if TYPE_CHECKING:
    from collections.abc import Iterator

START_NS = 1_760_000_000_000_000_000 // DAY_NS * DAY_NS
MAYBE = st.sampled_from([None, "a", "b"])
MOMENTS = st.one_of(
    st.integers(START_NS, START_NS + 3 * DAY_NS),
    st.sampled_from([0, START_NS, START_NS + HOUR_NS - 1, START_NS + HOUR_NS, START_NS + DAY_NS, 2**62]),
)


@st.composite
def a_call(draw: st.DrawFn) -> StoredSpan:
    """A call at a time around three days, with some of the facts that sums are kept by."""
    names = ("model", "answered", "provider", "gateway", "user", "tenant", "error", "session")
    facts: dict[str, Any] = {name: draw(MAYBE) for name in names}
    facts |= {"tokens_in": draw(st.integers(0, 10**6)), "retries": draw(st.sampled_from([None, 0, 2]))}
    facts |= {"fallback": draw(st.sampled_from([None, True, False])), "hit": draw(st.sampled_from([None, True, False]))}
    facts |= {"cache": draw(st.sampled_from([None, "hit", "miss", "disabled"]))}
    facts |= {"cost": draw(st.one_of(st.none(), st.floats(0, 50))), "source": draw(st.sampled_from([None, "gateway"]))}
    facts |= {"first_chunk": draw(st.one_of(st.none(), st.floats(0, 100)))}
    attributes = {ATTRIBUTES[name]: value for name, value in facts.items() if value is not None}
    started_ns, run_id = draw(MOMENTS), draw(st.sampled_from("123456")) * 32
    attributes |= {"gen_ai.operation.name": "chat", "fastagentic.run.id": run_id}
    return StoredSpan(
        run_id, span_id(), None, "chat", started_ns, started_ns + draw(st.integers(0, 10**11)), "unset", attributes
    )


SCOPES = st.builds(
    Scope,
    since_ns=st.one_of(st.none(), MOMENTS), until_ns=st.one_of(st.none(), MOMENTS),
    model=st.sampled_from([None, None, "a", NONE]), provider=st.sampled_from([None, None, "b"]),
    user=st.sampled_from([None, None, None, "a", NONE]), session=st.sampled_from([None, None, None, "a"]),
    outcome=st.sampled_from([None, None, *Outcome]),
)  # fmt: skip
KEYS = st.lists(
    st.sampled_from([*(set(GroupBy) - {GroupBy.TAG, GroupBy.ENDPOINT}), ANSWERED, SPELLED, IS_HIT]), max_size=3, unique=True
)
STEPS = st.sampled_from([None, HOUR_NS, 6 * HOUR_NS, DAY_NS, 7 * DAY_NS, 15 * 60 * 10**9])


@contextmanager
def on_rows_alone() -> Iterator[None]:
    """Every question is answered from the rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "CUBES", ())
        yield


def assert_kept_as_the_rows_are(connection: sqlite3.Connection) -> None:
    """All sums that are kept are those of the rows; none is left of what is gone."""
    kept = [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5").fetchall() for table in tables()]
    of_runs = [connection.execute(sums).fetchall() for sums in RUN_SUMS]
    with transaction(connection):
        rollups.rebuild(connection)
        fresh = [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4, 5").fetchall() for table in tables()]
        assert kept == fresh
        assert of_runs == [connection.execute(sums).fetchall() for sums in RUN_SUMS]


RUN_SUMS = [f"SELECT run_id, {', '.join(MEASURES)} FROM {table} ORDER BY run_id" for table in ("runs", LONE_CALLS)]


def tables() -> list[str]:
    return [table for cube in CUBES for table in (cube.sums, cube.latencies) if table is not None]


@contextmanager
def written(*batches: list[StoredSpan]) -> Iterator[sqlite3.Connection]:
    """A connection that writes a store to which the batches were written."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "store.db")
        file = StoreFile(path, busy_s=1)
        for batch in batches:
            file.write([project(span) for span in batch], {})
        file.close()
        with closing(connect(path, busy_s=1)) as connection:
            yield connection


CALLS = st.lists(a_call(), max_size=12)


@settings(max_examples=30, deadline=None)
@given(batches=st.lists(CALLS, min_size=1, max_size=3), scope=SCOPES, by=KEYS, step_ns=STEPS)
def test_every_question_is_answered_as_from_the_rows(
    batches: list[list[StoredSpan]], scope: Scope, by: list[str], step_ns: int | None
) -> None:
    def answers() -> list[object]:
        groups = grouped(connection, scope, by, step_ns=step_ns)
        return [sorted(map(repr, groups)), total(connection, scope), latencies(connection, scope, by)]

    with written(*batches) as connection:
        from_rollups = answers()
        with on_rows_alone():
            assert from_rollups == answers()


@settings(max_examples=30, deadline=None)
@given(batches=st.lists(CALLS, min_size=1, max_size=4), repeats=CALLS, cut=MOMENTS, data=st.data())
def test_what_is_kept_follows_repeats_changes_and_deletions(
    batches: list[list[StoredSpan]], repeats: list[StoredSpan], cut: int, data: st.DataObject
) -> None:
    with written(*batches, repeats, repeats, *batches) as connection:
        assert_kept_as_the_rows_are(connection)
        rows = [row for (row,) in connection.execute("SELECT rowid FROM calls")]
        some = data.draw(st.lists(st.sampled_from(rows), unique=True)) if rows else []
        with transaction(connection), rollups.changing(connection, some):
            change = "UPDATE calls SET cost_usd = 0.25, cost_source = 'override', model = 'c', user_id = NULL WHERE rowid = ?"
            connection.executemany(change, [(row,) for row in some])
        assert_kept_as_the_rows_are(connection)
        prune(connection, cut)
        assert_kept_as_the_rows_are(connection)


# --- writers --------------------------------------------------------------------------------------


def test_a_refused_span_is_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    file = StoreFile(path, busy_s=1)
    good = project(call())
    bad = good._replace(call=(None, *(good.call or ())[1:]))

    assert file.write([project(priced(1.0)), bad, project(priced(2.0))], {}) == 1
    file.close()

    with closing(connect(path, busy_s=1)) as connection:
        assert total(connection).cost_usd == 3.0
        assert_kept_as_the_rows_are(connection)


def test_calls_that_an_older_version_inserts_meanwhile_count_at_once_and_for_good(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(1.0)])
    other = store(tmp_path / "other.db", [priced(2.0, ago_h=30), priced(4.0)])
    columns = ", ".join(row[1] for row in ask(path, "PRAGMA table_info(calls)"))
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ATTACH ? AS other", (str(other),))
        connection.execute(f"INSERT INTO calls ({columns}) SELECT {columns} FROM other.calls")

    with open_store(path) as connection:
        assert (total(connection).cost_usd, total(connection, Scope(model="gpt-4o-mini")).calls) == (7.0, 3)
    store(path, [priced(8.0)])
    with closing(connect(path, busy_s=1)) as connection:
        assert total(connection).cost_usd == 15.0
        assert_kept_as_the_rows_are(connection)


def test_what_an_older_version_deleted_is_forgotten_by_the_next_prune(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(1.0, ago_h=80, user="u"), priced(2.0)])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM calls WHERE cost_usd = 1.0")

    with closing(connect(path, busy_s=1)) as connection:
        prune(connection, priced(0.0, ago_h=40).started_ns)
        assert total(connection).cost_usd == 2.0


def test_a_store_whose_last_calls_were_deleted_counts_those_that_take_their_numbers(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [priced(1.0), priced(2.0)])
    with closing(connect(path, busy_s=1)) as connection:
        with transaction(connection), rollups.changing(connection, [1, 2]):
            connection.execute("DELETE FROM calls")
        with transaction(connection):
            connection.execute("DELETE FROM spans")
    store(path, [priced(4.0)])

    with closing(connect(path, busy_s=1)) as connection:
        assert total(connection).cost_usd == 4.0
        assert_kept_as_the_rows_are(connection)


# --- a store of the version before ------------------------------------------------------------------


def test_a_store_of_the_version_before_is_counted_when_it_is_first_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.db"
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", 1)
    monkeypatch.setattr(migrations, "add", lambda _: None)
    with closing(connect(path, busy_s=1)) as connection, transaction(connection):
        for span in (run("report"), priced(1.0, user="u-1"), priced(2.0, run_id="c" * 32, ago_h=50)):
            rows = project(span)
            for table, row in (("spans", rows.span), ("calls", rows.call), ("runs", rows.run)):
                if row is not None:
                    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    monkeypatch.undo()

    with open_store(path) as connection:
        assert total(connection).cost_usd == 3.0
        assert [(row.name, row.cost_usd) for row in runs(connection, lone_calls=True).rows] == [("report", 1.0), (None, 2.0)]
    with closing(connect(path, busy_s=1)) as connection:
        assert_kept_as_the_rows_are(connection)


# --- what is used -----------------------------------------------------------------------------------


def test_a_time_is_taken_apart_into_days_hours_and_the_rest() -> None:
    start, end = START_NS + 22 * HOUR_NS - 5, START_NS + 3 * DAY_NS + HOUR_NS + 7

    assert sorted(sources.pieces(start, end, DAY_NS), key=lambda piece: piece[1]) == [
        (None, start, START_NS + 22 * HOUR_NS),
        (HOUR_NS, START_NS + 22 * HOUR_NS, START_NS + DAY_NS),
        (DAY_NS, START_NS + DAY_NS, START_NS + 3 * DAY_NS),
        (HOUR_NS, START_NS + 3 * DAY_NS, START_NS + 3 * DAY_NS + HOUR_NS),
        (None, START_NS + 3 * DAY_NS + HOUR_NS, end),
    ]


@settings(deadline=None)
@given(start=MOMENTS, length=st.integers(0, 5 * DAY_NS), widest=st.sampled_from([None, HOUR_NS, DAY_NS]))
def test_the_parts_of_a_time_are_whole_and_leave_nothing_out(start: int, length: int, widest: int | None) -> None:
    found = sorted(sources.pieces(start, start + length, widest), key=lambda piece: piece[1])

    assert [piece[2] for piece in found[:-1]] == [piece[1] for piece in found[1:]]
    assert (found[0][1], found[-1][2]) == (start, start + length) if found else length == 0
    assert all(kept is None or (begin % kept, end % kept) == (0, 0) for kept, begin, end in found)


@pytest.mark.parametrize(
    ("names", "is_kept"),
    [
        (set(), True),
        ({"model", "provider", "day"}, True),
        ({"user", "tenant"}, True),
        ({"model", "user"}, False),
        ({"tag"}, False),
    ],
)
def test_sums_are_kept_by_these_together(names: set[str], is_kept: bool) -> None:
    assert (sources.cube_for(CUBES, names) is not None) is is_kept
