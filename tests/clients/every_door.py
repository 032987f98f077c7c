"""Every entry point of the clients, called alike: one row each, sync and async, at a provider or at a gateway."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

QUESTION: Final = "What did the run cost?"
ASKED: Final = f"{QUESTION} " * 260
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
        url = self.arguments().get("url", "") if self.plain == "post" else ""
        return f"{self.client}:{self.plain or self.awaited}{url}"


def files() -> dict[str, Any]:
    return {"file": recording()}


def pictures() -> dict[str, Any]:
    return {"prompt": ASKED}


def picture() -> dict[str, Any]:
    return {"image": io.BytesIO(b"\x89PNG\r\n\x1a\n" + bytes(32))}


def images() -> dict[str, Any]:
    return {**picture(), "prompt": ASKED}


def asks(**arguments: Any) -> Callable[[], dict[str, Any]]:
    return lambda: dict(arguments)


CHAT = asks(messages=MESSAGES)
INPUT = asks(input=ASKED)
TEXT = asks(prompt=ASKED)
SPEECH = asks(input="Four-cents.", voice="alloy")  # LiteLLM does not charge for spaces
RERANK = asks(query="cost", documents=["four cents", "a delay"])
MESSAGE = asks(messages=MESSAGES, max_tokens=64)
CONTENTS = asks(contents=[{"role": "user", "parts": [{"text": ASKED}]}])

LITELLM: Final = (
    Row("litellm", "completion", "acompletion", "chat", "gpt-4o-mini", CHAT, WITH_USAGE),
    Row("litellm", "text_completion", "atext_completion", "text_completion", "gpt-3.5-turbo-instruct", TEXT, WITH_USAGE),
    Row("litellm", "embedding", "aembedding", "embeddings", "text-embedding-3-small", INPUT),
    Row("litellm", "responses", "aresponses", "chat", "gpt-4o-mini", INPUT, STREAMED, needs="mcp"),
    Row("litellm", "compact_responses", "acompact_responses", "chat", "gpt-4o-mini", INPUT, needs="mcp"),
    # No sync: LiteLLM's own raises ValueError "not implemented for sync calls".
    Row("litellm", None, "anthropic_messages", "chat", "anthropic/claude-sonnet-4-5", MESSAGE, STREAMED, base="{bare}",
        stream_needs="redis"),
    Row("litellm", "google_genai.generate_content", "google_genai.agenerate_content", "generate_content", "openai/gpt-4o-mini",
        CONTENTS),  # its streams are functions of their own
    Row("litellm", "image_generation", "aimage_generation", "generate_content", "gpt-image-1", pictures),
    Row("litellm", "image_edit", "aimage_edit", "generate_content", "gpt-image-1", images),
    Row("litellm", "image_variation", "aimage_variation", "generate_content", "openai/dall-e-2", picture,
        is_priced=False),  # LiteLLM sends no model: what answers is not what it would be priced by
    Row("litellm", "transcription", "atranscription", "transcription", "gpt-4o-transcribe", files),
    Row("litellm", "speech", "aspeech", "speech", "tts-1", SPEECH, states_usage=False),
    Row("litellm", "rerank", "arerank", "rerank", "cohere/rerank-v3.5", RERANK, base="{bare}", states_usage=False),
    Row("litellm", "moderation", "amoderation", "moderation", "omni-moderation-latest", INPUT, states_usage=False,
        is_priced=False),
)  # fmt: skip


def of_openai(client: str, path: str, operation: str, model: str, arguments: Callable[[], dict[str, Any]], *more: Any,
              **told: Any) -> Row:  # fmt: skip
    """A method of the OpenAI SDK, or of Portkey's client that is made after it: sync and async have one name."""
    return Row(client, path, path, operation, model, arguments, *more, **told)


def methods(client: str) -> tuple[Row, ...]:
    """The methods that both SDKs have, by their path below the client."""
    return (
        of_openai(client, "chat.completions.create", "chat", "gpt-4o-mini", CHAT, WITH_USAGE),
        *(
            of_openai(client, path, "chat", "gpt-4o-mini", CHAT)
            for path in ("chat.completions.parse", "beta.chat.completions.parse")
        ),
        of_openai(client, "completions.create", "text_completion", "gpt-3.5-turbo-instruct", TEXT, WITH_USAGE),
        of_openai(client, "embeddings.create", "embeddings", "text-embedding-3-small", INPUT),
        of_openai(client, "responses.create", "chat", "gpt-4o-mini", INPUT, STREAMED),
        of_openai(client, "responses.parse", "chat", "gpt-4o-mini", INPUT),
        of_openai(client, "responses.compact", "chat", "gpt-4o-mini", INPUT),
        of_openai(client, "images.generate", "generate_content", "gpt-image-1", pictures),
        of_openai(client, "images.edit", "generate_content", "gpt-image-1", images),
        of_openai(client, "images.create_variation", "generate_content", "dall-e-2", picture, states_usage=False,
                  is_priced=False),
        of_openai(client, "audio.transcriptions.create", "transcription", "gpt-4o-transcribe", files, STREAMED),
        of_openai(client, "audio.translations.create", "transcription", "gpt-4o-transcribe", files),
        of_openai(client, "audio.speech.create", "speech", "tts-1", SPEECH, states_usage=False, is_priced=False),
        of_openai(client, "moderations.create", "moderation", "omni-moderation-latest", INPUT, states_usage=False,
                  is_priced=False),
    )  # fmt: skip


