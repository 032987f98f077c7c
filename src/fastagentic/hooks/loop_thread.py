"""The one thread with an event loop where async hooks of sync code run, and what runs in the background.

The caller's context variables go along. The thread starts with the first hook that needs it, anew in a forked child, and
never keeps a process alive.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine


class LoopThread:
    """An event loop that runs on a thread of its own."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The state of one that has not started; in a forked child the thread is the parent's."""
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending: set[Future[Any]] = set()

    def submit(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run it on the loop, with the caller's context variables."""
        future = asyncio.run_coroutine_threadsafe(work, self._started())  # the callback's context is a copy of the caller's
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def result(self, work: Awaitable[Any], timeout_s: float | None) -> Any:
        """What it comes to, waited for on the calling thread.

        Raises: TimeoutError, and what the work raises.
        """
        return wait_for(self.submit(_awaited(work)), timeout_s)

    def settle(self, timeout_s: float) -> bool:
        """Wait until all that was submitted is done; False when time ran out before."""
        return not self._pending or not wait(list(self._pending), max(0.0, timeout_s)).not_done

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                context = contextvars.Context()  # of the thread: not that of whoever came first
                run = self._loop.run_forever
                threading.Thread(target=lambda: context.run(run), name="fastagentic-hooks", daemon=True).start()
            return self._loop


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


def wait_for(future: Future[Any], timeout_s: float | None) -> Any:
    """The result of a future; it is cancelled when that takes too long, or when the wait is broken off."""
    try:
        return future.result(timeout_s)
    except BaseException:
        future.cancel()
        raise


def in_thread(function: Callable[[Any], Any], argument: Any) -> Future[Any]:
    """Call it on a thread of its own, with the caller's context variables; one that hangs keeps no process alive."""
    future: Future[Any] = Future()
    context = contextvars.copy_context()

    def call() -> None:
        try:
            future.set_result(context.run(function, argument))
        except BaseException as error:  # noqa: BLE001  # handed on to whoever waits
            if not future.cancelled():
                future.set_exception(error)

    future.set_running_or_notify_cancel()
    threading.Thread(target=call, name="fastagentic-hook", daemon=True).start()
    return future


LOOP: Final = LoopThread()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOOP.forget)
