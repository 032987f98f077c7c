"""The OpenAI SDK called alike from sync and async code, against a server or against a canned answer."""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
from typing import TYPE_CHECKING, Any

import openai
from openai import AsyncOpenAI, OpenAI

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx
else:
    httpx = importlib.import_module("httpx2" if openai.__version__.startswith("3.") else "httpx")  # the SDK's own

MODEL = "gpt-4o-mini"
KINDS = ("sync", "async")
USAGE = {"include_usage": True}


def messages(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Never used on loopback; to load the certificates anew for every client takes 0.1 s."""


def settings(kind: str, options: dict[str, Any]) -> dict[str, Any]:
    http: type[httpx.Client | httpx.AsyncClient] = httpx.Client if kind == "sync" else httpx.AsyncClient
    given = {"api_key": "sk-test", "max_retries": 0, **options}
    return given if "http_client" in given else {**given, "http_client": http(verify=TLS)}


async def _settled(result: Any) -> Any:
    return await result if asyncio.iscoroutine(result) else result


def ask(kind: str, prompt: str = "What did the run cost?", *, model: str = MODEL, options: dict[str, Any], **more: Any) -> Any:
    """A chat completion; of a stream, the list of its chunks."""
    arguments = {"model": model, "messages": messages(prompt), **more}

    async def asked() -> Any:
        async with AsyncOpenAI(**settings(kind, options)) as client:
            answer = await client.chat.completions.create(**arguments)
            return [chunk async for chunk in answer] if more.get("stream") else answer

    if kind == "async":
        return asyncio.run(asked())
    with OpenAI(**settings(kind, options)) as client:
        answer = client.chat.completions.create(**arguments)
        return list(answer) if more.get("stream") else answer


def with_client(kind: str, use: Callable[[Any], Any], **options: Any) -> Any:
    """What `use(client)` returns, awaited where it is awaited; `use` must read the answer whole."""
    given = settings(kind, {"base_url": "http://127.0.0.1:9/v1", **options})

    async def used() -> Any:
        async with AsyncOpenAI(**given) as client:
            return await _settled(use(client))

    if kind == "async":
        return asyncio.run(used())
    with OpenAI(**given) as client:
        return use(client)


def canned(kind: str, body: Any, headers: dict[str, str], *, status: int = 200, seen: list[httpx.Request] | None = None) -> Any:
    """An HTTP client whose wire ends in this answer: JSON, or as it stands when it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(status, content=content, headers={"content-type": "application/json", **headers})

    transport = httpx.MockTransport(answer)
    return httpx.Client(transport=transport) if kind == "sync" else httpx.AsyncClient(transport=transport)


def events(*data: dict[str, Any]) -> bytes:
    """A body of server-sent events."""
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in data) + b"data: [DONE]\n\n"
