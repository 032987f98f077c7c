"""`fastagentic spool drain` at work: deliveries as a program has them, without a program, and how far they are."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from fastagentic._instrumentation import chosen_by_settings
from fastagentic._settings_file import load_settings_file
from fastagentic.export.spool.survey import status_of

from .progress import bars

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from fastagentic.export.delivery import Delivery

_LOOK_S: Final = 0.1


def send_what_is_left(timeout_s: float) -> None:
    """Take over what dead processes left for the destinations of the settings, and send it; all destinations side by side."""
    load_settings_file()
    deliveries = chosen_by_settings({}).deliveries
    with bars("spans") as progress:
        sending = [_Sending(delivery, timeout_s, progress) for delivery in deliveries]
        while going := [one for one in sending if one.is_on()]:
            going[0].wait(_LOOK_S)


class _Sending:
    """One delivery, and its line on the screen."""

    def __init__(self, delivery: Delivery, timeout_s: float, progress: Progress) -> None:
        self._delivery = delivery
        self._progress = progress
        left = sum(status_of(directory).orphaned_spans for directory in delivery.spool.directories)
        self._task: TaskID = progress.add_task(delivery.destination.name, total=left)
        self._thread = threading.Thread(target=delivery.close, args=(timeout_s,), daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Until it is done, or the time is over."""
        self._thread.join(timeout_s)

    def is_on(self) -> bool:
        """Whether it still sends; shows how far it is."""
        self._progress.update(self._task, completed=self._delivery.delivered)
        return self._thread.is_alive()
