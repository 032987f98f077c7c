"""Taking somebody's spans out of spools: of the dead by rewriting, of the living by a rule that they heed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from fastagentic.export.delivery import Delivery
from fastagentic.export.destinations.otlp import OTLPDestination
from fastagentic.export.encode import request
from fastagentic.export.erasing import Erased, count, erase, forget_settled
from fastagentic.export.record import SCORE, Frame, Record
from fastagentic.export.rules import Rule, digest, without
from fastagentic.export.spool import Spool, notes
from fastagentic.export.spool.survey import status_of, waiting_records

from .receiver import Receiver
from .spools import kill, start

if TYPE_CHECKING:
    from pathlib import Path

FRAME = Frame(b"", b"")
TRACE = "ab" * 16


def scope_spans(*users: str | None, trace: str = TRACE, ago_s: float = 1.0) -> ScopeSpans:
    found = ScopeSpans()
    for number, user in enumerate(users, start=1):
        span = found.spans.add(
            trace_id=bytes.fromhex(trace), span_id=number.to_bytes(8, "big"), name=f"of {user}",
            end_time_unix_nano=time.time_ns() - int(ago_s * 1e9),
        )  # fmt: skip
        if user is not None:
            attribute = span.attributes.add(key="user.id")
            attribute.value.string_value = user
    return found


def record(*users: str | None, **facts: Any) -> Record:
    return Record(FRAME, scope_spans(*users, **facts).SerializeToString(), len(users), time.time_ns() - 10**9)


def score(trace: str) -> Record:
    found = ScopeSpans()
    attribute = found.spans.add().attributes.add(key=SCORE)
    attribute.value.string_value = json.dumps({"traceId": trace, "value": 1.0})
    return Record(FRAME, found.SerializeToString(), 1, time.time_ns() - 10**9)


def of(user: str, *traces: str, ago_s: float = 0.0) -> Rule:
    return Rule(time.time_ns() - int(ago_s * 1e9), {"user.id": user}, frozenset(traces))


def names(records: Any) -> list[str]:
    return [span.name for one in records for span in ScopeSpans.FromString(one.body).spans]


LEAVE = """
import sys
from pathlib import Path
from fastagentic.export.spool import Spool
from tests.export.test_erasing import record
spool = Spool(Path(sys.argv[1]), max_bytes=1 << 30, max_age_s=None, on_dropped=print)
for users in sys.argv[2:]:
    spool.append(record(*users.split(",")))
