"""`never_break`: the guard around all of our lines that run inside a user's call.

It takes `Exception` only (cancellation and Ctrl-C pass), logs each kind once with its stack, counts, and lets the
user's call go on as if we were not there. Make one at import and use it as a context manager: no allocation a call.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import TracebackType

logger = logging.getLogger("fastagentic")

failures: Final[Counter[tuple[str, str]]] = Counter()
"""(what we were doing, exception class) -> how often it failed in this process."""

reraise = False
"""Our own test suite sets this, so that a swallowed failure is loud there and only there."""


class never_break:  # noqa: N801  # reads as a phrase where it is used
    """Guard a stretch of our own code: `READ = never_break("read a response")`, then `with READ: ...`.

    A failure is logged once per (`what`, exception class) with its stack, counted in `failures` and swallowed.
    """

    __slots__ = ("what",)

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        if kind is None or not isinstance(error, Exception):
            return False
        report(self.what, error)
        return not reraise

    def caught(self, error: Exception) -> None:
        """The same for an `except Exception` of our own, where entering a `with` for every chunk would be too dear."""
        report(self.what, error)
        if reraise:
            raise error


def report(what: str, error: Exception) -> None:
    """Count a failure of ours, and log the first of its kind: class and stack, not its text, which may echo a prompt."""
    kind = (what, type(error).__qualname__)
    failures[kind] += 1
    if failures[kind] == 1:
        stack = "".join(traceback.format_tb(error.__traceback__))
        logger.warning(
            "fastagentic could not %s (%s); your call goes on. More failures of this kind are counted, not logged.\n%s",
            *kind,
            stack,
        )
