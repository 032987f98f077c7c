"""A real collector on loopback, run from the files of `collector-config/` as they stand: only their environment is ours."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Self

from .process import NotStartedError, Process, answers, get, wait_until
from .programs import ROOT, free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGS = ROOT / "collector-config"
PORTS = {
    "OTLP_GRPC_ADDRESS": "127.0.0.1:{}",
    "OTLP_HTTP_ADDRESS": "127.0.0.1:{}",
    "HEALTH_ADDRESS": "127.0.0.1:{}",
    "PROMETHEUS_ADDRESS": "127.0.0.1:{}",
    "TELEMETRY_PORT": "{}",
}
"""The settings of the configurations that are ports of the collector's own."""
QUICK = {"DECISION_WAIT": "20s", "DECISION_WAIT_AFTER_ROOT": "500ms"}
"""A run is decided half a second after its root span instead of five: tests wait for it."""


class Collector:
    """`with Collector(binary, folder, "all-in-one.yaml", TRACES_ENDPOINT="127.0.0.1:4317") as collector:`

    Further file names are overlays; a name may also be `yaml:` and a setting (`yaml:processors::batch::timeout: 1s`). The
    settings are the environment variables that `collector-config/README.md` lists. Queues and log lie in `folder`.
    """

    def __init__(self, binary: Path, folder: Path, *configs: str, **settings: str) -> None:
        self.binary = binary
        self.configs = configs
        self.settings = {**QUICK, "QUEUE_DIRECTORY": str(folder / "queue"), **settings}
        self._process = Process(folder / "collector.log")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def otlp_endpoint(self) -> str:
        """Where OTLP over HTTP is taken: a value for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://{self.settings['OTLP_HTTP_ADDRESS']}"

    @property
    def otlp_grpc_endpoint(self) -> str:
        """Where OTLP over gRPC is taken, `host:port`."""
        return self.settings["OTLP_GRPC_ADDRESS"]

    @property
    def prometheus_address(self) -> str:
        """What a Prometheus scrapes, `host:port`; `/metrics`."""
        return self.settings["PROMETHEUS_ADDRESS"]

    @property
    def pid(self) -> int:
        """Its process id while it runs."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has logged since it was first started: a JSON object a line."""
        return self._process.log

    def warnings(self) -> list[dict[str, Any]]:
        """The records of its log above `info`, and lines that are no record (a panic)."""
        return [record for record in self._records() if record.get("level") not in {"debug", "info"}]

    def exposition(self) -> str:
        """What its Prometheus exporter shows now, in OpenMetrics with exemplars."""
        headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
        return get(f"http://{self.prometheus_address}/metrics", headers=headers).decode()

    def telemetry(self) -> dict[str, float]:
        """The collector's metrics about itself, added up over their labels: `otelcol_exporter_sent_spans` ..."""
        found: dict[str, float] = {}
        for line in get(f"http://127.0.0.1:{self.settings['TELEMETRY_PORT']}/metrics").decode().splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                name = name.partition("{")[0]
                found[name] = found.get(name, 0.0) + float(value)
        return found

    def start(self) -> None:
        """Start it and wait until it is healthy: on free ports at first, on the same ones afterwards."""
        given = set(self.settings)
        for attempt in range(3):
            ports = iter(free_ports(len(PORTS)))
            self.settings |= {name: text.format(next(ports)) for name, text in PORTS.items() if name not in given}
            try:
                self._process.start(self._command(), self._is_healthy, self.settings)
            except NotStartedError as error:  # somebody took a port between our look and its start
                if attempt == 2 or "address already in use" not in str(error):
                    raise
            else:
                return

    def stop(self) -> None:
        """End it as an operator does: it flushes what it can, and keeps the rest on disk."""
        self._process.stop()

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()

    def wait_for_log(self, text: str, timeout_s: float = 30.0) -> None:
        """Return once its log has the text."""
        wait_until(lambda: text in self.log, f"{text!r} in the collector's log", timeout_s)

    def _command(self) -> list[str]:
        return [str(self.binary), *config_options(*self.configs)]

    def _is_healthy(self) -> bool:
        return answers(f"http://{self.settings['HEALTH_ADDRESS']}/")

    def _records(self) -> Iterator[dict[str, Any]]:
        for line in self.log.splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                yield {"level": "unreadable", "msg": line}
            else:
                yield record


def config_options(*configs: str) -> list[str]:
    """Command-line options for files of `collector-config/`, or for settings that begin with `yaml:`."""
    return [f"--config={name if name.startswith('yaml:') else CONFIGS / name}" for name in configs]


def validate(binary: Path, *configs: str, **settings: str) -> str:
    """What `otelcol validate` objects to: empty when nothing."""
    done = subprocess.run(
        [str(binary), "validate", *config_options(*configs)], env=settings, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stderr.strip()
