"""Opening the store to read it, where it lies, and how it says what is wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from fastagentic.core.errors import StoreError
from fastagentic.store.location import store_path
from fastagentic.store.migrations import SCHEMA_VERSION
from fastagentic.store.queries.status import status
from fastagentic.store.reader import open_store, open_to_write, write_problem

from .build import call, priced, run, store, writer


def test_the_store_lies_in_fastagentic_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTAGENTIC_HOME", str(tmp_path / "x"))

    assert store_path() == tmp_path / "x" / "store.db"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_without_a_home_the_store_lies_in_the_state_directory(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("FASTAGENTIC_HOME", raising=False)
    if value is not None:
        monkeypatch.setenv("FASTAGENTIC_HOME", value)
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere/state")

    expected = "/somewhere/state/fastagentic/store.db" if sys.platform == "linux" else "fastagentic"
    assert expected in str(store_path())


def test_a_home_may_begin_with_a_tilde(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_HOME", "~/telemetry")

    assert store_path() == Path.home() / "telemetry" / "store.db"


@pytest.mark.parametrize("opened", [open_store, open_to_write])
def test_where_there_is_no_store_the_reader_says_how_one_is_made_and_makes_none(tmp_path: Path, opened: object) -> None:
    path = tmp_path / "nowhere" / "store.db"

    with pytest.raises(StoreError, match=r"no store yet at .*fastagentic\.instrument\(\)"), opened(path):  # type: ignore[operator]
        pass
    assert not path.parent.exists()


def test_a_reader_sees_one_moment_while_others_write(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call()])
    count = "SELECT COUNT(*) FROM calls"

    with open_store(path) as connection:
        assert connection.execute(count).fetchone() == (1,)
        store(path, [call()])
        assert connection.execute(count).fetchone() == (1,)
    with open_store(path) as connection:
        assert connection.execute(count).fetchone() == (2,)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call()])

    with pytest.raises(StoreError, match="readonly"), open_store(path) as connection:
        connection.execute("DELETE FROM calls")


def test_a_store_can_be_read_while_a_writer_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    writing = writer(path)
    writing.put(call())
    assert writing.flush(10)

    with open_store(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM calls").fetchone() == (1,)
    assert writing.close(10)


def test_a_path_with_marks_that_mean_something_in_a_uri_is_just_a_path(tmp_path: Path) -> None:
    path = store(tmp_path / "a?b=c#d %41 é" / "store.db", [call()])

    with open_store(path) as connection:
        assert connection.execute("SELECT COUNT(*) FROM calls").fetchone() == (1,)


def test_a_damaged_store_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"letters " * 1_000)

    with pytest.raises(StoreError, match=r"store\.db is damaged .*Nothing was deleted\. Move the file away"), open_store(path):
        pass


def test_a_file_without_tables_of_ours_reads_as_an_empty_store(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.touch()

    with open_store(path) as connection:
        assert status(connection, path).calls == 0


def test_a_directory_in_the_place_of_the_store_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no file"), open_store(tmp_path):
        pass


def test_a_locked_store_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE t (x)")  # not yet in WAL mode: a writer shuts readers out
        holder.execute("BEGIN EXCLUSIVE")

        with pytest.raises(StoreError, match=r"is locked by another process .*fuser"), open_store(path, busy_s=0.01):
            pass


def test_whether_the_store_can_be_written_is_tried(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call()])

    assert write_problem(path) is None
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert "locked" in str(write_problem(path))


READ = """
import os, sys
from pathlib import Path
from fastagentic.store.reader import open_store, write_problem
path, other = map(Path, sys.argv[1:])
with open_store(other):  # loads what is loaded late: another user may not read where this Python is installed
    write_problem(other)
if os.geteuid() == 0:
    os.setuid(65534)
with open_store(path) as connection:
    print(connection.execute("SELECT COUNT(*) FROM calls").fetchone()[0])
print(write_problem(path))
"""


def test_a_store_of_somebody_else_in_a_directory_of_theirs_can_be_read(tmp_path: Path) -> None:
    directory = Path(tempfile.mkdtemp())
    try:
        path = store(directory / "store.db", [call()])
        path.chmod(0o444)
        directory.chmod(0o555)

        done = subprocess.run(
            [sys.executable, "-c", READ, str(path), str(store(tmp_path / "other.db", [call()]))],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )

        calls, problem = done.stdout.splitlines()
        assert calls == "1"
        assert "cannot be used" in problem
    finally:
        directory.chmod(0o777)
        shutil.rmtree(directory)


def test_status_says_what_lies_in_the_store(tmp_path: Path) -> None:
    first = call(ago_h=5, source="unknown", answered="llama-of-tomorrow")
    last = run()
    path = store(tmp_path / "store.db", [first, priced(0.5), call(source="unknown", model=None), last])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO drops VALUES (?, ?, ?)", [(1, "queue full", 2), (9, "queue full", 3)])

    with open_store(path) as connection:
        found = status(connection, path)

    assert (found.spans, found.calls, found.runs, found.schema_version) == (4, 3, 1, SCHEMA_VERSION)
    assert found.oldest_ns == first.started_ns
    assert found.size_bytes >= path.stat().st_size
    assert [(drop.reason, drop.spans, drop.last_ns) for drop in found.drops] == [("queue full", 5, 9)]
    assert [(row.model, row.calls) for row in found.unpriced] == [("(no model)", 1), ("llama-of-tomorrow", 1)]
