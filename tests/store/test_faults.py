"""A store that cannot be written: nothing raises, one line says it, nothing is lost in silence, and work goes on after."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from fastagentic.core.errors import StoreError
from fastagentic.store.faults import POLICIES, FaultKind, fault_of
from fastagentic.store.reader import open_store

from .build import ask, call, count, store, until, writer

ROOT = Path(__file__).parents[2]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "fastagentic"]


# --- locked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_new", [True, False], ids=["while it is made", "later"])
def test_a_batch_waits_while_another_process_holds_the_lock(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_new: bool
) -> None:
    path = tmp_path / "store.db"
    if not is_new:
        store(path, [call()])
    writing = writer(path, busy_s=0.01, window_s=0.001)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        writing.put(call())

        until(lambda: bool(lines(caplog)))
        assert not writing.flush(0.05)
        holder.execute("ROLLBACK")

    assert writing.flush(10)
    assert count(path, "calls") == (1 if is_new else 2)
    assert writing.dropped == 0
    assert writing.close(10)
    (line,) = lines(caplog)
    assert str(path) in line
    assert "locked by another process" in line


def test_a_locked_store_is_tried_again_for_ever_and_at_least_every_second() -> None:
    waits = [POLICIES[FaultKind.LOCKED].wait_s(tries) for tries in range(1, 2_000)]

    assert all(wait is not None and 0 < wait <= 1 for wait in waits)


def test_a_store_still_locked_at_close_keeps_the_batch_for_a_later_flush(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = store(tmp_path / "store.db", [call()])
    writing = writer(path, busy_s=0.01, window_s=0.001)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        writing.put(call())
        assert not writing.close(0.1)
        holder.execute("ROLLBACK")

    assert any("Not all finished calls" in line for line in lines(caplog))
    assert writing.close(10)
    assert count(path, "calls") == 2


# --- full, read-only ------------------------------------------------------------------------------

FULL = """
import logging, resource, sys
from pathlib import Path
from tests.store.build import ask, call, until, writer
logging.basicConfig(stream=sys.stdout, format="%(message)s")
path = Path(sys.argv[1])
writing = writer(path, busy_s=0.01, window_s=0.001)
writing.put(call())
assert writing.flush(30)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
for _ in range(500):
    writing.put(call(user="u" * 2_000))
assert not writing.flush(0.3)
assert writing.dropped == 0
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert writing.flush(30)
assert writing.close(30)
print("dropped", writing.dropped)
"""

READ_ONLY = """
import logging, os, sys
from pathlib import Path
import fastagentic.store.batches
from tests.store.build import call, writer
logging.basicConfig(stream=sys.stdout, format="%(message)s")
if os.geteuid() == 0:
    os.setuid(65534)
