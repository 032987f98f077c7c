"""What is older than people want to keep goes, in small steps, and nothing else does."""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

from fastagentic.store import prune as module
from fastagentic.store.prune import Pruned, count_older, prune
from fastagentic.store.queries.runs import runs
from fastagentic.store.reader import open_to_write

from .build import HOUR_NS, ask, call, count, priced, run, store, until, writer

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def hours_ago(hours: float) -> int:
    return time.time_ns() - int(hours * HOUR_NS)


def old_and_new(path: Path) -> Path:
    old, new = "0" * 31 + "1", "0" * 31 + "2"
    return store(
        path,
        [
            run(run_id=old, ago_h=50), call(run_id=old, ago_h=50), call(run_id=old, ago_h=49),
            run(run_id=new), call(run_id=new),
        ],
    )  # fmt: skip


def test_pruning_deletes_what_is_older_and_says_how_much(tmp_path: Path) -> None:
    path = old_and_new(tmp_path / "store.db")

    with open_to_write(path) as connection:
        assert count_older(connection, hours_ago(24)) == Pruned(spans=3, calls=2, runs=1)
        assert prune(connection, hours_ago(24)) == Pruned(spans=3, calls=2, runs=1)
        assert prune(connection, hours_ago(24)) == Pruned()

    assert (count(path, "spans"), count(path, "calls"), count(path, "runs")) == (2, 1, 1)


def test_a_run_that_ended_later_keeps_its_name_for_its_later_calls(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run("long", ago_h=1, duration_ns=60 * HOUR_NS), call(ago_h=50), call(ago_h=2)])

    with open_to_write(path) as connection:
        prune(connection, hours_ago(24))

    assert ask(path, "SELECT runs.name FROM calls JOIN runs USING (run_id)") == [("long",)]


def test_pruning_goes_in_chunks_between_which_others_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store(tmp_path / "store.db", [call(ago_h=50) for _ in range(25)])
    monkeypatch.setattr(module, "CHUNK", 10)
    statements: list[str] = []

    with open_to_write(path) as connection:
        connection.set_trace_callback(statements.append)
        assert prune(connection, hours_ago(24)).calls == 25

    assert sum(statement == "COMMIT" for statement in statements) >= 6


def test_pruning_stops_when_its_time_is_up_and_goes_on_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store(tmp_path / "store.db", [call(ago_h=50) for _ in range(25)])
    monkeypatch.setattr(module, "CHUNK", 10)

    with open_to_write(path) as connection:
        first = prune(connection, hours_ago(24), budget_s=0.0)
        assert not first.is_done
        assert first.spans == 10
        assert prune(connection, hours_ago(24)).is_done

    assert count(path, "spans") == 0


def test_pruned_space_is_given_back_to_the_disk(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call(ago_h=50, user="u" * 1_000) for _ in range(500)])
    before = path.stat().st_size

    with open_to_write(path) as connection:
        prune(connection, hours_ago(24))

    assert path.stat().st_size < before / 4


def test_the_writer_prunes_when_it_starts(tmp_path: Path) -> None:
    path = old_and_new(tmp_path / "store.db")
    writing = writer(path, keep_s=24 * 3_600.0)

    writing.put(call())

    assert writing.flush(10)
    until(lambda: count(path, "calls") == 2)
    assert writing.close(10)


def test_a_writer_told_to_keep_all_prunes_nothing(tmp_path: Path) -> None:
    path = old_and_new(tmp_path / "store.db")
    writing = writer(path, keep_s=None)

    writing.put(call())

    assert writing.close(10)
    assert count(path, "calls") == 4


def test_a_prune_that_another_process_blocks_does_not_touch_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def locked(*_: object, **__: object) -> Pruned:
        raise sqlite3.OperationalError("database is locked")

    monkeypatch.setattr("fastagentic.store.file.prune", locked)
    path = tmp_path / "store.db"
    writing = writer(path, keep_s=3_600.0)

    writing.put(call())

    assert writing.close(10)
    assert count(path, "calls") == 1
    assert writing.dropped == 0
    assert not caplog.records


def test_calls_that_outlast_their_run_are_listed_as_calls_outside_a_run(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [run("long gone", ago_h=50), call(ago_h=50), priced(0.5, ago_h=1)])
    with open_to_write(path) as connection:
        assert prune(connection, hours_ago(24)) == Pruned(spans=2, calls=1, runs=1)
        (row,) = runs(connection, lone_calls=True).rows

    assert (row.is_run, row.calls, row.cost_usd) == (False, 1, 0.5)
