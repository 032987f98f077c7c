"""What is left to do when a call has ended, off the caller's path: end dropped streams, record metrics, emit events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry import metrics as otel_metrics

from fastagentic._version import __version__
from fastagentic.core import names
from fastagentic.core.worker import Worker

from .metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.metrics import MeterProvider

    from .events import Events
    from .observer import OpenCall


class FinishedCalls(Worker["OpenCall"]):
    """The queue of finished calls and the thread that records them.

    The global meter provider may be set later than `instrument()`: the API's placeholder passes our instruments on to it.
    As long as there is none, nobody collects and nothing is recorded. `made` returns when a provider that is being made
    stands: what is recorded before would be lost.
    """

    def __init__(
        self, meter_provider: MeterProvider | None, events: Events | None = None, made: Callable[[], object] = lambda: None
    ) -> None:
        super().__init__("fastagentic-calls", self._finish)
        self._meter_provider = meter_provider
        self._events = events
        self._made = made
        self.meter = (meter_provider or otel_metrics).get_meter(names.SCOPE, __version__)
        self._metrics = Metrics(self.meter, self.drain)

    def _finish(self, batch: list[OpenCall]) -> None:
        ended = [call for call in batch if call.settle()]
        self._made()
        if self._events is not None:
            for call in ended:
                self._events.emit(call.call, call.span)
        if self._is_collected():
            self._metrics.record((call.call, call.span) for call in ended)

    def forget(self) -> None:
        """State nothing from here on that is not of a call."""
        self._metrics.forget()

    def _is_collected(self) -> bool:
        provider = self._meter_provider or otel_metrics.get_meter_provider()
        return not type(provider).__module__.startswith("opentelemetry.metrics")  # the API's own placeholder
