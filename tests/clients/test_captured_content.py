"""Content on request: prompt, answer and tools are on the span as the conventions' JSON, through every door; else nowhere."""

from __future__ import annotations

import asyncio
import json
import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from tests.clients.doors import DOORS, MESSAGES, MODEL, Door
from tests.clients.every_door import recording
from tests.contracts.test_message_schemas import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

SCHEMA_OF = {
    "gen_ai.system_instructions": "system-instructions",
    "gen_ai.input.messages": "input-messages",
    "gen_ai.output.messages": "output-messages",
    "gen_ai.tool.definitions": "tool-definitions",
}
TOOL = {"type": "function", "function": {"name": "lookup", "description": "Weather", "parameters": {"type": "object"}}}


def capture(memory: Memory, **more: Any) -> None:
    fastagentic.instrument(
        destinations=[], capture_content=True, tracer_provider=memory.tracer_provider, **more
    )  # fmt: skip


def content(memory: Memory) -> dict[str, Any]:
    """What is on the only span, checked against the conventions' schemas."""
    found = {name: json.loads(str(value)) for name, value in (memory.span.attributes or {}).items() if name in SCHEMA_OF}
    for name, value in found.items():
        check(SCHEMA_OF[name], value)
    return found


@pytest.mark.parametrize("more", [{}, {"stream": True}], ids=["plain", "stream"])
@pytest.mark.parametrize("door", DOORS, ids=str)
def test_prompt_and_answer_are_captured_when_asked_for(
    door: Door, more: dict[str, Any], stand_in: StandIn, memory: Memory
) -> None:
    capture(memory)
    door.ask(stand_in.url(), **more)
    fastagentic.flush()
    found = content(memory)
    assert found["gen_ai.input.messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "What did the run cost?"}]}
    ]
    answer = stand_in.exchanges[0].text
    assert found["gen_ai.output.messages"] == [
        {"role": "assistant", "parts": [{"type": "text", "content": answer}], "finish_reason": "stop"}
    ]


ASKED = "Ann asks what it cost"


def portkey(url: str, provider: str = "openai") -> Any:
    from portkey_ai import Portkey

    return Portkey(api_key="pk-test", base_url=url, provider=provider, calculate_audio_duration=False)


def openai(url: str) -> Any:
    from openai import OpenAI

    return OpenAI(api_key="sk-test", base_url=url, max_retries=0, default_headers={"x-portkey-provider": "openai"})


def by_litellm(name: str, **arguments: Any) -> Callable[[str], Any]:
    def ask(url: str) -> Any:
        base = url.removesuffix("/v1") if name in {"rerank", "anthropic_messages"} else url
        given = {"api_base": base, "api_key": "sk-test", **arguments}
        answer = getattr(litellm, name)(**given)
        return asyncio.run(settled(answer)) if asyncio.iscoroutine(answer) else answer

    return ask


async def settled(answer: Any) -> Any:
    answer = await answer
    return [chunk async for chunk in answer] if hasattr(answer, "__anext__") else answer


def by_sdk(path: str, make: Callable[[str], Any] = portkey, **arguments: Any) -> Callable[[str], Any]:
    return lambda url: attrgetter(path)(make(url))(**arguments)


SAY = [{"role": "user", "content": ASKED}]
EACH = {
    "responses": {"model": MODEL, "input": ASKED, "instructions": "Be brief."},
    "messages": {"model": "claude-sonnet-4-5", "messages": SAY, "system": "Be brief.", "max_tokens": 9},
    "completion": {"model": "gpt-3.5-turbo-instruct", "prompt": ASKED},
}
INSTRUCTED = ("responses", "messages")

# Shape, how it is asked, and whether its answer is text.
ASKING = [
    *(
        (f"{name}{' stream' if more else ''}", by_sdk(path, make, **EACH[shape], **more), True)
        for shape, path, make, name in (
            ("responses", "responses.create", portkey, "portkey responses"),
            ("responses", "responses.create", openai, "openai responses"),
            ("completion", "completions.create", portkey, "portkey text completion"),
            ("completion", "completions.create", openai, "openai text completion"),
        )
        for more in ({}, {"stream": True})
    ),
    *(
        (f"litellm {name}{' stream' if more else ''}", by_litellm(name, **{**EACH[shape], "model": model}, **more), True)
        for shape, name, model in (
            ("completion", "text_completion", "gpt-3.5-turbo-instruct"),
            ("messages", "anthropic_messages", "anthropic/claude-sonnet-4-5"),
            ("responses", "responses", MODEL),
        )
        for more in ({}, {"stream": True})
    ),
    ("portkey messages", lambda url: portkey(url, "anthropic").post(url="/messages", **EACH["messages"]), True),
    ("portkey prompts", by_sdk("prompts.completions.create", prompt_id="pp-1", variables={"asked": ASKED}), True),
    ("portkey embeddings", by_sdk("embeddings.create", model="text-embedding-3-small", input=[ASKED]), False),
    ("openai images", by_sdk("images.generate", openai, model="gpt-image-1", prompt=ASKED), False),
    ("portkey rerank", by_sdk("post", url="/rerank", model="rerank-v3.5", query=ASKED, documents=["a"]), False),
    ("portkey speech", by_sdk("audio.speech.create", model="tts-1", voice="alloy", input=ASKED), False),
    ("openai moderation", by_sdk("moderations.create", openai, model="omni-moderation-latest", input=ASKED), False),
    ("litellm embeddings", by_litellm("embedding", model="text-embedding-3-small", input=[ASKED]), False),
    ("litellm images", by_litellm("image_generation", model="gpt-image-1", prompt=ASKED), False),
    ("litellm rerank", by_litellm("rerank", model="cohere/rerank-v3.5", query=ASKED, documents=["a"]), False),
    ("litellm speech", by_litellm("speech", model="tts-1", voice="alloy", input=ASKED), False),
]


