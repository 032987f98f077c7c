"""What else goes to an OTLP backend beside spans: metrics, and content as events, in a process without providers for them.

The providers are set as the global ones, so that the user's own instruments and those of other libraries arrive too.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from fastagentic.core.guard import never_break

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import TracerProvider

    from .chosen import Chosen

MAKE: Final = never_break("make a provider of metrics or events")
MAKING_S: Final = 30.0


class Flushed(Protocol):
    """A provider of ours."""

    def force_flush(self, timeout_millis: int = ...) -> bool:
        """Whether the backend has taken everything in time."""


class Further:
    """The further providers of one instrumentation: where `otlp` is chosen and nobody has set others.

    They are made on a thread of their own, as the exporters take their time to import; instruments that exist by then are
    passed on to them. A provider cannot be taken back: once set it stays.
    """

    def __init__(self, chosen: Chosen, provider: TracerProvider, *, is_metered: bool, has_events: bool) -> None:
        self._providers: list[Flushed] = []
        self._making: threading.Thread | None = None
        wanted = [make for make, is_wanted in ((_meters, is_metered), (_loggers, has_events)) if is_wanted]
        if wanted and chosen.delivery("otlp") is not None:
            resource = getattr(provider, "resource", None)
            self._making = threading.Thread(target=self._make, args=(wanted, resource), name="fastagentic-otlp", daemon=True)
            self._making.start()

    def _make(self, wanted: list[Make], resource: Resource | None) -> None:
        for make in wanted:
            with MAKE:
                if (made := make(resource)) is not None:
                    self._providers.append(made)

    def made(self, timeout_s: float = MAKING_S) -> bool:
        """Wait until the providers stand; whether they do."""
        if self._making is not None:
            self._making.join(timeout_s)
        return self._making is None or not self._making.is_alive()

    def flush(self, timeout_s: float) -> bool:
        """Whether the backend has taken metrics and events of up to now."""
        deadline = time.monotonic() + timeout_s
        if not self.made(timeout_s):
            return False
        left_ms = [int(max(0.0, deadline - time.monotonic()) * 1000) for _ in self._providers]
        taken = [provider.force_flush(ms) for provider, ms in zip(self._providers, left_ms, strict=True)]
        return all(taken)

    def close(self, timeout_s: float) -> bool:
        """Flush for the last time."""
        return self.flush(timeout_s)


class Make(Protocol):
    """Makes a provider and sets it as the global one; None where somebody else's stands there, or none is wanted."""

    def __call__(self, resource: Resource | None) -> Flushed | None:
        """The provider of ours that is in force."""


def _meters(resource: Resource | None) -> Flushed | None:
    from opentelemetry import metrics

    from .meters import OTLPMeterProvider, otlp_meter_provider

    current = metrics.get_meter_provider()
    if type(current).__module__.startswith("opentelemetry.metrics") and (made := otlp_meter_provider(resource)):
        metrics.set_meter_provider(made)
        return made
    return current if isinstance(current, OTLPMeterProvider) else None


def _loggers(resource: Resource | None) -> Flushed | None:
    from opentelemetry import _logs

    from .loggers import OTLPLoggerProvider, otlp_logger_provider

    current = _logs.get_logger_provider()
    if type(current).__module__.startswith("opentelemetry._logs") and (made := otlp_logger_provider(resource)):
        _logs.set_logger_provider(made)
        return made
    return current if isinstance(current, OTLPLoggerProvider) else None
