"""An application that somebody serves."""

import asyncio
from collections.abc import AsyncIterator

import litellm

from fastagentic import App, agent_endpoint

app = App(title="Shop")


@agent_endpoint("/ask")
async def ask(text: str) -> str:
    answer = await litellm.acompletion("gpt-4o-mini", [{"role": "user", "content": text}], mock_response="four cents")
    return str(answer.choices[0].message.content)


@agent_endpoint("/forever", stream=True)
async def forever() -> AsyncIterator[str]:
    yield "first"
    await asyncio.Event().wait()