writing = writer(Path(sys.argv[1]), busy_s=0.01, window_s=0.001)
writing.put(call())
assert not writing.flush(0.3)
print("kept", flush=True)
sys.stdin.readline()
assert writing.close(30)
print("dropped", writing.dropped)
"""


def start(script: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, str(path)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def test_on_a_full_disk_calls_are_kept_and_written_when_there_is_space(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    out, err = (process := start(FULL, path)).communicate(timeout=60)

    assert process.returncode == 0, err
    said, dropped = out.splitlines()
    assert "cannot be written" in said
    assert "Free some space" in said
    assert dropped == "dropped 0"
    assert count(path, "calls") == 501


@pytest.mark.parametrize("is_made", [False, True], ids=["directory", "file"])
def test_in_a_directory_that_may_not_be_written_calls_are_kept_until_it_may(is_made: bool) -> None:
    directory = Path(tempfile.mkdtemp())  # not tmp_path: nobody else may pass through that
    try:
        path = directory / "store.db"
        if is_made:
            store(path, [call()])
            path.chmod(0o444)
        directory.chmod(0o555)
        process = start(READ_ONLY, path)
        assert process.stdout is not None
        said = [process.stdout.readline(), process.stdout.readline()]
        directory.chmod(0o777)
        if is_made:
            path.chmod(0o666)

        out, err = process.communicate("go\n", timeout=60)

        assert process.returncode == 0, err
        assert "cannot be written" in said[0]
        assert said[1:] == ["kept\n"]
        assert out == "dropped 0\n"
        assert count(path, "calls") == (2 if is_made else 1)
    finally:
        shutil.rmtree(directory)


def test_a_home_that_is_a_file_is_tried_again_until_it_is_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = tmp_path / "home"
    home.write_text("in the way")
    writing = writer(home / "store.db", window_s=0.001)
    writing.put(call())
    until(lambda: bool(lines(caplog)))

    home.unlink()

    assert writing.close(10)
    assert count(home / "store.db", "calls") == 1
    (line,) = lines(caplog)
    assert "FASTAGENTIC_HOME" in line


def test_what_the_queue_could_not_hold_is_recorded_when_the_store_works_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = store(tmp_path / "store.db", [call()])
    writing = writer(path, busy_s=0.01, window_s=0.001, capacity=20)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        writing.put(call())
        until(lambda: bool(lines(caplog)))
        for _ in range(5_000):
            writing.put(call())
        holder.execute("ROLLBACK")

    assert writing.close(10)
    assert writing.dropped > 0
    assert count(path, "calls") + writing.dropped == 5_002
    assert ask(path, "SELECT SUM(spans) FROM drops WHERE reason LIKE 'queue full%'") == [(writing.dropped,)]


# --- damaged, newer -------------------------------------------------------------------------------


def test_a_damaged_file_is_left_as_it_is_and_the_drops_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"somebody's letters " * 500)
    before = path.read_bytes()
    writing = writer(path)

    for _ in range(3):
        writing.put(call())
        assert writing.flush(10)

    assert path.read_bytes() == before
    assert writing.dropped == 3
    (line,) = lines(caplog)
    assert "is damaged (file is not a database)" in line
    assert "`fastagentic status`" in line


def test_after_a_damaged_file_was_moved_away_work_goes_on_and_the_drops_are_recorded(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"somebody's letters " * 500)
    writing = writer(path)
    writing.put(call())
    assert writing.flush(10)

    path.rename(tmp_path / "store.db.damaged")
    writing.put(call())

    assert writing.close(10)
    assert count(path, "calls") == 1
    assert ask(path, "SELECT reason, spans FROM drops") == [("store corrupt", 1)]


def test_a_file_damaged_in_the_middle_is_found_while_writing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = store(tmp_path / "store.db", [call() for _ in range(200)])
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 8192))
    before = path.read_bytes()
    writing = writer(path)

    writing.put(call())

    assert writing.close(10)
    assert writing.dropped == 1
    assert path.read_bytes() == before
    (line,) = lines(caplog)
    assert "malformed" in line
    with pytest.raises(StoreError, match="damaged"), open_store(path) as connection:
        connection.execute("SELECT * FROM calls").fetchall()


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE of_tomorrow (x)")
        connection.execute("PRAGMA user_version = 4000")
    before = path.read_bytes()
    writing = writer(path)

    writing.put(call())

    assert writing.close(10)
    assert writing.dropped == 1
    assert path.read_bytes() == before
    (line,) = lines(caplog)
    assert "newer version of fastagentic (schema 4000" in line


# --- gone -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["directory", "file", "moved"])
def test_a_store_that_goes_away_while_it_is_open_is_made_again(tmp_path: Path, what: str) -> None:
    path = tmp_path / "home" / "store.db"
    writing = writer(path)
    writing.put(call())
    assert writing.flush(10)

    if what == "directory":
        shutil.rmtree(path.parent)
    elif what == "file":
        path.unlink()
    else:
        path.rename(tmp_path / "elsewhere.db")
    writing.put(call())

    assert writing.close(10)
    assert count(path, "calls") == 1
    assert writing.dropped == 0


def test_a_store_that_goes_away_in_the_middle_of_a_write_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastagentic.store import file as module

    path = tmp_path / "home" / "store.db"
    insert = module._insert_drops
    gone: list[bool] = []

    def insert_and_lose(*arguments: object) -> None:
        insert(*arguments)  # type: ignore[arg-type]
        if not gone:
            gone.append(True)
            shutil.rmtree(path.parent)

    monkeypatch.setattr(module, "_insert_drops", insert_and_lose)
    writing = writer(path, window_s=0.001)
    writing.put(call())

    assert writing.close(10)
    assert count(path, "calls") == 1


def test_the_directory_of_the_store_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = store(tmp_path / "home" / "store.db", [call()])

    assert stat.S_IMODE(os.stat(path.parent).st_mode) == 0o700


def test_an_error_that_is_not_the_files_is_no_fault_of_the_store() -> None:
    assert fault_of(ValueError("ours"), Path("store.db")) is None
