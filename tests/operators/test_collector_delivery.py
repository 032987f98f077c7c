"""What the collector has taken survives dead backends, `kill -9` and the way from agent to gateway. And when it decides."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from fastagentic.core import names
from tests.export.receiver import Receiver

from .collector import Collector
from .configs import KEYS
from .process import wait_until
from .prometheus import Prometheus
from .workload import play

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GZIP = "yaml:exporters::otlp_grpc/traces::compression: gzip"  # the receiver knows no zstd
NOTHING_BY_CHANCE = {"BASELINE_PERCENT": "0", "MISSES_PERCENT": "0"}
RESOURCE = Resource({"service.name": "shop", "service.instance.id": "shop-1"})


@contextlib.contextmanager
def sending(endpoint: str) -> Iterator[Any]:
    """A tracer whose spans are with the collector as soon as they have ended."""
    provider = TracerProvider(resource=RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    yield provider.get_tracer("fastagentic")
    provider.shutdown()


def failed_runs(tracer: Any, count: int) -> set[str]:
    """Runs of one call each, which failed: such runs are kept. Their span ids."""
    ids = set()
    for number in range(count):
        with tracer.start_as_current_span(
            "invoke_workflow report", attributes={names.OPERATION_NAME: "invoke_workflow"}
        ) as run:
            about = {names.OPERATION_NAME: "chat", names.REQUEST_MODEL: "gpt-4o", names.USAGE_COST: number / 1000}
            with tracer.start_as_current_span("chat gpt-4o", kind=SpanKind.CLIENT, attributes=about) as call:
                call.set_status(Status(StatusCode.ERROR))
            ids |= {f"{span.get_span_context().span_id:016x}" for span in (run, call)}
    return ids


def ids_of(receiver: Receiver) -> set[str]:
    return {span.span_id for span in receiver.spans}


def test_an_agent_delivers_after_a_kill_what_the_gateway_would_not_take(collector_binary: Path, tmp_path: Path) -> None:
    with Receiver() as gateway:
        address = gateway.grpc_endpoint.removeprefix("http://")
        gateway.mode = "503"
        settings = {"GATEWAY_ENDPOINT": address, "GATEWAY_METRICS_ENDPOINT": address}
        with Collector(collector_binary, tmp_path, "agent.yaml", GZIP, **settings) as agent:
            with sending(agent.otlp_endpoint) as tracer:
                sent = failed_runs(tracer, 50)
            gateway.wait_for(lambda it: it.of("traces"))  # it was offered, and refused
            agent.kill()
            assert gateway.spans == []
            gateway.mode = "ok"
            agent.start()
            gateway.wait_for(lambda it: ids_of(it) >= sent, 60)
        assert ids_of(gateway) == sent


def test_all_in_one_delivers_to_langfuse_after_a_kill_what_it_was_too_dead_to_take(
    collector_binary: Path, tmp_path: Path
) -> None:
    with Receiver() as backend, Receiver() as langfuse:
        port = langfuse.port
        langfuse.stop()  # nobody listens
        settings = {
            "TRACES_ENDPOINT": backend.grpc_endpoint.removeprefix("http://"), "LANGFUSE_BASE_URL": f"http://127.0.0.1:{port}",
            **KEYS,
        }  # fmt: skip
        with Collector(collector_binary, tmp_path, "all-in-one.yaml", "with-langfuse.yaml", **settings) as collector:
            with sending(collector.otlp_endpoint) as tracer:
                sent = failed_runs(tracer, 30)
            backend.wait_for(lambda it: ids_of(it) >= sent)  # they were decided, and are in Langfuse's queue as well
            collector.wait_for_log("otlp_http/langfuse")  # its complaint
            collector.kill()
            langfuse.start()
            collector.start()
            langfuse.wait_for(lambda it: ids_of(it) >= sent, 60)
        assert ids_of(langfuse) == sent


def test_a_run_is_decided_after_its_root_span_and_not_before(collector_binary: Path, tmp_path: Path) -> None:
    with Receiver() as backend:
        settings = {"TRACES_ENDPOINT": backend.grpc_endpoint.removeprefix("http://"), **NOTHING_BY_CHANCE}
        with (
            Collector(collector_binary, tmp_path, "all-in-one.yaml", DECISION_WAIT_AFTER_ROOT="500ms", **settings) as collector,
            sending(collector.otlp_endpoint) as tracer,
        ):
            root = tracer.start_span("invoke_workflow long")
            inside = set_span_in_context(root)
            tracer.start_span("chat gpt-4o", inside).end()  # nothing to keep it for
            decide_another(tracer, backend)  # a run that ends meanwhile is decided; this one has no root yet
            decide_another(tracer, backend)
            late = tracer.start_span("chat gpt-4o", inside)
            late.set_status(Status(StatusCode.ERROR))
            late.end()
            root.end()
            trace = f"{root.get_span_context().trace_id:032x}"
            backend.wait_for(lambda it: len([span for span in it.spans if span.trace_id == trace]) == 3)


def decide_another(tracer: Any, backend: Receiver) -> None:
    """Send a run that is kept, and return when it has been."""
    sent = failed_runs(tracer, 1)
    backend.wait_for(lambda it: ids_of(it) >= sent)


def test_a_run_without_a_root_span_is_decided_in_the_end(collector_binary: Path, tmp_path: Path) -> None:
    with Receiver() as backend:
        settings = {
            "TRACES_ENDPOINT": backend.grpc_endpoint.removeprefix("http://"),
            "DECISION_WAIT": "2s",
            **NOTHING_BY_CHANCE,
        }
        with (
            Collector(collector_binary, tmp_path, "all-in-one.yaml", **settings) as collector,
            sending(collector.otlp_endpoint) as tracer,
        ):
            inside = set_span_in_context(tracer.start_span("never ends"))
            call = tracer.start_span("chat gpt-4o", inside)
            call.set_status(Status(StatusCode.ERROR))
            call.end()
            backend.wait_for(lambda it: it.spans)


def test_cost_from_spans_is_whole_when_requests_come_side_by_side(
    collector_binary: Path, prometheus_2: Path, tmp_path: Path
) -> None:
    """Each request makes differences of its own, and what turns them into a counter forgets those that overtake others."""
    requests_each, connections = 25, 8
    with (
        Collector(collector_binary, tmp_path, "all-in-one.yaml", SPAN_METRICS_INTERVAL="500ms") as collector,
        Prometheus(prometheus_2, tmp_path, scrape=[collector.prometheus_address]) as prometheus,
    ):

        def send(_: int) -> None:
            with sending(collector.otlp_endpoint) as tracer:
                for _ in range(requests_each):
                    tracer.start_span("chat", attributes={names.REQUEST_MODEL: "gpt-4o", names.USAGE_COST: 0.25}).end()

        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(send, range(connections)))
        prometheus.wait_for("sum(traces_span_cost_USD_total)", 0.25 * requests_each * connections)


def counted_by_user(endpoint: str) -> None:
    """A counter of cost that names its user, as another instrumentation may: 0.31, 0.36 and 0.26 USD."""
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"), export_interval_millis=3_600_000)
    provider = MeterProvider([reader], resource=RESOURCE, shutdown_on_exit=False)
    counter = provider.get_meter("fastagentic").create_counter(names.COST, "USD")
    for user, usd in (("u-1", 0.31), ("u-2", 0.36), ("u-3", 0.26)):
        counter.add(usd, {names.REQUEST_MODEL: "gpt-4o", names.USER_ID: user})
    provider.shutdown()


@pytest.mark.parametrize("adds_up", [True, False], ids=["as it is", "without the aggregation"])
def test_cost_without_its_users_adds_up_to_what_it_was(
    adds_up: bool, collector_binary: Path, prometheus_programs: Path, tmp_path: Path
) -> None:
    """The other half shows why: without it, one user's cost is left of three."""
    without = ("yaml:processors::transform/metric_labels::metric_statements: " + LABELS_ONLY,)
    with (
        Collector(collector_binary, tmp_path, "all-in-one.yaml", *([] if adds_up else without)) as collector,
        Prometheus(prometheus_programs, tmp_path, scrape=[collector.prometheus_address]) as prometheus,
    ):
        counted_by_user(collector.otlp_endpoint)
        total = prometheus.wait_for("sum(fastagentic_cost_USD_total)")
        assert (total == pytest.approx(0.93)) is adds_up
        assert prometheus.query('fastagentic_cost_USD_total{user_id!=""}') == []


