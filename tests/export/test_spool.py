"""What a spool promises a living process: what was appended is read again, until it is acknowledged or has to go."""

from __future__ import annotations

import gc
import json
import stat
import threading
import weakref
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from fastagentic.export.record import Frame
from fastagentic.export.spool import Spool, notes, shelf
from fastagentic.export.spool.notes import aside, drops, spool_directory

from .spools import Kept, owners, record, segments

if TYPE_CHECKING:
    from pathlib import Path

DAY_S = 86_400.0


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of about ten records."""
    monkeypatch.setattr(shelf, "SEGMENT_BYTES", 2_000)
    monkeypatch.setattr(shelf, "EMPTY_BYTES", 1_000)


def test_a_record_is_read_as_it_was_appended(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    written = record(b"two spans", spans=2, frame=Frame(b"", b"\x00" * 300))

    position = kept.spool.append(written)

    assert position is not None
    assert kept.spool.read(position) == written
    assert (position.spans, position.made_ns) == (2, written.made_ns)
    assert position.size > len(written.body) + 300


def test_nothing_is_made_before_there_is_something_to_write(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "spool")

    assert kept.spool.take_over() == []
    kept.spool.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_acknowledged_is_not_read_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    first, second = kept.append(b"1", b"2")

    kept.spool.acknowledge(first)
    kept.spool.acknowledge(first)

    assert kept.spool.read(first) is None
    assert kept.body(second) == b"2"
    assert not kept.lost


def test_what_is_not_acknowledged_at_the_end_is_there_for_the_next(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    first, *_ = kept.append(b"1", b"2", b"3")
    kept.spool.acknowledge(first)

    kept.spool.close()

    assert Kept(tmp_path).taken_over() == [b"2", b"3"]


def test_a_spool_may_be_used_again_after_its_end(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.append(b"1")
    kept.spool.close()

    kept.append(b"2")

    assert kept.taken_over() == [b"1"]


def test_where_all_is_acknowledged_nothing_is_left(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.spool.acknowledge(*kept.append(b"1", b"2"))

    kept.spool.close()

    assert list(tmp_path.iterdir()) == []


def test_two_spools_of_one_process_keep_out_of_each_others_way(tmp_path: Path) -> None:
    one, other = Kept(tmp_path), Kept(tmp_path)
    one.append(b"1")
    other.append(b"2")

    assert one.spool.take_over() == other.spool.take_over() == []
    one.spool.close()
    assert other.taken_over() == [b"1"]


@pytest.mark.usefixtures("small")
def test_a_segment_is_deleted_once_all_of_it_is_acknowledged(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    positions = kept.append(*(b"x" * 300 for _ in range(20)))
    count = len(segments(tmp_path))

    kept.spool.acknowledge(*positions[:10])

    assert count > len(segments(tmp_path)) > 1


@pytest.mark.usefixtures("small")
def test_while_all_is_acknowledged_the_segment_does_not_grow(tmp_path: Path) -> None:
    kept = Kept(tmp_path)

    for n in range(200):
        (position,) = kept.append(b"%d" % n * 50)
        assert kept.body(position) == b"%d" % n * 50
        kept.spool.acknowledge(position)

    (segment,) = segments(tmp_path)
    assert segment.stat().st_size < 2_000


def test_spans_can_be_read_by_their_owner_alone(tmp_path: Path) -> None:
    directory = tmp_path / "home" / "spool" / "otlp"
    kept = Kept(directory, name="otlp", endpoint="http://localhost")
    kept.append(b"1")
    kept.spool.set_aside(b"a request", 1, "400")
    kept.spool.note_drop(1, "why not")

    modes = {path.relative_to(tmp_path): stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert {mode for path, mode in modes.items() if (tmp_path / path).is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if not (tmp_path / path).is_dir()} == {0o600}


def test_many_threads_append_and_acknowledge_at_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept_back: list[bytes] = []

    def work(number: int) -> None:
        for n in range(100):
            body = f"{number}-{n}".encode()
            (position,) = kept.append(body)
            assert kept.body(position) == body
            if n % 10:
                kept.spool.acknowledge(position)
            else:
                kept_back.append(body)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept.spool.close()

    assert sorted(Kept(tmp_path).taken_over()) == sorted(kept_back)


def test_a_finalizer_that_appends_in_the_middle_of_an_append_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is collected ends its span wherever the collector happens to run."""
    kept = Kept(tmp_path)
    within: list[object] = []

    class Stream: ...

    def make_room(*_: object) -> None:
        stream = Stream()
        weakref.finalize(stream, lambda: within.extend(kept.append(b"from a finalizer")))
        del stream
        gc.collect()

    monkeypatch.setattr(shelf.Shelf, "make_room", make_room)

    (position,) = kept.append(b"1")

    assert set(within) == {None}
    assert kept.body(position) == b"1"
    assert kept.spool.fault is None


