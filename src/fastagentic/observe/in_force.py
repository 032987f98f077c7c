"""What the instrumentation in force gives to spans that no client makes: its tracer, and whether content is captured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics as otel_metrics
from opentelemetry import trace as otel_trace

from fastagentic._version import __version__
from fastagentic.core import names

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from .content import Content


@dataclass(slots=True)
class InForce:
    """`instrument()` writes it, `uninstrument()` takes it back; without them spans go to the global provider."""

    given: Tracer | None = None
    content: Content | None = None

    @property
    def tracer(self) -> Tracer:
        """The tracer to make spans with."""
        return self.given or otel_trace.get_tracer(names.SCOPE, __version__)

    def take_back(self) -> None:
        """Nothing is instrumented any more."""
        self.given = self.content = None


IN_FORCE: Final = InForce()

NO_TELEMETRY: Final[dict[str, Any]] = {
    "destinations": (),
    "tracer_provider": otel_trace.NoOpTracerProvider(),
    "meter_provider": otel_metrics.NoOpMeterProvider(),
}
"""What `instrument()` is told where the SDK is disabled."""
