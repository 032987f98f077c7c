"""How many spans a second the all-in-one collector holds on one core, and which part of its pipeline takes the time.

    .venv/bin/python benchmarks/collector.py [--seconds 8] [--only NAME ...] [--profile FILE] [--json]

Requests of 300 spans (runs of one root span and nine calls, about 1 kB a span) are encoded beforehand; only their trace ids
change from request to request. Four connections send as fast as they are answered. The collector has one core (GOMAXPROCS=1,
pinned), the sender and the backend it exports to have another. A row adds one component to the row above it. CPU is that of
the collector's process, which other work on the machine disturbs less than the rate: spans a second on a whole core are a
million over it. A row that lost a span says so. `--profile` writes a Go CPU profile of the whole pipeline. No time is asserted.
"""

from __future__ import annotations

import argparse
import copy
import http.client
import json
import os
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
from tests.export.receiver import Receiver  # noqa: E402  # the same stand-in as in the tests
from tests.operators.collector import CONFIGS, Collector  # noqa: E402
from tests.operators.configs import merged  # noqa: E402
from tests.operators.programs import find_collector  # noqa: E402

from fastagentic.core import names  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Config = dict[str, Any]
SPANS, SPANS_A_RUN, CONNECTIONS = 300, 10, 4
MARK = b"\xfa\x57\xa6\xe7\x7f\xee\xd0\x0d"
"""The first half of every trace id as encoded; each request that is sent has another."""
COLLECTORS_CORE, OTHER_CORE = 0, 1
MODELS = ("gpt-4o-mini", "gpt-4o", "claude-sonnet-4-5", "mistral-small-latest")


def run_attributes(number: int) -> dict[str, Any]:
    return {
        names.OPERATION_NAME: "invoke_workflow",
        names.WORKFLOW_NAME: "nightly-report",
        names.RUN_ID: f"{number:032x}",
        names.USER_ID: f"u-{number % 50}",
        names.TENANT_ID: "acme",
        names.RUN_COST: 0.012,
        names.RUN_CALLS: SPANS_A_RUN - 1,
    }


def call_attributes(number: int) -> dict[str, Any]:
    model = MODELS[number % len(MODELS)]
    return {
        names.OPERATION_NAME: "chat",
        names.PROVIDER_NAME: "openai",
        names.REQUEST_MODEL: model,
        names.RESPONSE_MODEL: f"{model}-2026-07-18",
        names.RESPONSE_ID: f"chatcmpl-{number * 7919:029x}",
        names.RESPONSE_FINISH_REASONS: ["stop"],
        names.REQUEST_TEMPERATURE: 0.2,
        names.REQUEST_MAX_TOKENS: 512,
        names.INPUT_TOKENS: 1000 + number * 37 % 900,
        names.OUTPUT_TOKENS: 200 + number * 17 % 300,
        names.CACHE_READ_TOKENS: 400,
        names.USAGE_COST: 0.00024 + number * 1e-7,
        names.COST_SOURCE: "price_table",
        names.GATEWAY: "portkey",
        names.CACHE_STATUS: "miss",
        names.CACHE_HIT: False,
        names.TARGET_INDEX: 0,
        names.TARGET_PATH: "config.targets[0]",
        names.TARGET_PROVIDER: "openai",
        names.RETRIES: 0,
        names.FALLBACK_USED: False,
        names.RUN_ID: f"{number // SPANS_A_RUN:032x}",
        names.USER_ID: f"u-{number % 50}",
        names.SESSION_ID: f"s-{number % 500}",
        names.TENANT_ID: "acme",
        names.SERVER_ADDRESS: "api.portkey.ai",
        names.SERVER_PORT: 443,
    }


def any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, list):
        found = AnyValue()
        found.array_value.values.extend(map(any_value, value))
        return found
    kinds: Mapping[type, str] = {str: "string_value", int: "int_value", float: "double_value"}
    return AnyValue(**{kinds[type(value)]: value})


def pairs(attributes: Mapping[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=any_value(value)) for key, value in attributes.items()]


