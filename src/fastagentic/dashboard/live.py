"""News of the store for open pages, by server-sent events: one watcher a process, however many pages listen.

The watcher looks at the file's size and time, and asks the store only when they changed. It starts with the first page that
listens and ends with the last one, so that an application in which nobody looks at the dashboard does nothing for it. Each
listener has room for one piece of news: whoever is slow hears the newest, and nothing piles up.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from sse_starlette import EventSourceResponse, ServerSentEvent

from .problems import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

logger = logging.getLogger("fastagentic")

LOOK_S: Final = 0.5
MOST_LISTENERS: Final = 100
SEP: Final = "\n"
SEND_S: Final = 30.0
CHANGED: Final = "changed"


@dataclass(slots=True, frozen=True)
class News:
    """How the store is now: a text that differs when anything was stored or pruned; `missing`, `unreadable`."""

    mark: str


class Listener:
    """One open page: the newest news that it has not heard."""

    def __init__(self) -> None:
        self._untold: asyncio.Queue[News] = asyncio.Queue(1)

    def tell(self, news: News) -> None:
        """Put these in the place of what was not heard yet."""
        with contextlib.suppress(asyncio.QueueEmpty):
            self._untold.get_nowait()
        self._untold.put_nowait(news)

    async def next(self) -> News:
        """Wait for news."""
        return await self._untold.get()


class Watcher:
    """Looks at the store while somebody listens.

    `mark` says, in next to no time, whether the file changed (any value that differs); `look` asks the store for news.
    """

    def __init__(self, mark: Callable[[], object], look: Callable[[], Awaitable[News]], *, look_s: float = LOOK_S) -> None:
        self._mark = mark
        self._look = look
        self._look_s = look_s
        self._listeners: set[Listener] = set()
        self._task: asyncio.Task[None] | None = None
        self._news: News | None = None

    @property
    def listeners(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    @property
    def is_watching(self) -> bool:
        """Whether the store is looked at."""
        return self._task is not None and not self._task.done()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        """A listener, told at once how things are. Raises: Refused when as many listen as may."""
        if len(self._listeners) >= MOST_LISTENERS:
            raise Refused(503, f"{MOST_LISTENERS} pages listen already", "Close some, or reload by hand.")
        listener = Listener()
        self._listeners.add(listener)
        if self._news is not None and self.is_watching:
            listener.tell(self._news)
        if not self.is_watching:
            self._news = None
            self._task = asyncio.create_task(self._watch(), name="fastagentic-dashboard")
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _watch(self) -> None:
        seen: object = None
        while True:
            mark = self._mark()
            if mark != seen:
                try:
                    self._tell(await self._look())
                    seen = mark
                except Exception:
                    logger.exception("fastagentic's dashboard could not look at the store; it looks again")
            await asyncio.sleep(self._look_s)

    def _tell(self, news: News) -> None:
        if news != self._news:
            self._news = news
            for listener in self._listeners:
                listener.tell(news)

    async def response(self) -> EventSourceResponse:
        """The stream of one page. Raises: Refused."""
        listening = self.listening()
        listener = await listening.__aenter__()

        async def events() -> AsyncIterator[ServerSentEvent]:
            try:
                while True:
                    news = await listener.next()
                    yield ServerSentEvent(json.dumps(asdict(news)), event=CHANGED, sep=SEP)
            finally:
                await listening.__aexit__(None, None, None)

        return EventSourceResponse(events(), sep=SEP, send_timeout=SEND_S)
