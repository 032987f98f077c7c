"""Content on request: prompt, answer and tools are on the span as the conventions' JSON, through every door; else nowhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from tests.clients.doors import DOORS, MESSAGES, MODEL, Door
from tests.contracts.test_message_schemas import check

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

CONTENT = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions")
TOOL = {"type": "function", "function": {"name": "lookup", "description": "Weather", "parameters": {"type": "object"}}}


def capture(memory: Memory, **more: Any) -> None:
    fastagentic.instrument(
        destinations=[], capture_content=True, tracer_provider=memory.tracer_provider, **more
    )  # fmt: skip


def content(memory: Memory) -> dict[str, Any]:
    found = {name: json.loads(str(value)) for name, value in (memory.span.attributes or {}).items() if name in CONTENT}
    for name, schema in zip(CONTENT, ("input-messages", "output-messages", "tool-definitions"), strict=True):
        check(schema, found.get(name, []))
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
