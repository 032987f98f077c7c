"""Every LLM method of the OpenAI SDK, plain, raw and streamed: one span each, with what the answer states."""

from __future__ import annotations

import ast
import asyncio
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openai
import pydantic
import pytest
from openai import AsyncOpenAI, OpenAI

import fastagentic
from fastagentic.clients.openai import PATHS
from fastagentic.gateways import recognise
from tests.clients.openai_sdk import KINDS, MODEL, USAGE, canned, events, messages, with_client

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

every_kind = pytest.mark.parametrize("kind", KINDS)

LITELLM = {"x-litellm-call-id": "1", "x-litellm-response-cost": "0.25", "x-litellm-model-name": "openai/gpt-4o-mini"}
RESPONSE = {
    "id": "resp-1", "object": "response", "created_at": 1, "model": "gpt-4o-mini-2024-07-18", "status": "completed",
    "output": [], "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
    "usage": {
        "input_tokens": 30, "input_tokens_details": {"cached_tokens": 10}, "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 50,
    },
}  # fmt: skip
COMPLETION = {
    "id": "cmpl-1", "object": "text_completion", "created": 1, "model": MODEL,
    "choices": [{"index": 0, "finish_reason": "stop", "text": "hello"}],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}  # fmt: skip
EMBEDDING = {
    "object": "list", "model": "text-embedding-3-small", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}  # fmt: skip
IMAGE = {
    "created": 1, "data": [{"b64_json": "aGk="}],
    "usage": {"input_tokens": 9, "output_tokens": 11, "total_tokens": 20, "input_tokens_details": {"image_tokens": 0}},
}  # fmt: skip
SPOKEN = {
    "text": "hello",
    "usage": {
        "type": "tokens", "input_tokens": 14, "output_tokens": 6, "total_tokens": 20,
        "input_token_details": {"audio_tokens": 12, "text_tokens": 2},
    },
}  # fmt: skip
MODERATED = {"id": "modr-1", "model": "omni-moderation-latest", "results": []}

