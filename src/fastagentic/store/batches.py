"""What the writer's thread does with a batch: project, store, and decide how to go on when the file will not
have it.

It owns the policy of faults, the count of what was lost, and the hour at which old rows go. `writer.py` is
its only caller; it is imported on the writer's thread, so that SQLite costs the import of fastagentic
nothing.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from fastagentic.core.guard import report

from .faults import FaultKind, fault_of
from .file import UNREADABLE, StoreFile
from .projection import project

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from .faults import Fault
    from .projection import Rows
    from .rows import StoredSpan

T = TypeVar("T")

logger = logging.getLogger("fastagentic")

PRUNE_EVERY_S: Final = 3_600.0
PRUNE_AGAIN_S: Final = 60.0
PRUNE_BUDGET_S: Final = 0.2
OVERFLOW: Final = "queue full"


class Batches(Generic[T]):
    """Writes batches to the store at `path`; never raises for a fault of the file, and counts what it had to leave out."""

    def __init__(self, path: Path, convert: Callable[[T], StoredSpan], *, keep_s: float | None, busy_s: float) -> None:
        self.file = StoreFile(path, busy_s=busy_s)
        self.dropped = 0
        self._convert = convert
        self._keep_s = keep_s
        self._unrecorded: Counter[str] = Counter()
        self._logged: set[FaultKind] = set()
        self._tries = 0
        self._fault: Fault | None = None
        self._stopped_at: tuple[int, ...] | None = None
        self._prune_at_s = 0.0

    def lost(self, spans: int) -> None:
        """Note spans that were lost before they came here: they stand in `drops` as soon as the file can be written."""
        reason = OVERFLOW if self._fault is None else f"{OVERFLOW}: {self._fault.kind.value}"
        self._unrecorded[reason] += spans

    def write(self, items: Sequence[T]) -> float | None:
        """Store a batch. None: done with it. A number: seconds after which to bring it again."""
        if self._fault is not None and self._is_left_alone():
            self._drop(len(items), self._fault)
            return None
        batch, unreadable = self._projected(items)
        try:
            refused = self.file.write(batch, self._unrecorded + Counter({UNREADABLE: unreadable}))
        except Exception as error:  # noqa: BLE001  # what is no fault of the file is raised again
            return self._failed(error, len(items))
        self.dropped += unreadable + refused
        self._succeeded()
        self._prune_when_due()
        return None

    def _projected(self, items: Sequence[T]) -> tuple[list[Rows], int]:
        """The rows of the items that can be read, and how many cannot: one bad span must not take the batch with it."""
        batch: list[Rows] = []
        for item in items:
            try:
                batch.append(project(self._convert(item)))
            except Exception as error:  # noqa: BLE001  # anything a span of somebody else can hold
                report("read a finished span", error)
        return batch, len(items) - len(batch)

    def _succeeded(self) -> None:
        self._unrecorded.clear()
        if self._fault is not None:
            logger.info("The local store %s can be written again.", self.file.path)
        self._fault, self._stopped_at, self._tries = None, None, 0

    def _failed(self, error: Exception, spans: int) -> float | None:
        fault = fault_of(error, self.file.path)
        if fault is None:
            raise error
        self.file.close()
        self._tries = self._tries + 1 if self._fault is not None and self._fault.kind is fault.kind else 1
        self._note(fault)
        wait_s = fault.policy.wait_s(self._tries)
        self._stopped_at = self._look() if wait_s is None else None
        if wait_s is None:
            self._drop(spans, fault)
        return wait_s

    def _note(self, fault: Fault) -> None:
        self._fault = fault
        if fault.kind not in self._logged:
            self._logged.add(fault.kind)
            logger.warning("%s", fault.log_line)

    def _drop(self, spans: int, fault: Fault) -> None:
        self.dropped += spans
        self._unrecorded[f"store {fault.kind.value}"] += spans

    def _is_left_alone(self) -> bool:
        """Whether the file was found unusable and nobody has touched it since."""
        return self._stopped_at is not None and self._stopped_at == self._look()

    def _look(self) -> tuple[int, ...]:
        try:
            stat = self.file.path.stat()
        except OSError:
            return ()
        return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _prune_when_due(self) -> None:
        if self._keep_s is None or time.monotonic() < self._prune_at_s:
            return
        try:
            pruned = self.file.prune(time.time_ns() - int(self._keep_s * 1e9), budget_s=PRUNE_BUDGET_S)
            wait_s = PRUNE_EVERY_S if pruned.is_done else 0.0
        except Exception as error:  # noqa: BLE001  # the batch is stored; what is old can wait
            if fault_of(error, self.file.path) is None:
                report("delete old rows of the store", error)
            wait_s = PRUNE_AGAIN_S  # a fault of the file is the next batch's to find and to tell
        self._prune_at_s = time.monotonic() + wait_s
