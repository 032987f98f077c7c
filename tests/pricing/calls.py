"""Calls to be priced."""

from __future__ import annotations

from typing import Any

from fastagentic.core.call import LLMCall, Usage
from fastagentic.core.names import Operation


def call(model: str | None = "gpt-4o-mini", **more: Any) -> LLMCall:
    """A chat completion through Portkey: 1,000 tokens in and 200 out, unless said otherwise."""
    usage = more.pop("usage", None) or Usage(input_tokens=1000, output_tokens=200)
    client = more.pop("client", "portkey")
    return LLMCall(
        client, more.pop("gateway", client), Operation.CHAT, more.pop("provider", "openai"), model, usage=usage, **more
    )


def no_calculator(_: LLMCall) -> None:
    return None