# method, its answer, operation, (input tokens, output tokens)
METHODS: dict[str, tuple[Callable[[Any], Any], Any, str, tuple[int | None, int | None]]] = {
    "responses.create": (lambda c: c.responses.create(model=MODEL, input="hi"), RESPONSE, "chat", (30, 20)),
    "responses.parse": (lambda c: c.responses.parse(model=MODEL, input="hi"), RESPONSE, "chat", (30, 20)),
    "completions": (lambda c: c.completions.create(model=MODEL, prompt="hi"), COMPLETION, "text_completion", (5, 7)),
    "embeddings": (lambda c: c.embeddings.create(model="embedder", input="hi"), EMBEDDING, "embeddings", (8, None)),
    "images.generate": (lambda c: c.images.generate(model="gpt-image-1", prompt="x"), IMAGE, "generate_content", (9, 11)),
    "images.edit": (
        lambda c: c.images.edit(model="gpt-image-1", prompt="x", image=b"png"), IMAGE, "generate_content", (9, 11),
    ),
    "audio.speech": (
        lambda c: c.audio.speech.create(model="tts-1", input="hi", voice="alloy"), b"mp3", "speech", (None, None),
    ),
    "audio.transcriptions": (
        lambda c: c.audio.transcriptions.create(model="gpt-4o-transcribe", file=b"wav"), SPOKEN, "transcription", (14, 6),
    ),
    "audio.translations": (
        lambda c: c.audio.translations.create(model="whisper-1", file=b"wav"), {"text": "hello"}, "transcription", (None, None),
    ),
    "moderations": (
        lambda c: c.moderations.create(model="omni-moderation-latest", input="hi"), MODERATED, "moderation", (None, None),
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    recognise.forget()


@pytest.fixture
def observed(memory: Memory) -> Memory:
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    return memory


def found(memory: Memory) -> dict[str, Any]:
    fastagentic.flush()
    return dict(memory.span.attributes or {})


def tokens(attributes: dict[str, Any]) -> tuple[int | None, int | None]:
    return attributes.get("gen_ai.usage.input_tokens"), attributes.get("gen_ai.usage.output_tokens")


@every_kind
@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_one_span_with_what_the_answer_states(kind: str, method: str, observed: Memory) -> None:
    use, body, operation, stated = METHODS[method]
    type_ = {"content-type": "audio/mpeg"} if isinstance(body, bytes) else {}
    with_client(kind, use, http_client=canned(kind, body, {**LITELLM, **type_}))
    attributes = found(observed)
    assert attributes["gen_ai.operation.name"] == operation
    assert observed.span.name.startswith(f"{operation} ")
    assert tokens(attributes) == stated
    assert (attributes["gen_ai.usage.cost"], attributes["fastagentic.cost.source"]) == (0.25, "gateway")


@every_kind
def test_a_response_has_its_details(kind: str, observed: Memory) -> None:
    use = METHODS["responses.create"][0]
    with_client(kind, use, http_client=canned(kind, RESPONSE, LITELLM))
    attributes = found(observed)
    assert attributes["gen_ai.usage.cache_read.input_tokens"] == 10
    assert attributes["gen_ai.usage.reasoning.output_tokens"] == 5
    assert attributes["gen_ai.response.id"] == "resp-1"
    assert attributes["gen_ai.response.model"] == "gpt-4o-mini-2024-07-18"  # more exact than the deployment's name


RESPONSE_EVENTS = events(
    {"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "usage": None}},
    {"type": "response.output_text.delta", "sequence_number": 1, "delta": "hel", "item_id": "1", "output_index": 0,
     "content_index": 0, "logprobs": []},
    {"type": "response.completed", "sequence_number": 2, "response": RESPONSE},
)  # fmt: skip
STREAM = {**LITELLM, "content-type": "text/event-stream"}


@every_kind
@pytest.mark.parametrize("cut", [False, True], ids=["whole", "cut off"])
def test_a_streamed_response_is_one_span(kind: str, cut: bool, observed: Memory) -> None:
    body = RESPONSE_EVENTS.partition(b'data: {"type": "response.completed"')[0] if cut else RESPONSE_EVENTS

    def use(client: Any) -> Any:
        return read_all(client.responses.create(model=MODEL, input="hi there", stream=True))

    with_client(kind, use, http_client=canned(kind, body, STREAM))
    attributes = found(observed)
    assert tokens(attributes) == ((2 + 7, 1) if cut else (30, 20))  # estimated: the text, one message, and priming
    assert attributes.get("fastagentic.usage.estimated") is (True if cut else None)
    assert attributes["fastagentic.cost.source"] == "price_table"  # a stream's cost is not known when its headers leave


@every_kind
def test_a_streamed_text_completion_is_one_span(kind: str, observed: Memory) -> None:
    piece = {**COMPLETION, "usage": None, "choices": [{"index": 0, "finish_reason": None, "text": "hello you"}]}

    def use(client: Any) -> Any:
        return read_all(client.completions.create(model=MODEL, prompt="hi there", stream=True))

    with_client(kind, use, http_client=canned(kind, events(piece), STREAM))
    attributes = found(observed)
    assert tokens(attributes) == (2, 3)
    assert attributes["gen_ai.operation.name"] == "text_completion"


def read_all(answer: Any) -> Any:
    """All of a stream; a coroutine where it is asynchronous."""
    if not inspect.iscoroutine(answer):
        return list(answer)

    async def read() -> list[Any]:
        return [chunk async for chunk in await answer]

    return read()


class Weather(pydantic.BaseModel):
    town: str


def chat(client: Any) -> Any:
    return client.chat.completions


ASKED: dict[str, Any] = {"model": MODEL, "messages": messages("hi")}


def streaming_response(client: OpenAI, read: str, **more: Any) -> Any:
    with chat(client).with_streaming_response.create(**ASKED, **more) as response:
        answer = getattr(response, read)()
        return list(answer) if more or read.startswith("iter") else answer


async def astreaming_response(client: AsyncOpenAI, read: str, **more: Any) -> Any:
    async with chat(client).with_streaming_response.create(**ASKED, **more) as response:
        if read.startswith("iter"):
            return [piece async for piece in getattr(response, read)()]
        answer = await getattr(response, read)()
        return [chunk async for chunk in answer] if more else answer


def raw(client: OpenAI, **more: Any) -> Any:
    answer = chat(client).with_raw_response.create(**ASKED, **more).parse()
    return list(answer) if more else answer


async def araw(client: AsyncOpenAI, **more: Any) -> Any:
    answer = (await chat(client).with_raw_response.create(**ASKED, **more)).parse()
    return [chunk async for chunk in answer] if more else answer


def managed(client: OpenAI) -> Any:
    with chat(client).stream(**ASKED, stream_options=USAGE) as stream:
        return stream.get_final_completion()


async def amanaged(client: AsyncOpenAI) -> Any:
    async with chat(client).stream(**ASKED, stream_options=USAGE) as stream:
        return await stream.get_final_completion()


STREAMED = {"stream": True, "stream_options": USAGE}
WAYS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "raw": (raw, araw),
    "raw stream": (lambda c: raw(c, **STREAMED), lambda c: araw(c, **STREAMED)),
    "parse": (lambda c: chat(c).parse(**ASKED), lambda c: chat(c).parse(**ASKED)),
    "stream()": (managed, amanaged),
    **{
        f"streaming response, {read}": (
            lambda c, read=read: streaming_response(c, read),
            lambda c, read=read: astreaming_response(c, read),
        )
        for read in ("parse", "read", "json", "text", "iter_bytes", "iter_lines")
    },
    "streaming response of a stream": (
        lambda c: streaming_response(c, "parse", **STREAMED),
        lambda c: astreaming_response(c, "parse", **STREAMED),
    ),
}


@every_kind
@pytest.mark.parametrize("way", WAYS)
def test_however_the_answer_is_read_it_is_one_span_with_its_usage(
    kind: str, way: str, stand_in: StandIn, observed: Memory
) -> None:
    use = WAYS[way][KINDS.index(kind)]
    answer = with_client(kind, use, base_url=stand_in.url("portkey"))
    (asked,) = stand_in.exchanges
    assert answer
    assert tokens(found(observed)) == (asked.usage["prompt_tokens"], asked.usage["completion_tokens"])
    fastagentic.uninstrument()
    bare = with_client(kind, use, base_url=stand_in.url("portkey"))
    assert type(bare) is type(answer)


@every_kind
def test_a_raw_response_is_the_users_own(kind: str, stand_in: StandIn, observed: Memory) -> None:
    def use(client: Any) -> Any:
        return chat(client).with_raw_response.create(**ASKED)

    response = with_client(kind, use, base_url=stand_in.url("portkey"))
    assert type(response).__name__ == "LegacyAPIResponse"
    assert response.parse() is response.parse()
    assert response.headers["x-portkey-cache-status"] == "DISABLED"
    assert observed.span


def test_a_streaming_response_that_is_never_read_ends_its_span(stand_in: StandIn, observed: Memory) -> None:
    with_client("sync", lambda c: streaming_response(c, "__str__"), base_url=stand_in.url("portkey"))
    attributes = found(observed)
    assert "error.type" not in attributes
    assert attributes["fastagentic.gateway"] == "portkey"


def test_a_stream_keeps_its_type_and_its_response(stand_in: StandIn, observed: Memory) -> None:
    with OpenAI(api_key="sk", base_url=stand_in.url("portkey")) as client:
        stream = chat(client).create(**ASKED, stream=True)
        assert isinstance(stream, openai.Stream)
        assert stream.response.headers["x-portkey-cache-status"] == "DISABLED"
        stream.close()
    assert found(observed)["fastagentic.stream.end"] == "closed"


@pytest.mark.parametrize("end", ["closed", "abandoned", "error"])
async def test_an_async_stream_that_is_not_read_to_its_end(end: str, stand_in: StandIn, observed: Memory) -> None:
    segment = "break-3" if end == "error" else "ok"
    headers = {"x-portkey-provider": "openai"}
    async with AsyncOpenAI(api_key="sk", base_url=stand_in.url(segment), default_headers=headers) as client:
        stream = await chat(client).create(**ASKED, stream=True)
        await anext(stream)
        if end == "closed":
            await stream.close()
        elif end == "error":
            with pytest.raises(Exception):  # noqa: B017, PT011  # whatever httpx makes of a reset connection
                _ = [chunk async for chunk in stream]
        else:
            await stream.response.aclose()
        del stream
    attributes = found(observed)
    assert attributes["fastagentic.stream.end"] == end
    assert attributes["fastagentic.usage.estimated"] is True
    assert ("error.type" in attributes) == (end == "error")


def test_an_answer_that_parse_refuses_was_paid_for(observed: Memory) -> None:
    cut = {
        "id": "1", "object": "chat.completion", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "{"}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13},
    }  # fmt: skip

    def use(client: Any) -> Any:
        return chat(client).parse(**ASKED, response_format=Weather)

    with pytest.raises(openai.LengthFinishReasonError):
        with_client("sync", use, http_client=canned("sync", cut, LITELLM))
    attributes = found(observed)
    assert attributes["error.type"] == "LengthFinishReasonError"
    assert (tokens(attributes), attributes["gen_ai.usage.cost"]) == ((10, 3), 0.25)


