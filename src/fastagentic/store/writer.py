"""`StoreWriter`: finished spans in, rows in the local store out, on a thread of its own.

The half that a call meets: cheap to import and to `put`. How a batch is stored, and what happens when the
file is locked, full, damaged or gone, is in `batches.py`, which is imported on the writer's thread.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from fastagentic.core.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .batches import Batches
    from .rows import StoredSpan

T = TypeVar("T")

logger = logging.getLogger("fastagentic")

BUSY_S: Final = 2.0
FORK_WAIT_S: Final = 0.5


class StoreWriter(Generic[T]):
    """Writes what is put to the store at `path`, through `convert`, in batches; several processes may do so
    at once.

    Nothing here raises into the caller and `put` never waits. While the file cannot be written the spans wait
    in memory, bounded; what is lost is counted in `dropped` and recorded in the store when it works again.
    Rows older than `keep_s` seconds are deleted about hourly; None keeps all. `busy_s` is how long one try
    waits for another process.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from fastagentic.store.rows import StoredSpan
        >>> chat = {"gen_ai.operation.name": "chat"}
        >>> span = StoredSpan("a" * 32, "b" * 16, None, "chat gpt-4o-mini", 1, 2, "unset", chat)
        >>> writer = StoreWriter(Path(mkdtemp()) / "store.db", convert=lambda item: item, keep_s=None)
        >>> writer.put(span)
        >>> writer.close(timeout_s=5)
        True
    """

    def __init__(
        self,
        path: Path,
        *,
        convert: Callable[[T], StoredSpan],
        keep_s: float | None,
        busy_s: float = BUSY_S,
        capacity: int = 20_000,
        window_s: float = 0.25,
    ) -> None:
        self.path = path
        self._convert = convert
        self._keep_s = keep_s
        self._busy_s = busy_s
        self._worker: Worker[T] = Worker("fastagentic-store", self._handle, window_s=window_s, capacity=capacity)
        self._reset()
        _writers.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()  # held while the file is in use
        self._batches: Batches[T] | None = None
        self._overflow_seen = self._worker.dropped

    @property
    def dropped(self) -> int:
        """Spans lost so far in this process: queue full, file unusable, or span unreadable."""
        return self._worker.dropped + (self._batches.dropped if self._batches is not None else 0)

    def put(self, item: T) -> None:
        """Queue a finished span. Never waits, never raises."""
        self._worker.put(item)

    def drain(self) -> None:
        """Store what is queued now, on the calling thread, in one try."""
        self._worker.drain()

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was put before is stored; False when `timeout_s` seconds were not enough."""
        return self._worker.flush(timeout_s)

    def close(self, timeout_s: float) -> bool:
        """Flush, then close the file. A later `put` opens it again."""
        is_stored = self._worker.close(timeout_s)
        if not is_stored:
            logger.warning("Not all finished calls could be written to the local store %s in %s s.", self.path, timeout_s)
        if self._lock.acquire(timeout=max(0.0, timeout_s) if is_stored else 0):
            try:
                if self._batches is not None:
                    self._batches.file.close()
            finally:
                self._lock.release()
        return is_stored

    def _handle(self, items: list[T]) -> float | None:
        with self._lock:
            batches = self._open_batches()
            overflow = self._worker.dropped
            if overflow > self._overflow_seen:
                batches.lost(overflow - self._overflow_seen)
                self._overflow_seen = overflow
            return batches.write(items)

    def _open_batches(self) -> Batches[T]:
        if self._batches is None:
            from .batches import Batches

            self._batches = Batches(self.path, self._convert, keep_s=self._keep_s, busy_s=self._busy_s)
        return self._batches

    def _pause(self) -> bool:
        """Close the file and keep it closed: SQLite's locks do not survive a fork. False when it is in use for too long."""
        if not self._lock.acquire(timeout=FORK_WAIT_S):
            return False
        if self._batches is not None:
            self._batches.file.close()
        return True

    def _start_over(self) -> None:
        """In a forked child: a file of its own. What the parent holds open is not touched here."""
        if self._batches is not None:
            _left_to_parent.append(self._batches)
        self._reset()


class _Paused(threading.local):
    """The writers that the forking thread has paused."""

    def __init__(self) -> None:
        self.writers: list[StoreWriter[Any]] = []


_writers: weakref.WeakSet[StoreWriter[Any]] = weakref.WeakSet()
_left_to_parent: list[Batches[Any]] = []
_paused = _Paused()


def _before_fork() -> None:
    _paused.writers = [writer for writer in list(_writers) if writer._pause()]


def _after_fork_in_parent() -> None:
    for writer in _paused.writers:
        writer._lock.release()
    _paused.writers = []


def _after_fork_in_child() -> None:
    _paused.writers = []
    for writer in list(_writers):
        writer._start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
