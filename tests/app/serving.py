"""An App as its clients meet it: over ASGI in this process, and on a real uvicorn where sockets matter."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

WAIT_S = 30.0
LOCAL = "http://127.0.0.1"


@asynccontextmanager
async def asking(app: Any, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the App, in this process and loop."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app", **options) as client:
        yield client


async def post(app: Any, path: str, body: Any = None, **options: Any) -> httpx.Response:
    """One POST."""
    async with asking(app) as client:
        return await client.post(path, **({"json": body} if body is not None else {}), **options)


@contextmanager
def served(app: Any, **options: Any) -> Iterator[str]:
    """The App on uvicorn, on a thread and a free port; gives its URL. It has shut down when this ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", **options))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        until(lambda: server.started or not thread.is_alive())
        assert server.started
        try:
            yield f"{LOCAL}:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(WAIT_S)
            assert not thread.is_alive()


def until(condition: Callable[[], Any]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def events(text: str) -> list[tuple[str, Any]]:
    """(name, data) of each server-sent event."""
    found = []
    for block in text.replace("\r\n", "\n").split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if line and not line.startswith(":"))
        if lines:
            found.append((lines.get("event", ""), json.loads(lines["data"])))
    return found


def is_problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem that the answer is."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["title"]
    return document
