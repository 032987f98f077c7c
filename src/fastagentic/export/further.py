"""What else goes to an OTLP backend beside spans: metrics, in a process that has no meter provider of its own.

The provider is set as the global one, so that the user's own instruments and those of other libraries arrive too.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from opentelemetry import metrics

from fastagentic.core.guard import never_break

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import TracerProvider

    from .chosen import Chosen
    from .meters import OTLPMeterProvider

MAKE: Final = never_break("make a meter provider")

_ours: OTLPMeterProvider | None = None


class Further:
    """The meter provider of one instrumentation, if it is to have one: `otlp` is chosen, and nobody has set another.

    It is made on a thread of its own, as the exporter takes its time to import; instruments that exist by then are
    passed on to it. A provider cannot be taken back: once set it stays.
    """

    def __init__(self, chosen: Chosen, provider: TracerProvider, *, is_metered: bool) -> None:
        self._meters: OTLPMeterProvider | None = None
        self._making: threading.Thread | None = None
        if is_metered and chosen.delivery("otlp") is not None:
            resource = getattr(provider, "resource", None)
            self._making = threading.Thread(target=self._make, args=(resource,), name="fastagentic-meters", daemon=True)
            self._making.start()

    def _make(self, resource: Resource | None) -> None:
        with MAKE:
            self._meters = _meter_provider(resource)

    def flush(self, timeout_s: float) -> bool:
        """Whether the backend has taken the metrics of up to now."""
        deadline = time.monotonic() + timeout_s
        if self._making is not None:
            self._making.join(timeout_s)
            if self._making.is_alive():
                return False
        return self._meters is None or self._meters.force_flush(max(0.0, deadline - time.monotonic()) * 1000)

    def close(self, timeout_s: float) -> bool:
        """Flush for the last time."""
        return self.flush(timeout_s)


def _meter_provider(resource: Resource | None) -> OTLPMeterProvider | None:
    global _ours
    if _ours is None and type(metrics.get_meter_provider()).__module__.startswith("opentelemetry.metrics"):  # a placeholder
        from .meters import otlp_meter_provider

        _ours = otlp_meter_provider(resource)
        if _ours is not None:
            metrics.set_meter_provider(_ours)
    return _ours if metrics.get_meter_provider() is _ours else None
