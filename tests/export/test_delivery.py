"""A delivery brings every record to its destination, or keeps it, or counts it: whatever the destination answers."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from fastagentic.export import delivery as delivery_module
from fastagentic.export.delivery import Delivery
from fastagentic.export.destination import Accepted, Later, Malformed, Partly
from fastagentic.export.record import Frame, Record
from fastagentic.export.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastagentic.export.destination import Answer, Payload

FRAME = Frame(b"", b"")


def record(*names: str, frame: Frame = FRAME) -> Record:
    """Spans of these names."""
    body = b"".join(ScopeSpans(spans=[Span(name=name)]).SerializeToString() for name in names)
    return Record(frame, body, len(names), time.time_ns())


class Scripted:
    """A destination that answers as it is told: each answer once, the last one from then on."""

    name = "scripted"
    endpoint = "test:scripted"

    def __init__(self, *answers: Answer | Exception) -> None:
        self.answers = list(answers) or [Accepted()]
        self.received: list[list[str]] = []
        self.is_closed = False
        self.asked = threading.Event()

    def wants(self, span: Any) -> bool:
        return True

    def dress(self, span: Any) -> None:
        return None

    def send(self, payload: Payload, timeout_s: float) -> Answer:
        request = ExportTraceServiceRequest.FromString(payload.body)
        names = [span.name for of in request.resource_spans for scope in of.scope_spans for span in scope.spans]
        assert len(names) == payload.spans
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, (Accepted, Partly)):
            self.received.append(names)
        self.asked.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.is_closed = True

    @property
    def names(self) -> list[str]:
        return [name for batch in self.received for name in batch]


@pytest.fixture
def deliver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Delivery]]:
    """Makes deliveries over the same place on disk, and ends them."""
    monkeypatch.setattr(delivery_module, "FIRST_WAIT_S", 0.02)
    made: list[Delivery] = []

    def make(destination: Scripted, directory: Path = tmp_path / "spool") -> Delivery:
        holder: list[Delivery] = []
        spool = Spool(directory, max_bytes=1 << 30, max_age_s=None, on_dropped=lambda n, why: holder[0].note_drop(n, why))
        holder.append(Delivery(destination, spool))
        made.append(holder[0])
        return holder[0]

    yield make
    for one in made:
        one.close(1.0)


def test_a_record_is_delivered_and_gone(deliver: Callable[..., Delivery]) -> None:
    destination = Scripted()
    delivery = deliver(destination)
    delivery.put(record("a", "b"))
    assert delivery.flush(5)
    assert destination.received == [["a", "b"]]
    assert (delivery.delivered, delivery.waiting) == (2, 0)
    assert not delivery.spool.take_over()


def test_what_is_refused_for_now_is_sent_again_until_it_is_taken(deliver: Callable[..., Delivery]) -> None:
    destination = Scripted(Later("503"), Later("503"), Accepted())
    delivery = deliver(destination)
    delivery.put(record("a"))
    assert delivery.flush(5)
    assert destination.names == ["a"]
    assert delivery.spooled == 1


def test_a_destination_that_raises_is_asked_again(deliver: Callable[..., Delivery], swallows_failures: object) -> None:
    destination = Scripted(RuntimeError("a bug of somebody's"), Accepted())
    delivery = deliver(destination)
    delivery.put(record("a"))
    assert delivery.flush(5)
    assert destination.names == ["a"]


def test_a_flush_keeps_its_deadline_and_says_that_it_is_not_done(deliver: Callable[..., Delivery]) -> None:
    delivery = deliver(Scripted(Later("refused")))
    delivery.put(record("a"))
    assert not delivery.flush(0.3)
    assert delivery.waiting == 1


def test_a_flush_does_not_heed_the_back_off(deliver: Callable[..., Delivery]) -> None:
    destination = Scripted(Later("429", after_s=3600), Accepted())
    delivery = deliver(destination)
    delivery.put(record("a"))
    assert destination.asked.wait(5)
    assert delivery.flush(5)
    assert destination.names == ["a"]


def test_what_was_not_delivered_is_the_next_one_s_to_deliver(deliver: Callable[..., Delivery]) -> None:
    first = deliver(Scripted(Later("refused")))
    first.put(record("a"))
    first.put(record("b"))
    assert not first.close(0.1)

    destination = Scripted()
    second = deliver(destination)
    second.start()
    assert second.flush(5)
    assert sorted(destination.names) == ["a", "b"]
    assert second.waiting == 0


@pytest.mark.parametrize("answer", [Malformed("400"), Partly(1, "one is too large")], ids=["malformed", "partly"])
def test_what_will_never_be_taken_is_set_aside_and_makes_the_flush_untrue(
    deliver: Callable[..., Delivery], answer: Answer
) -> None:
    destination = Scripted(answer, Accepted())
    delivery = deliver(destination)
    delivery.put(record("bad"))
    assert not delivery.flush(5)
    delivery.put(record("good"))
    assert delivery.flush(5)
    assert destination.names[-1] == "good"
    assert delivery.waiting == 0
    assert not delivery.dropped


def test_records_that_wait_go_together_and_no_request_is_too_large(
    deliver: Callable[..., Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "MAX_SPANS", 3)
    destination = Scripted(Later("refused"), Accepted())
    delivery = deliver(destination)
    delivery.put(record("first"))
    assert destination.asked.wait(5)
    for number in range(5):
        delivery.put(record(f"{number}"))
    assert delivery.flush(5)
    assert sorted(destination.names) == ["0", "1", "2", "3", "4", "first"]
    assert max(map(len, destination.received)) <= 3


def test_beyond_its_memory_a_delivery_reads_from_disk(
    deliver: Callable[..., Delivery], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_module, "MEMORY_BYTES", 10)
    destination = Scripted(Later("refused"), Accepted())
    delivery = deliver(destination)
    for number in range(50):
        delivery.put(record(f"span number {number}"))
    assert delivery.flush(5)
    assert destination.names == [f"span number {number}" for number in range(50)]


def test_without_a_disk_the_oldest_go_when_memory_is_full_and_are_counted(
    deliver: Callable[..., Delivery], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(delivery_module, "MEMORY_BYTES", 100)
    in_the_way = tmp_path / "a file where the spool should be"
    in_the_way.touch()
    destination = Scripted(Later("refused"))
    delivery = deliver(destination, in_the_way)
    for number in range(20):
        delivery.put(record(f"span number {number}"))
    lost = sum(delivery.dropped.values())
    assert lost + delivery.waiting == 20
    destination.answers = [Accepted()]
    assert not delivery.flush(5)
    assert len(destination.names) == 20 - lost
    assert destination.names[-1] == "span number 19"


def test_a_failure_is_one_log_line_until_the_destination_is_well_again(
    deliver: Callable[..., Delivery], caplog: pytest.LogCaptureFixture
) -> None:
    destination = Scripted(Later("refused"), Later("refused"), Later("refused"), Accepted(), Later("refused"), Accepted())
    delivery = deliver(destination)
    with caplog.at_level(logging.INFO, "fastagentic"):
        delivery.put(record("a"))
        assert delivery.flush(5)
        delivery.put(record("b"))
        assert delivery.flush(5)
    said = [entry.getMessage() for entry in caplog.records]
    assert sum("refused" in line for line in said) == 2
    assert sum("takes spans again" in line for line in said) == 2
