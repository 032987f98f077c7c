"""A LoggerProvider that sends events by OTLP, for a process that has none. Made when there are events to send."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

from .exporters import Errands, is_exported, stock_exporter

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


class OTLPLoggerProvider(LoggerProvider):
    """The SDK's, of which flushing and shutting down end in time, also when the backend hangs.

    It is not shut down at exit by itself: whoever made it has a deadline for all that ends then.
    """

    def __init__(self, resource: Resource | None) -> None:
        super().__init__(resource=resource, shutdown_on_exit=False)
        self._exporter = stock_exporter("logs")
        self.add_log_record_processor(BatchLogRecordProcessor(self._exporter))
        self._errands = Errands("fastagentic-logs")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what waits. Returns: whether the backend has taken it, in time."""
        return self._errands.run(lambda: self._flush(timeout_millis), timeout_millis / 1000)

    def _flush(self, timeout_millis: int) -> bool:
        return super().force_flush(timeout_millis) and bool(self._exporter.is_well)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Send for the last time; it is waited for no longer than asked."""
        self._errands.run(self._shut_down, timeout_millis / 1000)
        self._errands.close()

    def _shut_down(self) -> bool:
        super().shutdown()
        return bool(self._exporter.is_well)


def otlp_logger_provider(resource: Resource | None = None) -> OTLPLoggerProvider | None:
    """A provider by `OTEL_EXPORTER_OTLP_LOGS_*`, `OTEL_EXPORTER_OTLP_*` and what else the SDK reads (`OTEL_BLRP_*`). None where
    `OTEL_LOGS_EXPORTER` is `none`, or others than `otlp`.

    Raises: ConfigError for a protocol that there is not.
    """
    return OTLPLoggerProvider(resource) if is_exported("logs") else None
