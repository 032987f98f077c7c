"""What is captured is what the conventions' own JSON schemas allow, whatever shape it was asked in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.clients import _genai_json as genai

DATA = Path(__file__).parent / "data"
SCHEMAS = {
    name: json.loads((DATA / f"gen-ai-{name}.json").read_text())
    for name in ("system-instructions", "input-messages", "output-messages", "tool-definitions")
}

PIXEL = "iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
LINKED = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
FILE = {"type": "file", "file": {"file_id": "file-1"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "lookup", "arguments": '{"city": "Gdansk"}'}}

MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is this?"},
    {"role": "user", "content": [{"type": "text", "text": "And this?"}, IMAGE, LINKED, AUDIO, FILE, {"type": "new-kind"}]},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "rain"}, IMAGE]},
    {"role": "assistant", "content": "It rains.", "reasoning_content": "The tool says so."},
    {"role": "assistant", "content": None, "refusal": "No.", "audio": {"data": "aGk=", "transcript": "No."}},
    {"role": "developer"},
]


def check(name: str, found: Any) -> None:
    jsonschema.validate(found, SCHEMAS[name])


def test_every_shape_of_a_request_message_is_allowed() -> None:
    check("input-messages", genai.input_messages(MESSAGES))


def test_a_request_is_told_part_by_part() -> None:
    found = genai.input_messages(MESSAGES)
    assert found[1] == {"role": "user", "parts": [{"type": "text", "content": "What is this?"}]}
    assert [part["type"] for part in found[2]["parts"]] == ["text", "blob", "uri", "blob", "file", "new-kind"]
    assert found[2]["parts"][1]["mime_type"] == "image/png"
    assert found[3]["parts"] == [{"type": "tool_call", "id": "call_1", "name": "lookup", "arguments": {"city": "Gdansk"}}]
    assert found[4] == {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": "rain"}]}
    assert [part["type"] for part in found[5]["parts"][0]["response"]] == ["text", "blob"]
    assert [part["type"] for part in found[6]["parts"]] == ["reasoning", "text"]
    assert [part["type"] for part in found[7]["parts"]] == ["refusal", "blob", "text"]


@pytest.mark.parametrize(
    ("reason", "told"), [("stop", "stop"), ("tool_calls", "tool_call"), ("length", "length"), (None, "error")]
)
def test_an_answer_says_why_it_ended(reason: str | None, told: str) -> None:
    found = genai.output_messages([{"finish_reason": reason, "message": {"role": "assistant", "content": "Rain."}}])
    check("output-messages", found)
    assert found[0]["finish_reason"] == told


def test_tools_are_told_by_name_and_schema() -> None:
    function = {"name": "lookup", "description": "Weather", "parameters": {"type": "object", "properties": {}}}
    flat = {"type": "function", **function}
    anthropic = {"name": "lookup", "description": "Weather", "input_schema": function["parameters"]}
    for tool in ({"type": "function", "function": function}, flat, anthropic):
        found = genai.tool_definitions([tool, {"type": "web_search"}])
        check("tool-definitions", found)
        assert found == [{"type": "function", **function}]


def test_a_streamed_answer_is_the_message_that_it_was() -> None:
    answer = genai.StreamedAnswer()
    for delta in (
        {"role": "assistant", "reasoning_content": "Look "},
        {"reasoning_content": "out."},
        {"content": "It "},
        {"content": "rains."},
        {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "look", "arguments": '{"city"'}}]},
        {"tool_calls": [{"index": 0, "function": {"name": "up", "arguments": ': "Gdansk"}'}}]},
        {"tool_calls": [{"index": 1, "id": "call_2", "function": {"name": "stop", "arguments": "no json"}}]},
    ):
        answer.add(delta)
    found = answer.messages("tool_calls")
    check("output-messages", found)
    assert found[0]["parts"] == [
        {"type": "reasoning", "content": "Look out."},
        {"type": "text", "content": "It rains."},
        {"type": "tool_call", "id": "call_1", "name": "lookup", "arguments": {"city": "Gdansk"}},
        {"type": "tool_call", "id": "call_2", "name": "stop", "arguments": "no json"},
    ]


def test_the_choices_of_a_stream_are_told_apart() -> None:
    stream = genai.StreamedChat()
    for index, piece, reason in ((0, "It ", None), (1, "No ", None), (0, "rains.", "stop"), (1, "idea.", "length")):
        stream.add({"choices": [{"index": index, "delta": {"content": piece}, "finish_reason": reason}]})
    found = stream.messages("stop")
    check("output-messages", found)
    assert [(one["parts"][0]["content"], one["finish_reason"]) for one in found] == [
        ("It rains.", "stop"),
        ("No idea.", "length"),
    ]


@given(st.text(), st.integers(1, 7))
def test_any_chunking_of_a_text_is_told_as_the_text(text: str, size: int) -> None:
    answer = genai.StreamedAnswer()
    for at in range(0, len(text), size):
        answer.add({"content": text[at : at + size]})
    parts = answer.messages("stop")[0]["parts"]
    assert parts == ([{"type": "text", "content": text}] if text else [])