def test_what_is_no_llm_call_leaves_nothing(observed: Memory) -> None:
    def use(client: Any) -> Any:
        client.files.list()
        return client.models.list()

    with_client("sync", use, http_client=canned("sync", {"object": "list", "data": []}, LITELLM))
    assert observed.spans == []


# Paths that the SDK posts to and that make no LLM call of their own, or none that the answer tells of.
NO_LLM_CALL = {
    "/assistants", "/batches", "/chatkit", "/containers", "/content_provenance_checks", "/conversations", "/evals", "/files",
    "/fine_tuning", "/organization", "/projects", "/skills", "/uploads", "/vector_stores",
    "/realtime", "/live",  # their calls are made over a socket
    "/agents", "/decisions", "/vaults", "/webhook_endpoints",  # of 3: kept by the server, or decided without a chat
    "/threads",  # runs of assistants: the server makes the calls, and has been told to stop
    "/videos",  # jobs that are fetched later
}  # fmt: skip
NO_LLM_CALL_PATHS = {
    "/chat/completions/{}",  # metadata of a stored one
    "/responses/input_tokens",  # counts, without a model
    "/responses/{}/cancel",
    "/audio/voices",
    "/audio/voice_consents",
    "/audio/voice_consents/{}",
}


def test_every_path_that_the_installed_sdk_posts_to_is_observed_or_a_deliberate_exception() -> None:
    posted = {path for file in Path(openai.__file__).parent.joinpath("resources").rglob("*.py") for path in posts_of(file)}
    assert {"/chat/completions", "/embeddings"} <= posted
    unknown = {path for path in posted - PATHS.keys() - NO_LLM_CALL_PATHS if "/" + path.split("/")[1] not in NO_LLM_CALL}
    assert unknown == set()


def posts_of(file: Path) -> Iterator[str]:
    """The paths given to `_post`, with {} for what is filled in."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_post":
            path = node.args[0]
            if isinstance(path, ast.Call):  # path_template("/a/{b}", b=...)
                path = path.args[0]
            text = "".join(
                part.value if isinstance(part, ast.Constant) else "{}"
                for part in (path.values if isinstance(path, ast.JoinedStr) else [path])
            )
            yield "/".join("{}" if step.startswith("{") else step for step in text.partition("?")[0].split("/"))


def test_a_door_on_the_sdk_awaits_where_the_sdk_does() -> None:
    from openai._base_client import AsyncAPIClient, SyncAPIClient

    fastagentic.instrument(destinations=[])
    for name in ("request", "_process_response"):
        assert asyncio.iscoroutinefunction(getattr(AsyncAPIClient, name))
        assert not asyncio.iscoroutinefunction(getattr(SyncAPIClient, name))
