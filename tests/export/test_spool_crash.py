"""What a spool promises after a crash: what was written whole is found once, by one process; nothing is invented."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastagentic.export.spool import ownership, shelf
from fastagentic.export.spool.segment_format import FILE_OVERHEAD, OVERHEAD
from fastagentic.export.spool.survey import status_of

from .spools import Kept, kill, left_by_the_dead, owners, record, segments, start, writing

if TYPE_CHECKING:
    import subprocess

posix = pytest.mark.skipif(sys.platform == "win32", reason="platform: no POSIX locks")

bodies = st.lists(st.tuples(st.binary(max_size=40), st.integers(1, 5)), min_size=1, max_size=8)


class Crashed:
    """A segment as a crash may leave it: records appended, some acknowledged, then cut or damaged at a byte."""

    def __init__(self, directory: Path, contents: list[tuple[bytes, int]], acknowledged: set[int]) -> None:
        kept = Kept(directory)
        self.bodies = [f"{n} ".encode() + body for n, (body, _) in enumerate(contents)]
        positions = [
            kept.spool.append(record(body, spans=spans)) for body, (_, spans) in zip(self.bodies, contents, strict=True)
        ]
        self.ends = [position.offset + position.size for position in positions if position is not None]
        (self.path,) = segments(directory)
        self.acknowledged_at: dict[int, int] = {}
        for n in sorted(acknowledged):
            position = positions[n]
            assert position is not None
            kept.spool.acknowledge(position)
            self.acknowledged_at[n] = self.path.stat().st_size
        self.data = self.path.read_bytes()
        kept.spool.close()
        self.path.parent.mkdir(exist_ok=True)

    def expected(self, cut: int) -> list[bytes]:
        """The bodies that wait when the file ends at `cut`."""
        return [
            body
            for n, body in enumerate(self.bodies)
            if self.ends[n] <= cut and not self.acknowledged_at.get(n, cut + 1) <= cut
        ]


@settings(max_examples=150)
@given(bodies, st.data())
def test_wherever_the_file_is_cut_what_was_whole_before_is_found_and_no_more(
    contents: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        crashed = Crashed(directory, contents, data.draw(st.sets(st.integers(0, len(contents) - 1))))
        cut = data.draw(st.integers(0, len(crashed.data)), label="cut")
        crashed.path.write_bytes(crashed.data[:cut])
        kept = Kept(directory)

        assert kept.taken_over() == crashed.expected(cut)
        if cut == 0 or cut >= FILE_OVERHEAD:
            assert not kept.lost
        kept.spool.close()


@settings(max_examples=150)
@given(bodies, st.data())
def test_what_is_found_after_a_cut_can_be_acknowledged_for_good(contents: list[tuple[bytes, int]], data: st.DataObject) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        crashed = Crashed(directory, contents, set())
        cut = data.draw(st.integers(0, len(crashed.data)), label="cut")
        crashed.path.write_bytes(crashed.data[:cut])
        kept = Kept(directory)
        positions = kept.spool.take_over()
        done = data.draw(st.integers(0, len(positions)), label="acknowledged")
        kept.spool.acknowledge(*positions[:done])

        kept.spool.close()

        assert Kept(directory).taken_over() == crashed.expected(cut)[done:]


@settings(max_examples=200)
@given(bodies, st.data())
def test_whatever_byte_is_damaged_nothing_is_invented_and_what_is_missing_is_counted(
    contents: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        directory = Path(name)
        crashed = Crashed(directory, contents, set())
        at = data.draw(st.integers(FILE_OVERHEAD, len(crashed.data) - 1), label="damaged byte")
        damaged = bytearray(crashed.data)
        damaged[at] ^= data.draw(st.integers(1, 255))
        crashed.path.write_bytes(damaged)
        kept = Kept(directory)

        records = [kept.spool.read(position) for position in kept.spool.take_over()]

        found = [one.body for one in records if one is not None]
        hit = next(n for n, end in enumerate(crashed.ends) if at < end)
        assert found == [body for n, body in enumerate(crashed.bodies) if n != hit]
        begin = crashed.ends[hit - 1] if hit else FILE_OVERHEAD
        if hit < len(contents) - 1 or at >= begin + OVERHEAD:  # the last header cannot be told from one cut short
            assert kept.lost == {"spool damaged": contents[hit][1]}
        kept.spool.close()


def test_content_that_looks_like_a_record_is_none(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.append(b"1")
    (path,) = segments(tmp_path)
    inner = path.read_bytes()[FILE_OVERHEAD:]
    other = Kept(tmp_path / "other")
    other.append(inner, b"2")
    (path,) = segments(tmp_path / "other")
    damaged = bytearray(path.read_bytes())
    damaged[FILE_OVERHEAD + 5] ^= 1  # the header in front of it
    other.spool.close()
    path.write_bytes(damaged)

    assert Kept(tmp_path / "other").taken_over() == [b"2"]


@pytest.mark.parametrize("rubbish", [b"\x00" * 4_096, b"somebody's letters " * 50], ids=["zeros", "letters"])
def test_a_file_that_is_no_segment_is_counted_and_goes(tmp_path: Path, rubbish: bytes) -> None:
    directory = tmp_path / "1-abc"
    directory.mkdir()
    (directory / "000001.seg").write_bytes(rubbish)
    kept = Kept(tmp_path)

    assert kept.spool.take_over() == []
    assert kept.lost == {"spool damaged": 1}
    assert owners(tmp_path) == []


def test_zeros_at_the_end_as_a_power_failure_leaves_them_are_no_record(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.append(b"1", b"2")
    (path,) = segments(tmp_path)
    data = path.read_bytes()
    kept.spool.close()
    path.write_bytes(data + b"\x00" * 4_096)

    later = Kept(tmp_path)

    assert later.taken_over() == [b"1", b"2"]
    assert not later.lost


def test_a_segment_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.append(b"1")
    (path,) = segments(tmp_path)
    data = bytearray(path.read_bytes())
    data[8] = 99
    kept.spool.close()
    path.write_bytes(data)
    later = Kept(tmp_path)

    assert later.spool.take_over() == []
    later.spool.close()
    assert path.read_bytes() == data
    assert not later.lost
    assert status_of(tmp_path).unreadable == 1


# --- processes --------------------------------------------------------------------------------------


@posix
def test_what_a_killed_process_wrote_is_taken_over_by_the_next(tmp_path: Path) -> None:
    left = left_by_the_dead(tmp_path, 1_000, acknowledged=400)
    kept = Kept(tmp_path)

    positions = kept.spool.take_over()

    assert [kept.body(position) for position in positions] == left
    assert kept.spool.take_over() == []
    kept.spool.acknowledge(*positions)
    assert owners(tmp_path) == []
    assert not kept.lost


@posix
def test_what_is_taken_over_and_not_acknowledged_waits_for_the_one_after(tmp_path: Path) -> None:
    left = left_by_the_dead(tmp_path, 10)
    kept = Kept(tmp_path)
    kept.spool.acknowledge(*kept.spool.take_over()[:4])

    kept.spool.close()

    assert Kept(tmp_path).taken_over() == left[4:]


@posix
def test_what_a_living_process_writes_is_its_own(tmp_path: Path) -> None:
    process = writing(tmp_path, 10)
    kept = Kept(tmp_path)

    assert kept.spool.take_over() == []
    kill(process)
    assert len(kept.spool.take_over()) == 10


@posix
@pytest.mark.parametrize("has_lock", [False, True], ids=["before it made its lock", "before it took its lock"])
def test_a_directory_whose_process_died_at_its_birth_goes(tmp_path: Path, has_lock: bool) -> None:
    directory = tmp_path / "1-abc"
    directory.mkdir()
    if has_lock:
        (directory / "lock").touch()

    assert Kept(tmp_path).spool.take_over() == []
    assert not directory.exists()


@posix
@pytest.mark.parametrize("moment", ["before it made its lock", "before it took its lock"])
def test_a_process_that_is_taken_for_dead_at_its_birth_begins_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    claimed = ownership._claimed
    swept: list[Path] = []

    def sweep_first(directory: Path) -> object:
        if not swept:
            swept.append(directory)
            directory.rmdir()
            return claimed(directory) if moment == "before it made its lock" else None
        return claimed(directory)

    monkeypatch.setattr(ownership, "_claimed", sweep_first)
    kept = Kept(tmp_path)

    (position,) = kept.append(b"1")

    assert kept.body(position) == b"1"
    assert owners(tmp_path) != swept


RACE = """
import sys
from pathlib import Path
from tests.export.spools import Kept
kept = Kept(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
positions = kept.spool.take_over()
for position in positions:
    print(kept.body(position).decode())
print("done", flush=True)
sys.stdin.readline()
kept.spool.acknowledge(*positions)
kept.spool.close()
"""


@posix
def test_of_processes_that_take_over_at_once_each_record_has_one(tmp_path: Path) -> None:
    left = {body.decode() for n in range(4) for body in left_by_the_dead(tmp_path, 25, name=f"{n}-")}
    racing = [start(RACE, tmp_path) for _ in range(3)]
    for process in racing:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in racing:
        _tell(process)
    taken = [_lines_until_done(process) for process in racing]
    for process in racing:
        _, error = process.communicate("go\n", timeout=60)
        assert process.returncode == 0, error

    assert sorted(body for bodies in taken for body in bodies) == sorted(left)
    assert owners(tmp_path) == []


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def _lines_until_done(process: subprocess.Popen[str]) -> list[str]:
    assert process.stdout is not None
    return [line.strip() for line in iter(process.stdout.readline, "done\n")]


FORK = """
import os, sys
from pathlib import Path
from tests.export.spools import Kept
kept = Kept(Path(sys.argv[1]))
(of_parent,) = kept.append(b"parent")
child = os.fork()
if child == 0:
    assert kept.spool.read(of_parent) is None      # the parent's to deliver
    assert not kept.spool.hold(of_parent)
    kept.spool.acknowledge(of_parent)
    assert kept.spool.take_over() == []            # the parent lives
    (of_child,) = kept.append(b"child")
    assert kept.body(of_child) == b"child"
    kept.append(b"child's last")
    kept.spool.acknowledge(of_child)
    grandchild = os.fork()
    if grandchild == 0:
        assert kept.spool.take_over() == []
        kept.append(b"grandchild")
        os._exit(0)
    os._exit(os.waitpid(grandchild, 0)[1])
assert os.waitpid(child, 0)[1] == 0
assert sorted(kept.taken_over()) == [b"child's last", b"grandchild"]
assert kept.body(of_parent) == b"parent"
kept.spool.acknowledge(of_parent)
assert not kept.lost
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: no fork")
def test_a_forked_child_has_a_directory_of_its_own_and_leaves_the_parents_alone(tmp_path: Path) -> None:
    process = start(FORK, tmp_path)

    _, error = process.communicate(timeout=60)

    assert process.returncode == 0, error


ORPHANED = """
import os, sys
from pathlib import Path
from tests.export.spools import Kept
kept = Kept(Path(sys.argv[1]))
kept.append(b"parent")
read, write = os.pipe()
if os.fork() == 0:
    sys.stdin.readline()                    # the parent is dead by then
    print(kept.taken_over(), flush=True)
    sys.stdin.readline()
    os._exit(0)
os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: no fork")
def test_a_child_takes_over_from_its_dead_parent_and_holds_the_lock(tmp_path: Path) -> None:
    parent = start(ORPHANED, tmp_path)
    parent.wait(30)
    assert parent.stdout is not None
    _tell(parent)

    assert parent.stdout.readline() == "[b'parent']\n"
    assert Kept(tmp_path).spool.take_over() == []

    assert parent.stdin is not None
    parent.communicate("go\n", timeout=30)


TORN = """
import sys
from pathlib import Path
from tests.export.spools import Kept
kept = Kept(Path(sys.argv[1]))
print("ready", flush=True)
n = 0
while True:
    kept.append(f"{n} ".encode() + b"x" * 5_000)
    print(n, flush=True)
    n += 1
"""


@posix
@pytest.mark.slow
@pytest.mark.parametrize("times", range(10))
def test_a_process_killed_while_it_writes_loses_nothing_that_it_was_told_is_written(tmp_path: Path, times: int) -> None:
    process = start(TORN, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    for _ in range(100 + times):
        process.stdout.readline()
    os.kill(process.pid, 9)
    last = max([100 + times - 1, *map(int, process.stdout.read().split())])
    process.communicate()
    kept = Kept(tmp_path)

    found = [int(body.split()[0]) for body in kept.taken_over()]

    assert found[: last + 1] == list(range(last + 1))
    assert len(found) <= last + 2
    assert not kept.lost


def test_without_locks_only_what_nobody_touched_for_a_day_is_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ownership, "_HAS_LOCKS", False)
    earlier = Kept(tmp_path)
    earlier.append(b"1")
    earlier.spool.close()
    kept = Kept(tmp_path)
    assert kept.spool.take_over() == []

    yesterday = time.time() - 2 * 86_400
    for path in (*owners(tmp_path)[0].iterdir(), owners(tmp_path)[0]):
        os.utime(path, (yesterday, yesterday))

    assert kept.taken_over() == [b"1"]


def test_many_segments_are_taken_over_in_the_order_they_were_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "SEGMENT_BYTES", 1_000)
    earlier = Kept(tmp_path)
    earlier.append(*(b"%03d" % n for n in range(200)))
    earlier.spool.close()

    assert Kept(tmp_path).taken_over() == [b"%03d" % n for n in range(200)]
