"""An ASGI application: a call for each request."""

import asyncio

from ask import ask


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await asyncio.to_thread(ask)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"asked"})