def encoded() -> bytes:
    """One request; `MARK` is the first half of each of its trace ids."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    resource = {"service.name": "shop", "service.instance.id": "shop-1", "telemetry.sdk.language": "python"}
    of_resource.resource.attributes.extend(pairs(resource))
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name = "fastagentic"
    now = time.time_ns()
    for number in range(SPANS):
        run, at = divmod(number, SPANS_A_RUN)
        about = run_attributes(run) if at == SPANS_A_RUN - 1 else call_attributes(number)  # the root ends last
        of_scope.spans.add(
            trace_id=MARK + run.to_bytes(8, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            parent_span_id=b"" if at == SPANS_A_RUN - 1 else ((run + 1) * SPANS_A_RUN).to_bytes(8, "big"),
            name=f"chat {MODELS[number % len(MODELS)]}" if at != SPANS_A_RUN - 1 else "invoke_workflow nightly-report",
            kind=3,
            start_time_unix_nano=now - 900_000_000,
            end_time_unix_nano=now - number,
            attributes=pairs(about),
        )
    body: bytes = request.SerializeToString()
    assert body.count(MARK) == SPANS
    return body


# --- what is run: the all-in-one configuration, from nothing to the whole ---------------------------------------------------


def whole() -> Config:
    """All in one as it stands, with the overlay that writes every call to a file."""
    config = merged("all-in-one.yaml", "with-file.yaml")
    config["extensions"]["pprof"] = {"endpoint": "${env:PPROF_ADDRESS:-127.0.0.1:17777}"}
    config["service"]["extensions"].append("pprof")
    return config


def reduced(processors: list[str], exporters: list[str], **pipelines: Mapping[str, Any]) -> Config:
    """All in one with fewer pipelines: `traces/in` as given and those that are named; what is left over is taken out."""
    config = whole()
    config["exporters"]["nop"] = {}
    kept = config["service"]["pipelines"]
    incoming = {**kept["traces/in"], "processors": processors, "exporters": exporters}
    config["service"]["pipelines"] = {"traces/in": incoming, **pipelines}
    used = {
        one for pipeline in config["service"]["pipelines"].values() for one in (*pipeline["receivers"], *pipeline["exporters"])
    }
    config["connectors"] = {name: settings for name, settings in config["connectors"].items() if name in used}
    return config


def with_redaction(config: Config, **settings: Any) -> Config:
    changed = copy.deepcopy(config)
    redaction = changed["processors"]["redaction"]
    for name, value in settings.items():
        redaction[name] = value
    return changed


LIMIT, DETECT, REDACT = "memory_limiter", "resource_detection", "redaction"


def _metrics_of(*connectors: str) -> dict[str, Any]:
    pipelines = whole()["service"]["pipelines"]
    return {name: pipeline for name, pipeline in pipelines.items() if set(pipeline["receivers"]) & set(connectors)}


def _sampling(config: Config, *, to: list[str]) -> Config:
    pipelines = config["service"]["pipelines"]
    processors = ["tail_sampling", "batch/decided"]
    pipelines["traces/sampling"] = {"receivers": ["forward/all"], "processors": processors, "exporters": to}
    pipelines["traces/in"]["exporters"].append("forward/all")
    config["connectors"]["forward/all"] = {}
    return config


def _one_pattern(config: Config) -> Config:
    [*patterns] = config["processors"]["redaction"]["blocked_values"]
    return with_redaction(config, blocked_values=["|".join(f"({one})" for one in patterns)])


def _redacting() -> Config:
    return reduced([LIMIT, DETECT, REDACT], ["nop"])


def _measuring(*connectors: str) -> Config:
    return reduced([LIMIT, DETECT, REDACT], [*connectors, "nop"], **_metrics_of(*connectors))


ROWS: dict[str, Callable[[], Config]] = {
    "nothing: receive, decode, forget": lambda: reduced([LIMIT], ["nop"]),
    "+ resource_detection": lambda: reduced([LIMIT, DETECT], ["nop"]),
    "+ redaction": _redacting,
    "(instead: redaction of all attributes)": lambda: with_redaction(_redacting(), ignored_keys=[]),
    "(instead: redaction by one pattern)": lambda: _one_pattern(_redacting()),
    "+ signal_to_metrics": lambda: _measuring("signal_to_metrics"),
    "+ span_metrics": lambda: _measuring("signal_to_metrics", "span_metrics"),
    "+ tail_sampling": lambda: _sampling(_measuring("signal_to_metrics", "span_metrics"), to=["nop"]),
    "+ delivery of what is kept: all in one": lambda: without_facts(whole()),
    "+ every call to a file: with-file": whole,
}


def without_facts(config: Config) -> Config:
    del config["service"]["pipelines"]["traces/file"], config["exporters"]["file/facts"]
    return config


# --- how it is measured -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Row:
    """One configuration: spans a second as sent and answered, microseconds of the collector's CPU a span, memory at the end."""

    name: str
    spans: int
    rate: float
    cpu_us: float
    rss_mb: float
    lost: float


