"""The dashboard as a browser or a program asks it: over ASGI, in this process, from loopback unless it is said otherwise."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx

from fastagentic.dashboard import dashboard_app

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastagentic.dashboard import Dashboard

HOME = "http://127.0.0.1:8765"
TOKEN = "a-token-that-is-long-enough"
NEAR = ("127.0.0.1", 50_000)
FAR = ("192.0.2.7", 50_000)


@cache
def alone() -> Dashboard:
    """A dashboard for this machine."""
    return dashboard_app()


@cache
def guarded() -> Dashboard:
    """One that asks for `TOKEN`."""
    return dashboard_app(token=TOKEN)


def get(path: str, *, app: Any = None, **options: Any) -> httpx.Response:
    """One GET."""
    return request("GET", path, app=app, **options)


def request(
    method: str, path: str, *, app: Any = None, client: tuple[str, int] = NEAR, base: str = HOME, **options: Any
) -> httpx.Response:
    """One request."""

    async def ask(asking: httpx.AsyncClient) -> httpx.Response:
        return await asking.request(method, path, **options)

    return session(ask, app=app, client=client, base=base)


def session(
    ask: Callable[[httpx.AsyncClient], Awaitable[Any]], *, app: Any = None, client: tuple[str, int] = NEAR, base: str = HOME
) -> Any:
    """Several requests of one client, which keeps its cookies."""

    async def run() -> Any:
        transport = httpx.ASGITransport(app or alone(), client=client, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=base) as asking:
            return await ask(asking)

    return asyncio.run(run())
