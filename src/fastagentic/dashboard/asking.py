"""Asking the store: each question on its own snapshot, on one of a few threads, so that no page holds the event loop up.

The store is opened anew for every request: it may be made, pruned, migrated or replaced at any time. What keeps it from being
read becomes a problem that says the way out.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from anyio import CapacityLimiter, to_thread

from fastagentic.core.errors import StoreError, UnknownRunError
from fastagentic.store.file import identity_of
from fastagentic.store.place import read_place
from fastagentic.store.queries.extent import extent

from .live import News
from .problems import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.store.queries.sql import Reader

    Question = Callable[[Reader, int], "Answer"]

Answer = TypeVar("Answer")

ELSEWHERE_S: Final = 5.0
"""How often a store that is no file of this machine is asked for news, while a page listens."""
THREADS: Final = 4
"""At most so many questions at once: an application in which the dashboard is mounted keeps its threads for itself."""


class NoStore(Refused):
    """There is no store yet, or it cannot be read."""

    def __init__(self, detail: str, *, is_missing: bool) -> None:
        super().__init__(503, detail)
        self.is_missing = is_missing


class Desk:
    """Where questions are asked."""

    def __init__(self) -> None:
        self._limiter: CapacityLimiter | None = None

    async def ask(self, question: Question[Answer]) -> Answer:
        """What `question(connection, now_ns)` returns, `now_ns` being the time in nanoseconds since the epoch.

        Raises: Refused, when the store cannot be read (503) or has no such run (404).
        """
        return await self.on_thread(lambda: _asked(question))

    async def on_thread(self, work: Callable[[], Answer]) -> Answer:
        """What `work` returns, on one of the threads."""
        if self._limiter is None:
            self._limiter = CapacityLimiter(THREADS)
        return await to_thread.run_sync(work, limiter=self._limiter)

    async def news(self) -> News:
        """How the store is now, for pages that listen."""
        try:
            return await self.ask(lambda connection, _: news_of(connection))
        except NoStore as none:
            return News("missing" if none.is_missing else "unreadable")


def news_of(connection: Reader) -> News:
    """How a store is that can be read."""
    found = extent(connection)
    return News(f"{found.first}-{found.last}")


def mark() -> object:
    """Something that differs when the store was written, made or replaced; for one elsewhere, from time to time."""
    path = read_place().path
    if path is None:
        return int(time.monotonic() / ELSEWHERE_S)
    found: list[object] = [identity_of(path)]
    for name in (path.name, path.name + "-wal"):
        try:
            stat = path.with_name(name).stat()
        except OSError:
            found.append(None)
        else:
            found.append((stat.st_size, stat.st_mtime_ns))
    return found


def _asked(question: Question[Answer]) -> Answer:
    place = read_place()
    try:
        with place.open() as connection:
            return question(connection, time.time_ns())
    except UnknownRunError as error:
        raise Refused(404, str(error)) from error
    except StoreError as error:
        raise NoStore(str(error), is_missing=place.path is not None and not place.path.exists()) from error
