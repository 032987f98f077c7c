"""Every entry point of both clients, called alike against a stand-in provider: one row each, sync and async."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED: Final = "What did the run cost? " * 260
"""Long enough for the stand-in's prompt cache, and for its rate to show in the price."""
MESSAGES: Final = [{"role": "user", "content": ASKED}]
WITH_USAGE: Final = {"stream": True, "stream_options": {"include_usage": True}}
STREAMED: Final = {"stream": True}


def recording() -> io.BytesIO:
    file = io.BytesIO(b"RIFF" + bytes(64))
    file.name = "said.wav"
    return file


@dataclass(frozen=True)
class Row:
    """An entry point: its sync and its async name, what it does, what it is asked; how it is asked to stream, if it can.

    `arguments` is called for each call (a file is read once). `base` is what the client wants as the provider's URL: with
    `/v1` or without.
    """

    client: str
    plain: str | None
    awaited: str | None
    operation: str
    model: str
    arguments: Callable[[], dict[str, Any]]
    streamed: dict[str, Any] | None = None
    base: str = "{url}"
    states_usage: bool = True
    is_priced: bool = True
    provider: str = "openai"
    needs: str | None = None
    """A package without which the client cannot make this call."""
    stream_needs: str | None = None

    def __str__(self) -> str:
        return f"{self.client}:{self.plain or self.awaited}"


def files() -> dict[str, Any]:
    return {"file": recording()}


def pictures() -> dict[str, Any]:
    return {"prompt": ASKED}


def images() -> dict[str, Any]:
    return {"image": io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(32)), "prompt": ASKED}


def asks(**arguments: Any) -> Callable[[], dict[str, Any]]:
    return lambda: dict(arguments)


CHAT = asks(messages=MESSAGES)
INPUT = asks(input=ASKED)
TEXT = asks(prompt=ASKED)
SPEECH = asks(input="Four cents.", voice="alloy")
RERANK = asks(query="cost", documents=["four cents", "a delay"])
MESSAGE = asks(messages=MESSAGES, max_tokens=64)

LITELLM: Final = (
    Row("litellm", "completion", "acompletion", "chat", "gpt-4o-mini", CHAT, WITH_USAGE),
    Row("litellm", "text_completion", "atext_completion", "text_completion", "gpt-3.5-turbo-instruct", TEXT, WITH_USAGE),
    Row("litellm", "embedding", "aembedding", "embeddings", "text-embedding-3-small", INPUT),
    Row("litellm", "responses", "aresponses", "chat", "gpt-4o-mini", INPUT, STREAMED, needs="mcp"),
    Row("litellm", None, "anthropic_messages", "chat", "anthropic/claude-sonnet-4-5", MESSAGE, STREAMED, base="{bare}",
        stream_needs="redis"),
    Row("litellm", "image_generation", "aimage_generation", "generate_content", "gpt-image-1", pictures),
    Row("litellm", "image_edit", "aimage_edit", "generate_content", "gpt-image-1", images),
    Row("litellm", "transcription", "atranscription", "transcription", "gpt-4o-transcribe", files),
    Row("litellm", "speech", "aspeech", "speech", "tts-1", SPEECH, states_usage=False),
    Row("litellm", "rerank", "arerank", "rerank", "cohere/rerank-v3.5", RERANK, base="{bare}", states_usage=False),
    Row("litellm", "moderation", "amoderation", "moderation", "omni-moderation-latest", INPUT, states_usage=False,
        is_priced=False),
)  # fmt: skip