# --- limits ---------------------------------------------------------------------------------------


def bytes_in(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


@pytest.mark.usefixtures("small")
def test_the_oldest_goes_when_the_limit_is_reached_and_is_counted(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_bytes=10_000)

    positions = kept.append(*(b"x" * 200 for _ in range(100)), spans=3)

    assert bytes_in(tmp_path) <= 10_000
    gone = [kept.spool.read(position) is None for position in positions]
    assert gone == sorted(gone, reverse=True)
    assert kept.lost == {"spool full": 3 * sum(gone)}
    assert 0 < sum(gone) < 100


@pytest.mark.usefixtures("small")
def test_what_is_acknowledged_is_not_counted_when_its_segment_goes(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_bytes=10_000)
    positions = kept.append(*(b"x" * 200 for _ in range(20)))
    kept.spool.acknowledge(*positions[::2])

    more = kept.append(*(b"x" * 200 for _ in range(100)))

    gone = sum(kept.spool.read(position) is None for position in [*positions[1::2], *more])
    assert kept.lost == {"spool full": gone}


@pytest.mark.usefixtures("small")
def test_what_is_being_sent_does_not_go(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_bytes=10_000)
    (first,) = kept.append(b"first")
    assert kept.spool.hold(first)

    others = kept.append(*(b"x" * 200 for _ in range(200)))

    assert kept.body(first) == b"first"
    assert kept.spool.read(others[20]) is None  # of the next segment
    kept.spool.let_go(first)
    kept.append(*(b"x" * 200 for _ in range(100)))
    assert not kept.spool.hold(first)


@pytest.mark.usefixtures("small")
def test_where_all_is_being_sent_the_next_is_not_taken(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_bytes=10_000)

    held = 0
    while (position := kept.spool.append(record(b"x" * 200))) is not None:
        assert kept.spool.hold(position)
        held += 1

    assert held > 10
    assert bytes_in(tmp_path) <= 10_000
    assert "limit" in str(kept.spool.fault)
    assert not kept.lost


def test_a_record_larger_than_the_limit_is_not_taken(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_bytes=10_000)

    assert kept.append(b"x" * 10_001) == [None]
    assert "limit" in str(kept.spool.fault)


def test_a_record_larger_than_a_segment_gets_one_of_its_own(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_bytes=10_000)

    (position,) = kept.append(b"x" * 6_000)

    assert kept.body(position) == b"x" * 6_000


def test_what_is_too_old_goes_and_is_counted(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_age_s=DAY_S)
    (old,) = kept.append(b"old", ago_s=2 * DAY_S)
    (new,) = kept.append(b"new")

    kept.spool.take_over()

    assert kept.spool.read(old) is None
    assert kept.body(new) == b"new"
    assert kept.lost == {"too old": 1}


def test_what_a_dead_process_left_too_long_ago_is_not_taken_over(tmp_path: Path) -> None:
    earlier = Kept(tmp_path)
    earlier.append(b"old", ago_s=2 * DAY_S)
    earlier.spool.close()
    kept = Kept(tmp_path, max_age_s=DAY_S)

    assert kept.spool.take_over() == []
    assert kept.lost == {"too old": 1}
    assert owners(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_the_limit_holds_for_what_is_taken_over_too(tmp_path: Path) -> None:
    earlier = Kept(tmp_path)
    earlier.append(*(b"x" * 200 for _ in range(100)))
    earlier.spool.close()
    kept = Kept(tmp_path, max_bytes=10_000)

    positions = kept.spool.take_over()

    assert bytes_in(tmp_path) <= 10_000
    assert kept.lost == {"spool full": 100 - len(positions)}
    assert 0 < len(positions) < 100


# --- beside the records -----------------------------------------------------------------------------


def test_a_refused_request_is_set_aside_for_a_person(tmp_path: Path) -> None:
    kept = Kept(tmp_path)

    assert kept.spool.set_aside(b"a request", 7, "400 bad/request")

    (one,) = aside(tmp_path)
    assert one.path.read_bytes() == b"a request"
    assert (one.spans, one.why, one.size) == (7, "400-bad-request", 9)
    assert one.path.name == f"{one.made_ns}-7-400-bad-request.otlp.pb"


def test_what_was_set_aside_goes_before_what_waits(tmp_path: Path) -> None:
    kept = Kept(tmp_path, max_bytes=10_000)
    for spans in (1, 2, 4):
        assert kept.spool.set_aside(b"x" * 3_000, spans, "400")

    (position,) = kept.append(b"x" * 1_000)

    assert kept.body(position)
    assert [one.spans for one in aside(tmp_path)] == [2, 4]
    assert kept.lost == {"spool full": 1}


def test_drops_are_added_up_by_reason(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    for spans, reason in ((1, "too old"), (2, "spool full"), (3, "too old\nand two lines")):
        kept.spool.note_drop(spans, reason)
    kept.spool.note_drop(10, "too old")

    assert [(drop.reason, drop.spans) for drop in drops(tmp_path)] == [
        ("too old", 11), ("too old and two lines", 3), ("spool full", 2),
    ]  # fmt: skip


def test_a_long_list_of_drops_is_added_up_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "COMPACT_BYTES", 1_000)
    kept = Kept(tmp_path)

    for _ in range(200):
        kept.spool.note_drop(2, "too old")

    assert sum(path.stat().st_size for path in tmp_path.glob("dropped.log*")) < 1_200
    ((reason, spans, _),) = drops(tmp_path)
    assert (reason, spans) == ("too old", 400)


def test_a_drop_that_could_not_be_noted_is_noted_with_the_next(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    kept = Kept(tmp_path / "spool")
    kept.spool.note_drop(1, "too old")

    (tmp_path / "spool").unlink()
    kept.spool.note_drop(2, "spool full")

    assert Counter({drop.reason: drop.spans for drop in drops(tmp_path / "spool")}) == {"too old": 1, "spool full": 2}


def test_the_directory_says_whose_it_is_without_secrets(tmp_path: Path) -> None:
    endpoint = "https://me:key@eu.example.com:443/v1/traces?token=1#x"
    directory = spool_directory(tmp_path, "otlp/ eu", endpoint)
    kept = Kept(directory, name="otlp/ eu", endpoint=endpoint)

    kept.append(b"1")

    assert directory.parent == tmp_path / "spool"
    assert directory.name.startswith("otlp-eu-")
    assert json.loads((directory / "destination.json").read_text()) == {
        "name": "otlp/ eu", "endpoint": "https://eu.example.com:443/v1/traces",
    }  # fmt: skip


@pytest.mark.parametrize("other", [("otlp", "http://b"), ("otlp2", "http://a")])
def test_another_destination_has_another_directory(tmp_path: Path, other: tuple[str, str]) -> None:
    assert spool_directory(tmp_path, "otlp", "http://a") == spool_directory(tmp_path, "otlp", "http://a")
    assert spool_directory(tmp_path, *other) != spool_directory(tmp_path, "otlp", "http://a")


def test_a_name_that_is_an_endpoint_is_written_down_without_its_secrets(tmp_path: Path) -> None:
    name = "otlp=https://me:key@eu.example.com/v1/traces?token=1"
    directory = spool_directory(tmp_path, name, "https://eu.example.com/v1/traces")
    kept = Kept(directory, name=name, endpoint="https://eu.example.com/v1/traces")

    kept.append(b"1")

    assert "key" not in directory.name
    assert "token" not in directory.name
    assert json.loads((directory / "destination.json").read_text())["name"] == "otlp=https://eu.example.com/v1/traces"


def test_a_spool_that_may_hold_nothing_takes_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", max_bytes=0, max_age_s=None, on_dropped=print)

    assert spool.append(record()) is None
    assert list(tmp_path.iterdir()) == []
