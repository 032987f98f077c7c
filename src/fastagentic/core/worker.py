"""A queue and the one thread that empties it: how work leaves the caller's path.

`put` costs an append and may be called from a finalizer, in the middle of anything: `deque.append` is atomic and the bell is
a `queue.SimpleQueue`, which is reentrant. The thread starts with the first item, gathers for `window_s`, hands over
what has come, and sleeps when nothing comes. Used by the store's writer and for what the observer defers.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from .guard import report

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_BATCH: Final = 4_000


class _Marker:
    """Queued by `flush` and `close`: when the thread comes to it, everything before it has been handled."""

    __slots__ = ("reached",)

    def __init__(self) -> None:
        self.reached = threading.Event()


class Worker(Generic[T]):
    """Hands items to `handle` in batches, in order, on a thread of its own.

    `handle(batch)` returns None when it is done with the batch, or the seconds after which it wants the same batch
    again. An exception counts the batch as dropped. Beyond `capacity` waiting items the oldest is dropped and
    counted in `dropped`: the queue never grows without end and `put` never waits.
    """

    def __init__(
        self, name: str, handle: Callable[[list[T]], float | None], *, window_s: float = 0.25, capacity: int = 20_000
    ) -> None:
        self.name = name
        self._handle = handle
        self._window_s = window_s
        self._capacity = capacity
        self._reset()
        _workers.add(self)

    def _reset(self) -> None:
        """The state of a worker without a thread. In a forked child too: what was queued is the parent's to handle."""
        self.dropped = 0
        self._queue: deque[T | _Marker] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._is_awake = False
        self._batch: list[T] = []  # taken from the queue and not yet handled
        self._markers: list[_Marker] = []
        self._starting = threading.Lock()
        self._working = threading.Lock()
        self._hurry = threading.Event()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def put(self, item: T) -> None:
        """Queue an item. Never waits, never raises."""
        if len(self._queue) >= self._capacity:
            self._drop_oldest()
        self._queue.append(item)
        if not self._is_awake:
            self._wake()

    @property
    def waiting(self) -> int:
        """Items that are queued and not yet taken; about, as others put and take meanwhile."""
        return len(self._queue)

    def drain(self) -> None:
        """Handle what is queued now, on the calling thread; used where a result is needed before going on."""
        self._work(deadline=time.monotonic())

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was put before this call is handled; False when `timeout_s` was not enough."""
        deadline = time.monotonic() + timeout_s
        marker = _Marker()
        self._queue.append(marker)
        self._wake()
        self._hurry.set()
        if self._thread is None:  # the interpreter is shutting down: no new threads
            self._work(deadline)
        return marker.reached.wait(max(0.0, deadline - time.monotonic()))

    def close(self, timeout_s: float) -> bool:
        """Flush, then let the thread end. A later `put` starts another."""
        is_done = self.flush(timeout_s)
        self._is_closing = True
        self._bell.put(None)
        self._hurry.set()
        thread = self._thread
        if is_done and thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)
        return is_done

    def _drop_oldest(self) -> None:
        try:
            oldest = self._queue.popleft()
        except IndexError:  # the thread was quicker
            return
        self.dropped += not isinstance(oldest, _Marker)

    def _wake(self) -> None:
        self._is_awake = True
        self._bell.put(None)
        if self._thread is None and self._starting.acquire(blocking=False):  # not free: somebody is starting it
            try:
                self._is_closing = False
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()
            except RuntimeError:  # the interpreter is shutting down; `flush` does the work
                self._thread = None
                self._is_awake = False
            finally:
                self._starting.release()

    def _run(self) -> None:
        while not self._is_closing:
            self._bell.get()
            self._hurry.wait(self._window_s)
            self._hurry.clear()
            self._is_awake = False  # before the queue is read: whoever puts from here on rings again
            self._work(deadline=None)
        self._thread = None
        self._is_awake = False
        if self._queue:  # put while we were leaving: somebody must come for it
            self._wake()

    def _work(self, deadline: float | None) -> None:
        """Handle everything queued, waiting as long as `handle` asks between two tries, but not past `deadline`."""
        with self._working:
            while True:
                self._gather()
                wait_s = self._try_batch()
                if wait_s is None:
                    self._reach_markers()
                    if not self._queue:
                        return
                elif self._is_closing or (deadline is not None and time.monotonic() + wait_s > deadline):
                    return
                else:
                    self._hurry.wait(wait_s)
                    self._hurry.clear()

    def _gather(self) -> None:
        """Take what is queued, up to a marker or a full batch."""
        while self._queue and len(self._batch) < MAX_BATCH and not self._markers:
            item = self._queue.popleft()
            if isinstance(item, _Marker):
                self._markers.append(item)
            else:
                self._batch.append(item)

    def _try_batch(self) -> float | None:
        if not self._batch:
            return None
        try:
            wait_s = self._handle(self._batch)
        except Exception as error:  # noqa: BLE001  # the thread lives on; counted and logged
            report(f"finish a batch of {self.name}", error)
            self.dropped += len(self._batch)
            wait_s = None
        if wait_s is None:
            self._batch = []
        return wait_s

    def _reach_markers(self) -> None:
        for marker in self._markers:
            marker.reached.set()
        self._markers.clear()


_workers: Final[weakref.WeakSet[Worker[Any]]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for worker in list(_workers):
        worker._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
