"""`/health`: the process answers. `/ready`: it has started and is not on its way out, so requests may be sent to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from .problems import Problem

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .application import App


def add_health(fastapi: FastAPI, app: App) -> None:
    """Add both routes."""

    @fastapi.get("/health", tags=["health"], summary="Alive")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @fastapi.get("/ready", tags=["health"], summary="Ready for requests", response_model=None)
    async def ready() -> Response:
        if app.is_ready:
            return JSONResponse({"status": "ready"})
        return Problem(503, "starting, or on its way out").response()
