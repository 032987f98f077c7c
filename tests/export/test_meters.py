"""Metrics and events leave by OTLP beside the spans; a dead backend costs one line, and nobody waits for a hanging one."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from fastagentic.core.errors import ConfigError
from fastagentic.export.loggers import otlp_logger_provider
from fastagentic.export.meters import otlp_meter_provider
from fastagentic.export.otlp_settings import GRPC, HTTP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.export.loggers import OTLPLoggerProvider
    from fastagentic.export.meters import OTLPMeterProvider

    from .receiver import Receiver

RESOURCE = Resource.create({"service.name": "checkout"})
PROTOCOLS = [HTTP, GRPC]
IN_TIME_MS = 10_000


@pytest.fixture(params=PROTOCOLS)
def backend(request: pytest.FixtureRequest, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Receiver:
    endpoint = receiver.endpoint if request.param == HTTP else receiver.grpc_endpoint
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", request.param)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=checkout")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")  # the stock exporters try again for as long
    return receiver


@pytest.fixture
def meters(backend: Receiver) -> Iterator[OTLPMeterProvider]:
    provider = otlp_meter_provider(RESOURCE)
    assert provider is not None
    yield provider
    provider.shutdown(2_000)


@pytest.fixture
def loggers(backend: Receiver) -> Iterator[OTLPLoggerProvider]:
    provider = otlp_logger_provider(RESOURCE)
    assert provider is not None
    yield provider
    provider.shutdown(2_000)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.name, record.getMessage()) for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_metric_arrives(meters: OTLPMeterProvider, backend: Receiver) -> None:
    meters.get_meter("fastagentic").create_counter("fastagentic.cost", "USD").add(0.5)

    assert meters.force_flush(IN_TIME_MS)

    (metric,) = backend.metrics
    assert (metric.name, metric.unit, metric.scope) == ("fastagentic.cost", "USD", "fastagentic")
    assert metric.resource["service.name"] == "checkout"
    assert backend.requests[0].headers["x-team"] == "checkout"


def test_a_histogram_names_a_sampled_trace_of_its_own_as_example(meters: OTLPMeterProvider, backend: Receiver) -> None:
    duration = meters.get_meter("fastagentic").create_histogram("gen_ai.client.operation.duration", "s")
    with TracerProvider().get_tracer("t").start_as_current_span("chat") as span:
        duration.record(0.3)

    meters.force_flush(IN_TIME_MS)

    (point,) = backend.metrics[0].message.histogram.data_points
    assert int.from_bytes(point.exemplars[0].trace_id) == span.get_span_context().trace_id


def test_metrics_leave_at_the_interval_of_the_settings(backend: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
    provider = otlp_meter_provider()
    assert provider is not None
    provider.get_meter("m").create_counter("c").add(1)

    backend.wait_for(lambda one: len(one.of("metrics")) >= 2)
    provider.shutdown(2_000)


def test_shutting_down_sends_what_was_not_sent(meters: OTLPMeterProvider, backend: Receiver) -> None:
    meters.get_meter("m").create_counter("c").add(1)

    meters.shutdown(IN_TIME_MS)

    assert [metric.name for metric in backend.metrics] == ["c"]


def test_a_dead_backend_is_told_once_and_not_at_every_interval(
    meters: OTLPMeterProvider, backend: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    counter = meters.get_meter("m").create_counter("c")
    backend.stop()
    for _ in range(2):
        counter.add(1)
        assert not meters.force_flush(IN_TIME_MS)

    ((name, text),) = told(caplog)
    assert name == "fastagentic"
    assert "otlp metrics" in text


def test_a_backend_that_is_back_is_told_and_a_second_failure_too(
    meters: OTLPMeterProvider, backend: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    counter = meters.get_meter("m").create_counter("c")
    with caplog.at_level(logging.INFO, "fastagentic"):
        for mode in ("401", "ok", "401"):
            backend.mode = mode
            counter.add(1)
            assert meters.force_flush(IN_TIME_MS) is (mode == "ok")

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]


def test_the_users_own_exporter_keeps_its_voice(
    meters: OTLPMeterProvider, backend: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    meters.get_meter("m").create_counter("c").add(1)
    backend.mode = "401"
    meters.force_flush(IN_TIME_MS)

    logging.getLogger("opentelemetry.exporter.otlp.proto.http.metric_exporter").warning("theirs")

    assert [text for _, text in told(caplog)][1:] == ["theirs"]


def test_flushing_and_shutting_down_end_in_time_before_a_backend_that_hangs(
    meters: OTLPMeterProvider, loggers: OTLPLoggerProvider, backend: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend.mode = "hang"
    meters.get_meter("m").create_counter("c").add(1)
    loggers.get_logger("l").emit(LogRecord(body="b"))

    assert not meters.force_flush(50)
    assert not loggers.force_flush(50)
    meters.shutdown(50)
    loggers.shutdown(50)

    backend.mode = "ok"


def test_an_event_arrives(loggers: OTLPLoggerProvider, backend: Receiver) -> None:
    record: Any = LogRecord(
        event_name="gen_ai.client.inference.operation.details", body="said", attributes={"fastagentic.run.id": "r"}
    )
    loggers.get_logger("fastagentic").emit(record)

    assert loggers.force_flush(IN_TIME_MS)

    (log,) = backend.logs
    assert (log.event_name, log.body, log.scope) == ("gen_ai.client.inference.operation.details", "said", "fastagentic")
    assert log.attributes == {"fastagentic.run.id": "r"}
    assert log.resource["service.name"] == "checkout"


def test_events_that_are_lost_are_told_once(
    loggers: OTLPLoggerProvider, backend: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    backend.stop()
    for _ in range(2):
        loggers.get_logger("l").emit(LogRecord(body="b"))
        assert not loggers.force_flush(IN_TIME_MS)

    ((name, text),) = told(caplog)
    assert name == "fastagentic"
    assert "lost" in text


@pytest.mark.parametrize(
    ("chosen", "is_made"), [("none", False), ("console", False), ("", True), ("otlp", True), ("console, otlp", True)]
)
def test_the_exporters_that_were_chosen_hold(chosen: str, is_made: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", chosen)
    monkeypatch.setenv("OTEL_LOGS_EXPORTER", chosen)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    made = [otlp_meter_provider(), otlp_logger_provider()]

    assert [one is not None for one in made] == [is_made, is_made]
    for provider in made:
        if provider is not None:
            provider.shutdown(2_000)


def test_a_protocol_that_there_is_not_is_told_with_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json")

    with pytest.raises(ConfigError, match=r"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL.*http/json.*http/protobuf or grpc"):
        otlp_meter_provider()