@pytest.mark.parametrize(("name", "ask", "is_text"), ASKING, ids=[row[0] for row in ASKING])
def test_every_shape_is_captured_when_asked_for(
    name: str, ask: Callable[[str], Any], is_text: bool, stand_in: StandIn, memory: Memory
) -> None:
    needs = {"litellm responses": "mcp", "litellm anthropic_messages stream": "redis"}
    pytest.importorskip(next((package for start, package in needs.items() if name.startswith(start)), "json"))
    capture(memory)
    answer = ask(stand_in.url())
    if hasattr(answer, "__next__"):
        list(answer)
    fastagentic.flush()
    found = content(memory)
    assert ASKED in json.dumps(found["gen_ai.input.messages"])
    if any(word in name for word in INSTRUCTED):
        assert found["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    if is_text:
        (message,) = found["gen_ai.output.messages"]
        assert message["parts"] == [{"type": "text", "content": stand_in.exchanges[0].text}]
        assert message["finish_reason"] == "stop"


@pytest.mark.parametrize("more", [{}, {"stream": True}], ids=["plain", "stream"])
def test_what_was_heard_is_captured(more: dict[str, Any], stand_in: StandIn, memory: Memory) -> None:
    capture(memory)
    answer = openai(stand_in.url()).audio.transcriptions.create(
        model="gpt-4o-transcribe", file=recording(), prompt=ASKED, **more
    )  # fmt: skip
    if more:
        list(answer)
    found = content(memory)
    assert found["gen_ai.input.messages"][0]["parts"][0]["content"] == ASKED
    assert found["gen_ai.output.messages"][0]["parts"][0]["content"] == stand_in.exchanges[0].text


def test_an_answer_that_is_read_from_the_wire_is_captured(stand_in: StandIn, memory: Memory) -> None:
    capture(memory)
    with openai(stand_in.url()).chat.completions.with_streaming_response.create(model=MODEL, messages=SAY) as response:
        response.read()
    assert content(memory)["gen_ai.output.messages"][0]["parts"][0]["content"] == stand_in.exchanges[0].text


@pytest.mark.parametrize("is_on", [True, False], ids=["capture", "no capture"])
@pytest.mark.parametrize("door", DOORS, ids=str)
def test_the_text_of_an_exception_is_content(door: Door, is_on: bool, stand_in: StandIn, memory: Memory) -> None:
    def redact(text: str) -> str:
        return text.replace("400", "<n>")

    fastagentic.instrument(
        destinations=[], capture_content=is_on, redact=redact, tracer_provider=memory.tracer_provider
    )  # fmt: skip
    with pytest.raises(Exception, match="the stand-in was asked to answer 400 here"):
        door.ask(stand_in.url("fail-400"))
    described = memory.span.status.description or ""
    assert ("the stand-in was asked to answer <n> here" in described) is is_on
    assert "400" not in described
    assert is_on or not described


def test_tools_and_tool_calls_are_captured(memory: Memory) -> None:
    capture(memory)
    call = {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": '{"city": "Gdansk"}'}}
    litellm.completion(model=MODEL, messages=MESSAGES, mock_tool_calls=[call], mock_response="")
    (message,) = content(memory)["gen_ai.output.messages"]
    assert {"type": "tool_call", "id": "call_1", "name": "lookup", "arguments": {"city": "Gdansk"}} in message["parts"]


def test_a_stream_that_was_closed_early_holds_what_came(memory: Memory) -> None:
    capture(memory)
    stream = litellm.completion(model=MODEL, messages=MESSAGES, mock_response="one two three four", stream=True)
    first = next(stream).choices[0].delta.content
    stream.close()
    (message,) = content(memory)["gen_ai.output.messages"]
    assert message["parts"] == [{"type": "text", "content": first}]


def test_what_is_redacted_is_nowhere(memory: Memory) -> None:
    capture(memory, redact=lambda text: re.sub("four", "****", text))
    litellm.completion(model=MODEL, messages=[{"role": "user", "content": "four?"}], mock_response="four cents")
    assert "four" not in repr(content(memory))


@pytest.mark.swallows_failures
def test_a_redaction_that_fails_keeps_the_content_out_and_the_call_whole(memory: Memory) -> None:
    def broken(_: str) -> str:
        raise ValueError

    capture(memory, redact=broken)
    answer = litellm.completion(model=MODEL, messages=MESSAGES, mock_response="four cents")
    assert answer.choices[0].message.content == "four cents"
    assert content(memory) == {}
    assert (memory.span.attributes or {})["gen_ai.usage.cost"] > 0


@pytest.mark.parametrize(
    ("variable", "value", "is_captured"),
    [
        ("FASTAGENTIC_CAPTURE_CONTENT", "true", True),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY", True),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "EVENT_ONLY", False),
        ("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "NO_CONTENT", False),
    ],
)
def test_the_environment_can_ask_for_it(
    variable: str, value: str, is_captured: bool, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    litellm.completion(model=MODEL, messages=MESSAGES, mock_response="four cents")
    assert bool(content(memory)) is is_captured
