"""What the pipeline says of itself: spans delivered, spooled, dropped and waiting, by destination.

Observable instruments: the numbers are kept by the deliveries anyway, and are asked for when somebody collects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.metrics import CallbackOptions, Meter

    from .chosen import Chosen
    from .delivery import Delivery

COUNTED: Final[dict[str, tuple[str, Callable[[Delivery], int]]]] = {
    names.EXPORT_DELIVERED: ("Spans that the destination acknowledged.", lambda one: one.delivered),
    names.EXPORT_SPOOLED: ("Spans that had to wait on disk for the destination.", lambda one: one.spooled),
    names.EXPORT_DROPPED: ("Spans that were lost.", lambda one: sum(one.dropped.values())),
}


class SelfMetrics:
    """The instruments on one meter; silent once it is off, as instruments cannot be taken off a meter."""

    def __init__(self, meter: Meter, chosen: Chosen) -> None:
        self._chosen: Chosen | None = chosen
        for name, (what, count) in COUNTED.items():
            meter.create_observable_counter(name, [self._observer(name, count)], "{span}", what)
        what = "Spans that are neither delivered nor lost yet, those on disk included."
        waiting = self._observer(names.EXPORT_WAITING, lambda one: one.waiting)
        meter.create_observable_gauge(names.EXPORT_WAITING, [waiting], "{span}", what)

    def take_off(self) -> None:
        """Say nothing from here on."""
        self._chosen = None

    def _observer(self, name: str, count: Callable[[Delivery], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_: CallbackOptions) -> Iterator[Observation]:
            chosen = self._chosen
            if chosen is None:
                return
            for delivery in chosen.deliveries:
                yield Observation(count(delivery), {names.DESTINATION: delivery.destination.name})
            if chosen.local is not None and name == names.EXPORT_DROPPED:
                yield Observation(chosen.local.dropped, {names.DESTINATION: "local"})

        return observe
