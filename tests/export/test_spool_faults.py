"""A disk that cannot be written: nothing raises, the spool says why, costs nothing meanwhile, and works again by itself."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fastagentic.export.spool import spool as spool_module
from fastagentic.export.spool.segments import Segment

from .spools import Kept, owners, record, segments, start

if TYPE_CHECKING:
    import subprocess

FULL = """
import resource, sys
from pathlib import Path
import fastagentic.export.spool.spool as spool_module
from tests.export.spools import Kept
spool_module.RETRY_S = 0.0
kept = Kept(Path(sys.argv[1]))
kept.append(b"before")
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
positions = kept.append(*(b"%03d " % n + b"x" * 997 for n in range(40)))
written = sum(position is not None for position in positions)
assert 15 < written < 20, written
assert positions[written:] == [None] * (40 - written)
print(kept.spool.fault, flush=True)
assert kept.body(positions[0]).startswith(b"000 ")
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
(after,) = kept.append(b"after")
assert kept.body(after) == b"after"
assert kept.spool.fault is None
print(written, flush=True)
sys.stdin.readline()
"""

READ_ONLY = """
import os, sys
from pathlib import Path
import fastagentic.export.spool.spool as spool_module
from tests.export.spools import Kept
spool_module.RETRY_S = 0.0
if os.geteuid() == 0:
    os.setuid(65534)