PORTKEY: Final = (
    *methods("portkey"),
    of_openai("portkey", "openai_client.chat.completions.create", "chat", "gpt-4o-mini", CHAT, WITH_USAGE),
    *(
        of_openai("portkey", path, "chat", "gpt-4o-mini", CHAT)
        for path in (
            "openai_client.chat.completions.parse",
            "openai_client.chat.completions.with_raw_response.create",
            "openai_client.with_raw_response.chat.completions.create",
        )
    ),
    of_openai("portkey", "openai_client.embeddings.create", "embeddings", "text-embedding-3-small", INPUT),
    of_openai("portkey", "prompts.completions.create", "chat", "", asks(prompt_id="pp-1", variables={"asked": ASKED}),
              WITH_USAGE),
    of_openai("portkey", "post", "rerank", "rerank-v3.5", asks(url="/rerank", query="cost", documents=["four cents"]),
              states_usage=False, is_priced=False, provider="cohere"),
    of_openai("portkey", "post", "chat", "claude-sonnet-4-5", asks(url="/messages", messages=MESSAGES, max_tokens=64),
              provider="anthropic"),  # the SDK's own stream drops each event that has a name: the user gets none of a message
)  # fmt: skip

OPENAI: Final = (
    *methods("openai"),
    *(
        of_openai("openai", path, "chat", "gpt-4o-mini", CHAT)
        for path in ("chat.completions.with_raw_response.create", "with_raw_response.chat.completions.create")
    ),
)
"""Asked as behind Portkey's gateway, whose header the client carries: nobody else's calls are observed."""

ROWS: Final = (*LITELLM, *PORTKEY, *OPENAI)


@dataclass(frozen=True)
class Place:
    """Where calls are sent. `url` ends in `/v1`; the rest is what each client is told to get there."""

    url: str
    key: str = "sk-test"
    prefix: str = ""
    """Of the model, as LiteLLM wants it told that a proxy answers."""
    portkey: dict[str, Any] = field(default_factory=dict)
    openai: dict[str, Any] = field(default_factory=dict)


def provider_at(url: str, row: Row) -> Place:
    """The provider itself."""
    headers = {"x-portkey-provider": row.provider}
    return Place(url, portkey={"provider": row.provider}, openai={"default_headers": headers})


def behind_portkey(gateway_url: str, provider_url: str, row: Row) -> Place:
    """The provider behind Portkey's gateway."""
    config = {"provider": row.provider, "api_key": "sk-test", "custom_host": provider_url}
    headers = {"x-portkey-config": json.dumps(config)}
    return Place(gateway_url, portkey={"config": config}, openai={"default_headers": headers})


def ask(row: Row, place: Place, *, is_async: bool, more: dict[str, Any] | None = None) -> Any:
    """Make the call, and read its stream to the end."""
    function, arguments = function_of(row, place, more, is_async=is_async)
    if is_async:
        return asyncio.run(awaited(function, arguments))
    answer = function(**arguments)
    return list(answer) if hasattr(answer, "__next__") else answer


def function_of(
    row: Row, place: Place, more: dict[str, Any] | None = None, *, is_async: bool = True
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function or method of a row, and what it is called with."""
    asked = {**({"model": row.model} if row.model else {}), **row.arguments(), **(more or {})}
    name = str(row.awaited if is_async else row.plain)
    return CLIENTS[row.client](row, place, name, asked, is_async)


def _litellm(row: Row, place: Place, name: str, asked: dict[str, Any], is_async: bool) -> Any:
    import litellm

    base = row.base.format(url=place.url, bare=place.url.removesuffix("/v1"))
    told = {"api_base": base, "api_key": place.key, "max_retries": 0, **asked, "model": place.prefix + row.model}
    return attrgetter(name)(litellm), told


def _portkey(row: Row, place: Place, name: str, asked: dict[str, Any], is_async: bool) -> Any:
    from portkey_ai import AsyncPortkey, Portkey

    kind = AsyncPortkey if is_async else Portkey
    return _method(
        kind(api_key="pk-test", base_url=place.url, calculate_audio_duration=False, **place.portkey), name
    ), asked  # fmt: skip


def _openai(row: Row, place: Place, name: str, asked: dict[str, Any], is_async: bool) -> Any:
    from openai import AsyncOpenAI, OpenAI

    from tests.clients.openai_sdk import settings

    kind = AsyncOpenAI if is_async else OpenAI
    options = settings("async" if is_async else "sync", {"base_url": place.url, "api_key": place.key, **place.openai})
    return _method(kind(**options), name), asked


CLIENTS: Final = {"litellm": _litellm, "portkey": _portkey, "openai": _openai}


def _method(client: Any, path: str) -> Callable[..., Any]:
    """The method at this path; it holds its client, as one that is dropped closes its connections."""

    def call(**arguments: Any) -> Any:
        return attrgetter(path)(client)(**arguments)

    return call


async def awaited(function: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """The answer of an async call, of a stream the list of its chunks."""
    answer = await function(**arguments)
    return [chunk async for chunk in answer] if hasattr(answer, "__anext__") else answer