LABELS_ONLY = "[{context: datapoint, statements: ['delete_key(datapoint.attributes, \"user.id\")']}]"


def test_from_an_agent_over_a_gateway_nothing_is_lost_or_counted_twice(
    collector_binary: Path, prometheus_programs: Path, tmp_path: Path
) -> None:
    for name in ("agent", "gateway"):
        (tmp_path / name).mkdir()
    facts = tmp_path / "calls.jsonl"
    with (
        Receiver() as backend,
        Prometheus(prometheus_programs, tmp_path) as prometheus,
        Collector(
            collector_binary, tmp_path / "gateway", "gateway.yaml", "with-file.yaml",
            TRACES_ENDPOINT=backend.grpc_endpoint.removeprefix("http://"), REMOTE_WRITE_ENDPOINT=prometheus.remote_write_url,
            FACTS_FILE=str(facts), BASELINE_PERCENT="100", SPAN_METRICS_INTERVAL="500ms",
        ) as gateway,
        Collector(
            collector_binary, tmp_path / "agent", "agent.yaml",
            GATEWAY_ENDPOINT=gateway.otlp_grpc_endpoint, GATEWAY_METRICS_ENDPOINT=gateway.otlp_grpc_endpoint,
        ) as agent,
    ):  # fmt: skip
        truth = play(tmp_path, otlp=agent.otlp_endpoint, gateway=False)
        prometheus.wait_for("sum(fastagentic_cost_USD_total)", truth.cost_usd)
        prometheus.wait_for("sum(traces_span_cost_USD_total)", truth.cost_usd)
        prometheus.wait_for('sum(traces_span_metrics_calls_total{gen_ai_request_model!=""})', truth.total().calls)
        ours = {span["span_id"] for span in truth.spans()}
        backend.wait_for(lambda it: ids_of(it) >= ours)  # BASELINE_PERCENT: every run is kept
        wait_until(facts.exists, "the file of facts")
        assert agent.warnings() == gateway.warnings() == []
    assert len([span for span in backend.spans if span.span_id in ours]) == len(ours)
