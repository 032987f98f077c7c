"""OpenTelemetry's own OTLP exporters for metrics and log records, made to keep our promises: one log line per kind of
failure instead of one an interval, and nobody waits for them longer than they were asked to.

Spans have a delivery of their own; metrics and log records are never replayed, so the stock exporters do for them.
"""

from __future__ import annotations

import importlib
import logging
import os
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.worker import Worker

from .otlp_settings import GRPC, read_protocol
from .quiet import quiet, unobserved

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("fastagentic")

EXPORTERS: Final = {
    ("metrics", False): ("opentelemetry.exporter.otlp.proto.http.metric_exporter", "OTLPMetricExporter"),
    ("metrics", True): ("opentelemetry.exporter.otlp.proto.grpc.metric_exporter", "OTLPMetricExporter"),
    ("logs", False): ("opentelemetry.exporter.otlp.proto.http._log_exporter", "OTLPLogExporter"),
    ("logs", True): ("opentelemetry.exporter.otlp.proto.grpc._log_exporter", "OTLPLogExporter"),
}
"""(signal, over gRPC) -> where the stock exporter is."""

LOUD: Final = (*sorted({module for module, _ in EXPORTERS.values()}), "opentelemetry.exporter.otlp.proto.grpc.exporter")
"""The loggers that say each failure, and each try."""

LOST: Final = {
    "metrics": "Metrics are not taken; what they count goes with a later interval.",
    "logs": "Log records are not taken and are lost.",
}


def is_exported(signal: str) -> bool:
    """Whether `OTEL_METRICS_EXPORTER` or `OTEL_LOGS_EXPORTER` leaves OTLP on: when it is not set, or names it."""
    chosen = os.environ.get({"metrics": "OTEL_METRICS_EXPORTER", "logs": "OTEL_LOGS_EXPORTER"}[signal], "")
    return "otlp" in {name.strip().lower() for name in (chosen or "otlp").split(",")}


def stock_exporter(signal: str) -> Any:
    """The exporter of `metrics` or `logs`, by the environment's settings. Raises ConfigError for an unknown protocol."""
    module, name = EXPORTERS[signal, read_protocol(signal.upper()) == GRPC]
    stock = getattr(importlib.import_module(module), name)
    return type(f"Our{name}", (_Tamed, stock), {"_signal_name": signal})()


class _Tamed:
    """Stands before a stock exporter class: says once that it fails, remembers whether it does, and raises nothing."""

    _signal_name: str
    is_well = True
    """Whether the last batch was taken."""

    def export(self, batch: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            with quiet(*LOUD), unobserved():
                result = super().export(batch, *args, **kwargs)  # type: ignore[misc]
            self._note(result.name == "SUCCESS", "")
        except Exception as error:  # noqa: BLE001  # older ones raise when nobody listens; the SDK would log a stack each time
            self._note(False, f" ({type(error).__qualname__})")
            return _FAILURE[self._signal_name]()
        return result

    def _note(self, is_well: bool, why: str) -> None:
        if is_well != self.is_well:
            level, text = (logging.INFO, "They are taken again.") if is_well else (logging.WARNING, LOST[self._signal_name])
            logger.log(level, "otlp %s%s: %s", self._signal_name, why, text)
        self.is_well = is_well


def _metrics_failure() -> Any:
    from opentelemetry.sdk.metrics.export import MetricExportResult

    return MetricExportResult.FAILURE


def _logs_failure() -> Any:
    from opentelemetry.sdk._logs import export

    results = getattr(export, "LogRecordExportResult", None) or export.LogExportResult  # its name until 1.39
    return results.FAILURE


_FAILURE: Final[dict[str, Callable[[], Any]]] = {"metrics": _metrics_failure, "logs": _logs_failure}


class Errands:
    """Runs what may hang on a thread of its own, and waits for it no longer than asked."""

    def __init__(self, name: str) -> None:
        self._worker: Worker[Callable[[], None]] = Worker(name, _run, window_s=0)
        self._worker.put(_nothing)  # the thread is there before the interpreter shuts down, when none can be started

    def run(self, work: Callable[[], object], timeout_s: float) -> bool:
        """Whether `work` was done, and well, within the time. One that was not goes on alone."""
        results: list[object] = []

        def note() -> None:
            results.append(work())

        self._worker.put(note)
        return self._worker.flush(timeout_s) and bool(results and results[0])

    def close(self) -> None:
        """Let the thread end when it has done what it does."""
        self._worker.close(0)


def _run(batch: list[Callable[[], None]]) -> None:
    for work in batch:
        work()


def _nothing() -> None:
    """An errand to nowhere."""
