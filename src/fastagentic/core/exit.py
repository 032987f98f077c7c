"""The end of a process, also of one that knows no `atexit`: a child that multiprocessing has forked ends by `os._exit`.

Celery's and everybody's process pools are such children; multiprocessing runs finalizers of its own in them.
"""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING, Final

import wrapt

from .guard import never_break

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

CHILD: Final = never_break("wait for the end of a child process")

LAST: Final = -100
"""After the finalizers of queues and managers, which may still make calls."""


class AtExit:
    """Runs `what` once as this process ends, and in every child of it: by `atexit`, or by multiprocessing's finalizers."""

    def __init__(self, what: Callable[[], None]) -> None:
        self._what = what
        self._ran_in = 0
        atexit.register(self._run)
        wrapt.register_post_import_hook(self._mind_children, "multiprocessing.util")

    def _run(self) -> None:
        if self._ran_in != os.getpid():  # a child that was spawned has both
            self._ran_in = os.getpid()
            self._what()

    def _mind_children(self, util: ModuleType) -> None:
        """A fork forgets the finalizers of its parent: ours is put on in each; and here, where this is a child already."""
        with CHILD:
            from multiprocessing import parent_process

            util.register_after_fork(self, AtExit._finalize)
            if parent_process() is not None:
                self._finalize()

    def _finalize(self) -> None:
        with CHILD:
            from multiprocessing.util import Finalize

            Finalize(None, self._run, exitpriority=LAST)