class Sender:
    """Sends the request over and over on some connections, until told to stop."""

    def __init__(self, address: str, body: bytes) -> None:
        self._address, self._body = address, body
        self._stop = threading.Event()
        self.sent = self.refused = 0
        self._lock = threading.Lock()

    def run(self, seconds: float) -> float:
        """Send for so long. Returns the seconds it took until the last was answered."""
        started = time.perf_counter()
        threads = [threading.Thread(target=self._send) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        self._stop.wait(seconds)
        self._stop.set()
        for thread in threads:
            thread.join()
        return time.perf_counter() - started

    def _send(self) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=60)
        headers = {"Content-Type": "application/x-protobuf"}
        while not self._stop.is_set():
            connection.request("POST", "/v1/traces", self._body.replace(MARK, os.urandom(8)), headers)
            answer = connection.getresponse()
            answer.read()
            with self._lock:
                self.sent += answer.status == 200
                self.refused += answer.status != 200
        connection.close()


def cpu_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def lost_spans(telemetry: Mapping[str, float]) -> float:
    """Spans that some part of the collector refused, failed to hand on, or threw away."""
    words = ("refused_spans", "failed_spans", "dropped_too_early", "enqueue_failed")
    return sum(value for name, value in telemetry.items() if any(word in name for word in words))


def measured(name: str, config: Config, seconds: float, profile: Path | None) -> Row:
    """Run a configuration and load it."""
    with tempfile.TemporaryDirectory(prefix="collector-") as scratch, Receiver(keep=False) as backend:
        folder = Path(scratch)
        file = folder / "config.yaml"
        file.write_text(yaml.safe_dump(config))
        settings = {
            "TRACES_ENDPOINT": backend.grpc_endpoint.removeprefix("http://"),
            "FACTS_FILE": str(folder / "facts.jsonl"),
            "GOMAXPROCS": "1",
            "DECISION_WAIT_AFTER_ROOT": "5s",
            "DECISION_WAIT": "300s",
            "MEMORY_LIMIT_MIB": "5000",  # what waits for its decision at full speed does not fit into the default
            "MEMORY_SPIKE_MIB": "500",
        }
        os.sched_setaffinity(0, {COLLECTORS_CORE})  # the collector inherits it
        with Collector(find_collector(), folder, os.path.relpath(file, CONFIGS), **settings) as collector:
            os.sched_setaffinity(0, {OTHER_CORE})
            address = collector.settings["OTLP_HTTP_ADDRESS"]
            body = encoded()
            Sender(address, body).run(2)  # warm
            for _ in profiled(profile, seconds):
                before, sender = cpu_s(collector.pid), Sender(address, body)
                took = sender.run(seconds)
            spans = sender.sent * SPANS
            used = cpu_when_settled(collector) - before
            lost = lost_spans(collector.telemetry()) + sender.refused * SPANS
            return Row(name, spans, spans / took, used * 1e6 / spans, rss_mb(collector.pid), lost)


def cpu_when_settled(collector: Collector) -> float:
    """CPU seconds when what was taken had been decided and delivered; being idle afterwards is not counted."""
    idle_since = time.monotonic()
    before = settled = cpu_s(collector.pid)
    while time.monotonic() - idle_since < 8:  # decisions fall five seconds after a root span
        time.sleep(0.5)
        now = cpu_s(collector.pid)
        if now - before > 0.05:
            idle_since, settled = time.monotonic(), now
        before = now
    return settled


def profiled(file: Path | None, seconds: float) -> Iterator[None]:
    """The body of the loop once, with a CPU profile of it taken at the same time if a file is given."""
    if file is None:
        yield
        return

    def fetch() -> None:
        url = f"http://127.0.0.1:17777/debug/pprof/profile?seconds={int(seconds)}"
        file.write_bytes(urllib.request.urlopen(url, timeout=seconds + 30).read())

    thread = threading.Thread(target=fetch)
    thread.start()
    yield
    thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each row is loaded")
    parser.add_argument("--only", nargs="*", default=None, help="rows whose name has one of these texts")
    parser.add_argument("--profile", type=Path, help="where a Go CPU profile goes (of the last row that is run)")
    parser.add_argument("--json", action="store_true", help="for a program")
    options = parser.parse_args()
    chosen = {name: make for name, make in ROWS.items() if not options.only or any(text in name for text in options.only)}
    rows = []
    for name, make in chosen.items():
        rows.append(measured(name, make(), options.seconds, options.profile))
        if not options.json:
            print(rows[-1], file=sys.stderr)
    if options.json:
        print(json.dumps([asdict(row) for row in rows]))
        return
    table = Table("configuration", "spans/s", "CPU µs a span", "spans/s a core", "RSS MB", "lost")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.rate:,.0f}",
            f"{row.cpu_us:.1f}",
            f"{1e6 / row.cpu_us:,.0f}",
            f"{row.rss_mb:,.0f}",
            f"{row.lost:,.0f}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
