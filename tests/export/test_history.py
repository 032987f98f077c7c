"""The store's spans sent by OTLP: each once, as it was, and what happens when the backend will not have them."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core.errors import StoreError
from fastagentic.export.destinations.otlp import OTLPDestination
from fastagentic.export.history import History
from fastagentic.export.provider import resource_for
from fastagentic.store.carried.exporting import export
from fastagentic.store.carried.tables import tables
from fastagentic.store.file import connect
from tests.store.build import ask, call, priced, run, store

from .receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = run("report", external_id="order-42", tags=("a", "b"))
    return store(
        tmp_path / "source.db",
        [root, *(priced(0.25, parent=root.span_id, tokens_in=n) for n in range(6)), call(error="RateLimitError")],
    )


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def send(source: Path, receiver: Receiver, **options: Any) -> History:
    destination = OTLPDestination(receiver.endpoint, headers={})
    options = {"give_up_s": 0.0, "wait": lambda seconds: None, **options}
    with closing(connect(source, busy_s=1)) as connection:
        history = History(destination, connection, resource_for("checkout"), **options)
        spans = tables(connection)["spans"]
        export(connection, [spans], history, target=destination.endpoint, since_ns=0, on_written=lambda rows: None)
    return history


def test_spans_arrive_with_their_ids_times_attributes_and_status(source: Path, receiver: Receiver) -> None:
    send(source, receiver)
    found = {span.span_id: span for span in receiver.spans}

    assert len(receiver.spans) == len(found) == 8
    for trace_id, span_id, parent, name, started_ns, ended_ns in ask(
        source, "SELECT trace_id, span_id, parent_span_id, name, started_ns, ended_ns FROM spans"
    ):
        span = found[span_id]
        assert (span.trace_id, span.parent_span_id or None, span.name) == (trace_id, parent, name)
        assert (span.started_ns, span.ended_ns) == (started_ns, ended_ns)
    root = next(span for span in receiver.spans if span.name == "invoke_workflow report")
    assert root.attributes["fastagentic.tags"] == ["a", "b"]
    assert {span.kind for span in receiver.spans if span is not root} == {3}  # client
    assert root.kind == 1  # internal
    assert [span.status[0] for span in receiver.spans] == [0] * 7 + [2]
    assert {span.resource["service.name"] for span in receiver.spans} == {"checkout"}


def test_a_call_bears_the_cost_that_the_store_knows_today(source: Path, receiver: Receiver) -> None:
    with closing(connect(source, busy_s=1)) as connection:
        connection.execute("UPDATE calls SET cost_usd = 7.5, cost_source = 'price_table' WHERE error_type IS NULL")
    send(source, receiver)

    costs = [span.attributes["gen_ai.usage.cost"] for span in receiver.spans if "gen_ai.usage.cost" in span.attributes]
    assert costs == [7.5] * 6


def test_what_was_acknowledged_is_not_sent_again(source: Path, receiver: Receiver) -> None:
    send(source, receiver)
    store(source, [priced(1.0)])
    send(source, receiver)

    assert len({span.span_id for span in receiver.spans}) == len(receiver.spans) == 9


def test_a_backend_that_is_down_gives_up_in_time_and_the_next_export_goes_on(
    source: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(History, "CHUNK", 3)
    original = History.write
    sent = iter((True, False))

    def write(self: History, *arguments: Any) -> int:
        receiver.mode = "ok" if next(sent, True) else "503"
        return original(self, *arguments)

    monkeypatch.setattr(History, "write", write)
    with pytest.raises(StoreError, match=r"does not take spans \(503\).*goes on where this one stopped"):
        send(source, receiver)
    assert receiver.span_count == 3

    send(source, receiver)
    assert len({span.span_id for span in receiver.spans}) == receiver.span_count == 8


def test_a_backend_that_asks_to_wait_is_waited_for(source: Path, receiver: Receiver) -> None:
    receiver.mode = "429:7"
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        receiver.mode = "ok"

    send(source, receiver, give_up_s=60.0, wait=wait)

    assert waited == [7.0]
    assert receiver.span_count == 8


def test_what_the_backend_takes_in_part_is_counted_and_not_sent_again(source: Path, receiver: Receiver) -> None:
    receiver.mode = "partial:2"

    assert send(source, receiver).refused == {"partial success": 2}
    assert len(receiver.requests) == 1


def test_a_request_that_is_refused_is_halved_until_the_span_is_found(source: Path, receiver: Receiver) -> None:
    receiver.mode = "413"

    assert send(source, receiver).refused == {"413": 8}
    assert len(receiver.requests) == 15
