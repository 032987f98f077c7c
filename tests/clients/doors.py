"""The four doors of chat completions, called alike: each client, sync and async, against a stand-in provider."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

MESSAGES = [{"role": "user", "content": "What did the run cost?"}]
MODEL = "gpt-4o-mini"


@dataclass(frozen=True)
class Door:
    """One way to ask for a chat completion. `ask` returns the answer, or the list of all chunks of a stream."""

    name: str
    gateway: str
    ask: Callable[..., Any]

    def __str__(self) -> str:
        return self.name


def litellm_arguments(url: str, more: dict[str, Any]) -> dict[str, Any]:
    return {"model": MODEL, "messages": MESSAGES, "api_base": url, "api_key": "sk-test", "max_retries": 0, **more}


def litellm_sync(url: str, **more: Any) -> Any:
    import litellm

    answer = litellm.completion(**litellm_arguments(url, more))
    return list(answer) if more.get("stream") else answer


def litellm_async(url: str, **more: Any) -> Any:
    import litellm

    async def ask() -> Any:
        answer = await litellm.acompletion(**litellm_arguments(url, more))
        return [chunk async for chunk in answer] if more.get("stream") else answer

    return asyncio.run(ask())


def portkey_sync(url: str, **more: Any) -> Any:
    from portkey_ai import Portkey

    client = Portkey(api_key="pk-test", base_url=url, provider="openai")
    answer = client.chat.completions.create(**{"model": MODEL, "messages": MESSAGES, **more})
    return list(answer) if more.get("stream") else answer


def portkey_async(url: str, **more: Any) -> Any:
    from portkey_ai import AsyncPortkey

    async def ask() -> Any:
        client = AsyncPortkey(api_key="pk-test", base_url=url, provider="openai")
        answer = await client.chat.completions.create(**{"model": MODEL, "messages": MESSAGES, **more})
        return [chunk async for chunk in answer] if more.get("stream") else answer

    return asyncio.run(ask())


DOORS = (
    Door("litellm-sync", "litellm", litellm_sync),
    Door("litellm-async", "litellm", litellm_async),
    Door("portkey-sync", "portkey", portkey_sync),
    Door("portkey-async", "portkey", portkey_async),
)