kept = Kept(Path(sys.argv[1]) / "spool")
assert kept.append(b"1") == [None]
assert kept.spool.take_over() == []
assert not kept.spool.set_aside(b"a request", 1, "400")
kept.spool.note_drop(1, "memory full")
print(kept.spool.fault, flush=True)
sys.stdin.readline()
(position,) = kept.append(b"2")
assert kept.body(position) == b"2"
print(kept.spool.fault)
kept.spool.close()
"""

NO_DESCRIPTORS = """
import os, resource, sys
from pathlib import Path
import fastagentic.export.spool.spool as spool_module
from tests.export.spools import Kept
spool_module.RETRY_S = 0.0
earlier = Kept(Path(sys.argv[1]))
earlier.append(b"earlier")
earlier.spool.close()
kept = Kept(Path(sys.argv[1]))
(adopted,) = kept.spool.take_over()
taken = []
resource.setrlimit(resource.RLIMIT_NOFILE, (32, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    while True:
        taken.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
assert kept.append(b"1") == [None]
assert kept.spool.read(adopted) is None
assert kept.spool.take_over() == [adopted]
print(kept.spool.fault)
for fd in taken:
    os.close(fd)
kept.append(b"2")
assert kept.body(adopted) == b"earlier"
assert not kept.lost, kept.lost
print(kept.spool.fault)
"""


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is tried again with the next record."""
    monkeypatch.setattr(spool_module, "RETRY_S", 0.0)


def end(process: subprocess.Popen[str]) -> list[str]:
    out, error = process.communicate("go\n", timeout=60)
    assert process.returncode == 0, error
    return out.splitlines()


def test_on_a_full_disk_what_was_written_stays_whole_and_what_was_not_is_told(tmp_path: Path) -> None:
    process = start(FULL, tmp_path)
    assert process.stdout is not None
    fault, written = process.stdout.readline(), int(process.stdout.readline())
    os.kill(process.pid, 9)
    process.communicate()

    found = Kept(tmp_path).taken_over()

    assert fault.strip() in {"File too large", "No space left on device"}
    assert [body[:3] for body in found] == [b"bef", *(b"%03d" % n for n in range(written)), b"aft"]


def test_in_a_directory_that_may_not_be_written_it_waits_until_it_may() -> None:
    directory = Path(tempfile.mkdtemp())  # not tmp_path: nobody else may pass through that
    try:
        directory.chmod(0o555)
        process = start(READ_ONLY, directory)
        assert process.stdout is not None
        assert process.stdout.readline() == "Permission denied\n"
        directory.chmod(0o777)

        assert end(process) == ["None"]
    finally:
        shutil.rmtree(directory)


def test_without_file_descriptors_nothing_is_lost_that_is_on_disk(tmp_path: Path) -> None:
    assert end(start(NO_DESCRIPTORS, tmp_path)) == ["Too many open files", "None"]


def test_a_file_in_the_way_is_tried_again_until_it_is_gone(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    kept = Kept(tmp_path / "spool" / "otlp")

    assert kept.append(b"1") == [None]
    assert kept.spool.take_over() == []
    assert kept.spool.fault is not None
    assert not kept.spool.is_writable

    (tmp_path / "spool").unlink()
    (position,) = kept.append(b"2")
    assert kept.body(position) == b"2"
    assert kept.spool.is_writable


def test_a_disk_that_fails_is_not_asked_for_every_span(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "RETRY_S", 3_600.0)
    (tmp_path / "spool").write_text("in the way")
    kept = Kept(tmp_path / "spool")
    kept.append(b"1")

    (tmp_path / "spool").unlink()

    assert kept.append(b"2", b"3") == [None, None]


@pytest.mark.parametrize("what", ["home", "owner", "segment"])
def test_what_is_deleted_under_a_living_process_is_made_again(tmp_path: Path, what: str) -> None:
    directory = tmp_path / "home" / "spool"
    kept = Kept(directory)
    (before,) = kept.append(b"before")
    if what == "home":
        shutil.rmtree(tmp_path / "home")
    elif what == "owner":
        shutil.rmtree(owners(directory)[0])
    else:
        segments(directory)[0].unlink()

    (after,) = kept.append(b"after")

    assert kept.body(before) == b"before"  # through the descriptor
    assert kept.body(after) == b"after"
    assert kept.spool.fault is None
    kept.spool.close()
    assert Kept(directory).taken_over() == [b"after"]
    assert kept.lost == {"spool deleted": 1}


def test_what_was_written_before_and_deleted_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastagentic.export.spool.shelf.SEGMENT_BYTES", 1_000)
    kept = Kept(tmp_path / "spool")
    first, *_ = kept.append(*(b"x" * 400 for _ in range(10)), spans=2)

    shutil.rmtree(tmp_path / "spool")

    assert kept.spool.read(first) is None
    assert kept.lost == {"spool deleted": 2}


def test_a_directory_that_is_moved_away_takes_its_records_with_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "spool")
    kept.append(b"1")
    (tmp_path / "spool").rename(tmp_path / "elsewhere")
    kept.append(b"2")

    kept.spool.close()

    assert Kept(tmp_path / "elsewhere").taken_over() == [b"1", b"2"]


def test_where_the_process_lost_its_descriptors_no_file_of_others_is_written(tmp_path: Path) -> None:
    """A daemon closes all that is open, and the numbers go to the next files."""
    kept = Kept(tmp_path / "spool")
    kept.append(b"1")
    before = {int(name) for name in os.listdir("/proc/self/fd")} if os.path.exists("/proc/self/fd") else set(range(3, 64))
    ours = [fd for fd in before if _leads_into(fd, tmp_path)]
    for fd in ours:
        os.close(fd)
    foreign = [os.open(tmp_path / f"foreign-{n}", os.O_RDWR | os.O_CREAT) for n in range(2)]
    try:
        assert set(foreign) == set(ours)

        (position,) = kept.append(b"2")

        assert kept.body(position) == b"2"
        kept.spool.close()
        assert [os.fstat(fd).st_size for fd in foreign] == [0, 0]
        assert sorted(Kept(tmp_path / "spool").taken_over()) == [b"1", b"2"]
    finally:
        for fd in foreign:
            os.close(fd)


def _leads_into(fd: int, directory: Path) -> bool:
    try:
        stat = os.fstat(fd)
    except OSError:
        return False
    return any(path.is_file() and os.path.samestat(path.stat(), stat) for path in directory.rglob("*"))


def test_an_acknowledgement_that_cannot_be_written_is_one_all_the_same_and_written_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path)
    first, second, third = kept.append(b"1", b"2", b"3")
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", _fail)
        kept.spool.acknowledge(first)

    assert kept.spool.read(first) is None
    assert kept.body(second) == b"2"
    kept.spool.acknowledge(third)
    kept.spool.close()
    assert Kept(tmp_path).taken_over() == [b"2"]


@pytest.mark.swallows_failures
def test_an_error_of_our_own_is_a_fault_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("ours")

    kept = Kept(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Segment, "append", fail)
        assert kept.spool.append(record()) is None
        assert kept.spool.fault == "ValueError"

    assert kept.spool.append(record()) is not None


def _fail(*_: object) -> int:
    raise OSError(5, "Input/output error")