# By the path of the method below `Portkey()`, `AsyncPortkey()`.
PORTKEY: Final = (
    *(
        Row("portkey", path, path, "chat", "gpt-4o-mini", CHAT, WITH_USAGE)
        for path in ("chat.completions.create", "openai_client.chat.completions.create")
    ),
    *(
        Row("portkey", path, path, "chat", "gpt-4o-mini", CHAT)
        for path in (
            "chat.completions.parse", "beta.chat.completions.parse", "openai_client.chat.completions.parse",
            "openai_client.chat.completions.with_raw_response.create",
            "openai_client.with_raw_response.chat.completions.create",
        )
    ),
    Row("portkey", "completions.create", "completions.create", "text_completion", "gpt-3.5-turbo-instruct", TEXT, WITH_USAGE),
    Row("portkey", "embeddings.create", "embeddings.create", "embeddings", "text-embedding-3-small", INPUT),
    Row("portkey", "openai_client.embeddings.create", "openai_client.embeddings.create", "embeddings",
        "text-embedding-3-small", INPUT),
    Row("portkey", "responses.create", "responses.create", "chat", "gpt-4o-mini", INPUT, STREAMED),
    Row("portkey", "responses.parse", "responses.parse", "chat", "gpt-4o-mini", INPUT),
    Row("portkey", "prompts.completions.create", "prompts.completions.create", "chat", "",
        asks(prompt_id="pp-1", variables={"asked": ASKED}), WITH_USAGE),
    Row("portkey", "images.generate", "images.generate", "generate_content", "gpt-image-1", pictures),
    Row("portkey", "images.edit", "images.edit", "generate_content", "gpt-image-1", images),
    Row("portkey", "audio.transcriptions.create", "audio.transcriptions.create", "transcription", "gpt-4o-transcribe", files,
        STREAMED),
    Row("portkey", "audio.translations.create", "audio.translations.create", "transcription", "gpt-4o-transcribe", files),
    Row("portkey", "audio.speech.create", "audio.speech.create", "speech", "tts-1", SPEECH, states_usage=False,
        is_priced=False),
    Row("portkey", "moderations.create", "moderations.create", "moderation", "omni-moderation-latest", INPUT,
        states_usage=False, is_priced=False),
    Row("portkey", "post", "post", "rerank", "rerank-v3.5", asks(url="/rerank", query="cost", documents=["four cents"]),
        states_usage=False, is_priced=False),
    Row("portkey", "post", "post", "chat", "claude-sonnet-4-5", asks(url="/messages", messages=MESSAGES, max_tokens=64),
        provider="anthropic"),  # the SDK's own stream drops each event that has a name, so that the user gets none of a message
)  # fmt: skip

ROWS: Final = (*LITELLM, *PORTKEY)


def ask(row: Row, url: str, *, is_async: bool, more: dict[str, Any] | None = None) -> Any:
    """Make the call, and read its stream to the end. `url` ends in `/v1`."""
    if is_async:
        function, arguments = function_of(row, url, more)
        return asyncio.run(awaited(function, arguments))
    function, arguments = function_of(row, url, more, is_async=False)
    answer = function(**arguments)
    return list(answer) if hasattr(answer, "__next__") else answer


def function_of(
    row: Row, url: str, more: dict[str, Any] | None = None, *, is_async: bool = True
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function or method of a row, and what it is called with."""
    asked = {**({"model": row.model} if row.model else {}), **row.arguments(), **(more or {})}
    name = str(row.awaited if is_async else row.plain)
    if row.client == "litellm":
        import litellm

        base = row.base.format(url=url, bare=url.removesuffix("/v1"))
        return getattr(litellm, name), {"api_base": base, "api_key": "sk-test", "max_retries": 0, **asked}
    from portkey_ai import AsyncPortkey, Portkey

    client = (AsyncPortkey if is_async else Portkey)(
        api_key="pk-test", base_url=url, provider=row.provider, calculate_audio_duration=False
    )

    def call(**arguments: Any) -> Any:  # holds the client: one that is dropped closes its connections
        return attrgetter(name)(client)(**arguments)

    return call, asked


async def awaited(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """The answer of an async call, of a stream the list of its chunks."""
    answer = await function(**arguments)
    return [chunk async for chunk in answer] if hasattr(answer, "__anext__") else answer
