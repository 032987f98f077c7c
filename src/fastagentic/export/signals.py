"""SIGTERM: deliver what is queued, then the user's own handler, or else the signal's own end.

Without a handler SIGTERM ends the process on the spot and what was queued with it. The handler that the user sets later, or a
server's own, takes our place: they end the process in the normal way then, and `atexit` flushes.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.guard import never_break

if TYPE_CHECKING:
    from collections.abc import Callable

FLUSH: Final = never_break("flush on SIGTERM")


class FlushOnTerm:
    """Put on while instrumented: `flush()` runs before what SIGTERM did before."""

    def __init__(self, flush: Callable[[], object]) -> None:
        self._flush = flush
        self._before: Any = None
        self._is_on = False
        if threading.current_thread() is threading.main_thread():  # Python lets no other set handlers
            self._put_on()

    def _put_on(self) -> None:
        before = signal.getsignal(signal.SIGTERM)
        if before is None or before is signal.SIG_IGN:  # set outside Python; ignored on purpose
            return
        self._before = before
        signal.signal(signal.SIGTERM, self._handle)
        self._is_on = True

    def take_off(self) -> None:
        """Give the signal back, where it is still ours."""
        is_ours = self._is_on and signal.getsignal(signal.SIGTERM) == self._handle
        self._is_on = False
        if is_ours and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._before)

    def _handle(self, number: int, frame: Any) -> None:
        if self._is_on:
            # On a thread: what the interrupted code holds a lock of, a flush in its middle would wait for without end.
            with FLUSH:
                thread = threading.Thread(target=self._guarded, daemon=True)
                thread.start()
                thread.join()
        if callable(self._before):
            self._before(number, frame)
        else:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)  # so that the exit status stays the signal's

    def _guarded(self) -> None:
        with FLUSH:
            self._flush()
