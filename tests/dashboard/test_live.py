"""News of the store: open pages hear of calls as they are made, by one watcher, and nothing is left when they go."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fastagentic.dashboard import dashboard_app
from fastagentic.dashboard.live import MOST_LISTENERS, Listener, News, Watcher
from fastagentic.dashboard.problems import Refused
from fastagentic.store.location import store_path
from fastagentic.store.prune import prune
from fastagentic.store.reader import open_to_write
from tests.app.serving import served
from tests.store.build import priced, run, store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WAIT_S = 20


@asynccontextmanager
async def listening(url: str, **options: Any) -> AsyncIterator[AsyncIterator[str]]:
    """The marks that an open page hears."""
    async with httpx.AsyncClient(timeout=WAIT_S) as client, client.stream("GET", f"{url}/live", **options) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        yield marks(stream)


async def marks(stream: httpx.Response) -> AsyncIterator[str]:
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))["mark"]


async def page(url: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=WAIT_S) as client:
        return await client.get(url)


async def becomes(condition: Any) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110  # what is waited for happens on another thread
            await asyncio.sleep(0.01)


async def test_a_call_is_heard_when_it_is_stored(filled: Path) -> None:
    with served(dashboard_app()) as url:
        async with listening(url) as heard, asyncio.timeout(WAIT_S):
            first = await anext(heard)
            store(filled, [priced(0.1)])
            assert await anext(heard) != first


async def test_the_end_of_a_run_is_heard(filled: Path) -> None:
    with served(dashboard_app()) as url:
        async with listening(url) as heard, asyncio.timeout(WAIT_S):
            first = await anext(heard)
            store(filled, [run("later", run_id="12" * 16)])
            assert await anext(heard) != first


async def test_pruning_is_heard(filled: Path) -> None:
    with served(dashboard_app()) as url:
        async with listening(url) as heard, asyncio.timeout(WAIT_S):
            first = await anext(heard)
            with open_to_write(filled) as connection:
                prune(connection, 2**62)
            assert await anext(heard) != first


async def test_a_store_that_comes_later_is_heard(own_environment: Path) -> None:
    with served(dashboard_app()) as url:
        async with listening(url) as heard, asyncio.timeout(WAIT_S):
            assert await anext(heard) == "missing"
            assert "No calls yet" in (await page(url)).text
            store(store_path(), [priced(0.1)])
            assert await anext(heard) not in {"missing", "unreadable"}
            assert (await page(url)).status_code == 200


async def test_the_mark_of_a_page_is_the_one_that_is_heard(filled: Path) -> None:
    """Or a page would fetch itself anew for what it shows already."""
    with served(dashboard_app()) as url:
        async with listening(url) as heard, asyncio.timeout(WAIT_S):
            assert f'data-mark="{await anext(heard)}"' in (await page(url)).text


async def test_many_pages_are_one_watcher_which_ends_with_the_last(filled: Path) -> None:
    app = dashboard_app()
    with served(app) as url:
        async with AsyncExitStack() as stack, asyncio.timeout(WAIT_S):
            heard = [await stack.enter_async_context(listening(url)) for _ in range(5)]
            for one in heard:
                await anext(one)
            assert app.watcher.listeners == 5
            assert app.watcher.is_watching
        await becomes(lambda: app.watcher.listeners == 0)
        assert not app.watcher.is_watching


async def test_an_open_page_does_not_hold_up_the_end_of_the_server(filled: Path) -> None:
    from sse_starlette.sse import AppStatus

    app = dashboard_app()
    try:
        with served(app, timeout_graceful_shutdown=2) as url:
            async with listening(url) as heard:
                await anext(heard)
        await becomes(lambda: app.watcher.listeners == 0)
    finally:
        AppStatus.should_exit = False


async def test_who_is_slow_hears_the_newest() -> None:
    listener = Listener()

    for number in range(1_000):
        listener.tell(News(str(number)))

    assert (await listener.next()).mark == "999"


async def test_more_pages_than_may_listen_are_told_so() -> None:
    watcher = Watcher(lambda: None, lambda: asyncio.sleep(0, News("x")))
    async with AsyncExitStack() as stack:
        for _ in range(MOST_LISTENERS):
            await stack.enter_async_context(watcher.listening())
        with pytest.raises(Refused, match="listen already"):
            await watcher.response()
    assert watcher.listeners == 0


async def test_a_store_that_did_not_change_is_not_asked() -> None:
    looked = 0

    async def look() -> News:
        nonlocal looked
        looked += 1
        return News("x")

    watched = 0

    def mark() -> object:
        nonlocal watched
        watched += 1
        return "same"

    watcher = Watcher(mark, look, look_s=0.001)
    async with watcher.listening() as listener:
        assert (await listener.next()).mark == "x"
        await becomes(lambda: watched > 5)
    assert looked == 1


async def test_a_look_that_fails_is_made_again() -> None:
    failing = iter([RuntimeError("locked"), None])

    async def look() -> News:
        if error := next(failing):
            raise error
        return News("there")

    watcher = Watcher(object, look, look_s=0.001)
    async with watcher.listening() as listener, asyncio.timeout(WAIT_S):
        assert (await listener.next()).mark == "there"
