"""A MeterProvider that sends by OTLP, for a process that has none. Made when the `otlp` destination is chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

from .exporters import Errands, is_exported, stock_exporter

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


class OTLPMeterProvider(MeterProvider):
    """The SDK's, of which flushing and shutting down end in time, also when the backend hangs.

    It is not shut down at exit by itself: whoever made it has a deadline for all that ends then.
    """

    def __init__(self, resource: Resource | None) -> None:
        self._exporter = stock_exporter("metrics")
        super().__init__([PeriodicExportingMetricReader(self._exporter)], resource=resource, shutdown_on_exit=False)
        self._errands = Errands("fastagentic-metrics")

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        """Collect and send now. Returns: whether the backend has taken it, in time."""
        return self._errands.run(lambda: self._flush(timeout_millis), timeout_millis / 1000)

    def _flush(self, timeout_millis: float) -> bool:
        try:
            super().force_flush(timeout_millis)
        except Exception:  # noqa: BLE001  # the SDK's way to say that it was not in time
            return False
        return bool(self._exporter.is_well)

    def shutdown(self, timeout_millis: float = 30_000) -> None:
        """Collect and send for the last time. The reader's own thread does it; it is waited for no longer than asked."""
        self._errands.run(lambda: self._shut_down(timeout_millis), timeout_millis / 1000)
        self._errands.close()

    def _shut_down(self, timeout_millis: float) -> bool:
        try:
            super().shutdown(timeout_millis)
        except Exception:  # noqa: BLE001  # as above
            return False
        return bool(self._exporter.is_well)


def otlp_meter_provider(resource: Resource | None = None) -> OTLPMeterProvider | None:
    """A provider by `OTEL_EXPORTER_OTLP_METRICS_*`, `OTEL_EXPORTER_OTLP_*`, `OTEL_METRIC_EXPORT_INTERVAL` and what else the SDK
    reads (temporality, exemplars). None where `OTEL_METRICS_EXPORTER` is `none`, or others than `otlp`.

    Raises: ConfigError for a protocol that there is not.
    """
    return OTLPMeterProvider(resource) if is_exported("metrics") else None
