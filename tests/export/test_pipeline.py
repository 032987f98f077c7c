"""Ended spans reach every destination that wants them, encoded once, dressed for each alone."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased

import fastagentic
from fastagentic.export import encode as encode_module
from fastagentic.export import encoding as encoding_module
from fastagentic.export import pipeline as pipeline_module
from fastagentic.export.destination import Accepted
from fastagentic.export.pipeline import pipeline_on
from fastagentic.export.trace_ids import RecordOurs

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest
    from opentelemetry.sdk.trace import ReadableSpan

    from fastagentic.export.destination import Answer, Payload


class Kept:
    """A destination that keeps what it is sent, by name."""

    def __init__(self, name: str, more: Mapping[str, Any] | None = None, *, wants: str = "") -> None:
        self.name = name
        self.endpoint = f"test:{name}"
        self.spans: dict[str, dict[str, Any]] = {}
        self.requests = 0
        self._more = more
        self._wants = wants
        self.may_answer = threading.Event()
        self.may_answer.set()

    def wants(self, span: ReadableSpan) -> bool:
        return span.name.startswith(self._wants)

    def dress(self, span: ReadableSpan) -> Mapping[str, Any] | None:
        return self._more

    def send(self, payload: Payload, timeout_s: float) -> Answer:
        self.may_answer.wait(30)
        self.requests += 1
        for of in ExportTraceServiceRequest.FromString(payload.body).resource_spans:
            for scope in of.scope_spans:
                for span in scope.spans:
                    found = {one.key: one.value.string_value for one in span.attributes}
                    self.spans[span.name] = {**found, "scope": scope.scope.name}
        return Accepted()

    def close(self) -> None:
        self.may_answer.set()


def test_a_span_goes_to_each_destination_that_wants_it_in_its_own_dress() -> None:
    plain, dressed = Kept("plain"), Kept("dressed", {"langfuse.user.id": "u-1"}, wants="invoke_workflow")
    fastagentic.instrument(destinations=[plain, dressed])
    with fastagentic.run("nightly"):
        pass
    assert fastagentic.flush(5)
    assert "langfuse.user.id" not in plain.spans["invoke_workflow nightly"]
    assert dressed.spans["invoke_workflow nightly"]["langfuse.user.id"] == "u-1"


def test_a_span_is_encoded_once_however_many_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []

    def counted(span: ReadableSpan, *filtered: Any) -> bytes:
        encoded.append(span.name)
        return encode_module.encode_span(span, *filtered)

    monkeypatch.setattr(encoding_module, "encode_span", counted)
    fastagentic.instrument(destinations=[Kept("one"), Kept("two"), Kept("three")])
    with fastagentic.run("nightly"):
        pass
    assert fastagentic.flush(5)
    assert encoded == ["invoke_workflow nightly"]


def test_a_destination_that_hangs_keeps_no_other_waiting_and_a_flush_to_its_deadline() -> None:
    hanging, well = Kept("hanging"), Kept("well")
    hanging.may_answer.clear()
    fastagentic.instrument(destinations=[hanging, well])
    with fastagentic.run("nightly"):
        pass
    assert not fastagentic.flush(1.0)
    assert "invoke_workflow nightly" in well.spans
    hanging.may_answer.set()
    assert fastagentic.flush(5)
    assert "invoke_workflow nightly" in hanging.spans


def test_with_crash_durability_a_span_is_on_disk_before_the_run_has_ended(own_environment: Any) -> None:
    hanging = Kept("hanging")
    hanging.may_answer.clear()
    fastagentic.instrument(destinations=[hanging], durability="crash")
    with fastagentic.run("nightly"):
        pass
    written = b"".join(path.read_bytes() for path in own_environment.rglob("*.seg"))
    assert b"invoke_workflow nightly" in written
    hanging.may_answer.set()


def test_a_crowd_of_spans_is_encoded_by_its_callers_and_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_module, "CROWDED", 10)
    kept = Kept("kept")
    fastagentic.instrument(destinations=[kept])
    for number in range(500):
        with fastagentic.run(f"{number}"):
            pass
    assert fastagentic.flush(10)
    assert len(kept.spans) == 500


def test_what_is_sampled_out_does_not_leave() -> None:
    kept = Kept("kept")
    provider = TracerProvider(sampler=RecordOurs(ParentBased(ALWAYS_OFF)))
    fastagentic.instrument(destinations=[kept], tracer_provider=provider)
    with fastagentic.run("nightly"):
        pass
    assert fastagentic.flush(5)
    assert not kept.spans


def test_a_span_that_cannot_be_encoded_is_counted_and_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch, swallows_failures: object
) -> None:
    def strange(span: ReadableSpan, *filtered: Any) -> bytes:
        if "strange" in span.name:
            raise ValueError("an attribute of nobody's kind")
        return encode_module.encode_span(span, *filtered)

    monkeypatch.setattr(encoding_module, "encode_span", strange)
    kept = Kept("kept")
    provider = TracerProvider()
    fastagentic.instrument(destinations=[kept], tracer_provider=provider)
    for name in ("before", "strange", "after"):
        with fastagentic.run(name):
            pass
    assert not fastagentic.flush(5)  # one was lost
    assert set(kept.spans) == {"invoke_workflow before", "invoke_workflow after"}
    pipeline = pipeline_on(provider)
    assert pipeline is not None
    assert dict(pipeline.deliveries[0].dropped) == {"not encodable": 1}


def test_flushing_the_provider_flushes_the_destinations() -> None:
    kept = Kept("kept")
    provider = TracerProvider()
    fastagentic.instrument(destinations=[kept], tracer_provider=provider)
    with fastagentic.run("nightly"):
        pass
    assert provider.force_flush(5_000)
    assert kept.spans