print("written", flush=True)
sys.stdin.readline()
"""


def left_by_the_dead(directory: Path, *records: str) -> None:
    process = start(LEAVE, directory, *records)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n", process.communicate()[1]
    kill(process)


def test_a_record_is_left_with_the_spans_of_others() -> None:
    rest = without(record("u-1", "u-2", "u-1", None), [of("u-1")])

    assert rest is not None
    assert (rest.spans, names([rest])) == (2, ["of u-2", "of None"])


def test_a_record_without_such_spans_is_itself_and_one_without_others_is_nothing() -> None:
    mixed = record("u-2", None)

    assert without(mixed, [of("u-1")]) is mixed
    assert without(record("u-1", "u-1"), [of("u-1")]) is None


def test_a_span_that_says_nothing_is_theirs_when_its_trace_is() -> None:
    assert without(record(None), [of("u-1", TRACE)]) is None
    assert without(record("u-2"), [of("u-1", TRACE)]) is not None


def test_a_score_is_theirs_when_its_trace_is() -> None:
    assert without(score(TRACE), [of("u-1", TRACE)]) is None
    assert without(score("cd" * 16), [of("u-1", TRACE)]) is not None


def test_what_ended_later_stays() -> None:
    assert without(record("u-1", ago_s=1.0), [of("u-1", ago_s=60.0)]) is not None


def test_a_rule_without_a_name_is_about_all_that_is_older() -> None:
    old = record("u-1", None, ago_s=90.0)

    assert without(old, [Rule(time.time_ns() - 60 * 10**9, {})]) is None


def test_what_is_no_span_is_left_alone() -> None:
    garbage = Record(FRAME, b"\xff\xff\xff", 3, 1)

    assert without(garbage, [of("u-1")]) is garbage


def test_what_a_dead_process_left_is_rewritten_and_the_bytes_are_gone(tmp_path: Path) -> None:
    left_by_the_dead(tmp_path, "u-1,u-2", "u-2", "u-1")

    assert count(tmp_path, of("u-1")) == Erased(2, 0, 0)
    assert erase(tmp_path, of("u-1")) == Erased(2, 0, 0)
    assert sorted(names(waiting_records(tmp_path))) == ["of u-2", "of u-2"]
    assert not [path for path in tmp_path.glob("*/*.seg") if b"u-1" in path.read_bytes()]
    assert status_of(tmp_path).spans == 2


def test_scores_are_counted_among_the_spans(tmp_path: Path) -> None:
    spool = Spool(tmp_path, max_bytes=1 << 30, max_age_s=None, on_dropped=print)
    for one in (record("u-1", "u-2"), score(TRACE), score("cd" * 16)):
        spool.append(one)

    assert count(tmp_path, of("u-1", TRACE)) == Erased(held=2, scores=1)
    spool.close()


def test_asking_again_finds_nothing(tmp_path: Path) -> None:
    left_by_the_dead(tmp_path, "u-1,u-2")
    erase(tmp_path, of("u-1"))

    assert erase(tmp_path, of("u-1")) == Erased(0, 0, 0)


@pytest.mark.parametrize("step", ["append", "acknowledge"])
def test_stopped_half_way_no_span_of_others_is_missing_and_asking_again_does_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    left_by_the_dead(tmp_path, "u-1,u-2", "u-3")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Spool, step, die)
        with pytest.raises(KeyboardInterrupt):
            erase(tmp_path, of("u-1"))
    assert {"of u-2", "of u-3"} <= set(names(waiting_records(tmp_path)))
    assert ruled(tmp_path) == [digest("u-1")]

    erase(tmp_path, of("u-1"))
    assert set(names(waiting_records(tmp_path))) == {"of u-2", "of u-3"}


def ruled(directory: Path) -> list[str]:
    return [found["attributes"]["user.id"] for _, found in notes.rules(directory)]


def test_a_request_that_was_refused_is_written_again_without_them(tmp_path: Path) -> None:
    for users in (("u-1", "u-2"), ("u-1",)):
        notes.set_aside(tmp_path, request([record(*users)]).body, len(users), "400")

    assert erase(tmp_path, of("u-1")) == Erased(0, 0, 2)
    (left,) = notes.aside(tmp_path)
    found = ExportTraceServiceRequest.FromString(left.path.read_bytes())
    assert (left.spans, found.resource_spans[0].scope_spans[0].spans[0].name) == (1, "of u-2")


def test_a_living_process_leaves_them_out_when_its_backend_is_back(tmp_path: Path) -> None:
    with Receiver() as receiver:
        receiver.mode = "503"
        spool = Spool(tmp_path, max_bytes=1 << 30, max_age_s=None, on_dropped=print)
        delivery = Delivery(OTLPDestination(receiver.endpoint, headers={}), spool)
        for users in (("u-1", "u-2"), ("u-1",), ("u-3",)):
            delivery.put(record(*users))
        receiver.wait_for(lambda one: one.request_count)

        assert erase(tmp_path, of("u-1")) == Erased(0, 2, 0)
        receiver.mode = "ok"
        assert delivery.close(10)

    assert sorted(span.name for span in receiver.spans) == ["of u-2", "of u-3"]
    assert delivery.waiting == 0
    assert status_of(tmp_path).spans == 0


def test_who_takes_over_leaves_them_out_as_well(tmp_path: Path) -> None:
    process = start(LEAVE, tmp_path, "u-1,u-2")
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    assert erase(tmp_path, of("u-1")) == Erased(0, 1, 0)
    kill(process)

    with Receiver() as receiver:
        spool = Spool(tmp_path, max_bytes=1 << 30, max_age_s=None, on_dropped=print)
        delivery = Delivery(OTLPDestination(receiver.endpoint, headers={}), spool)
        delivery.start()
        assert delivery.close(10)

    assert [span.name for span in receiver.spans] == ["of u-2"]


def test_a_rule_goes_when_nothing_can_wait_that_it_is_about(tmp_path: Path) -> None:
    import os

    left_by_the_dead(tmp_path, "u-1,u-2")
    erase(tmp_path, of("u-1"))
    (rule,) = (path for path, _ in notes.rules(tmp_path))
    os.utime(rule, (1, 1))

    forget_settled(tmp_path)
    assert rule.exists()  # what is left is older than the rule
    erase(tmp_path, of("u-2"))
    os.utime(rule, (1, 1))
    forget_settled(tmp_path)
    assert not rule.exists()
