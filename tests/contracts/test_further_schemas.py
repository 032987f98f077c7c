"""What is captured of the APIs beside chat completions is what the conventions' JSON schemas allow, plain and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastagentic.clients._captured import CAPTURES, capture_chunk, capture_request, capture_response
from fastagentic.core.call import Content as Captured
from fastagentic.core.call import LLMCall
from fastagentic.core.names import Operation
from fastagentic.observe.content import Content

from .test_message_schemas import check

PIXEL = "iVBORw0KGgo="
DATA_URL = f"data:image/png;base64,{PIXEL}"
SCHEMA_OF = {
    "gen_ai.system_instructions": "system-instructions",
    "gen_ai.input.messages": "input-messages",
    "gen_ai.output.messages": "output-messages",
    "gen_ai.tool.definitions": "tool-definitions",
}


def told(
    shape: str, asked: dict[str, Any] | None = None, answer: Any = None, events: tuple[Any, ...] = (), reason: str | None = None
) -> dict[str, Any]:
    """What would be written on the span, checked against the schemas; no media left in it."""
    call = LLMCall("portkey", "portkey", Operation.CHAT, "openai", "m", shape=shape, content=Captured())
    call.finish_reasons = () if reason is None else (reason,)
    capture_request(call, asked or {})
    if answer is not None:
        capture_response(call, answer)
    for event in events:
        capture_chunk(call, event)
    attributes = Content().attributes(call)
    found = {name: json.loads(value) for name, value in attributes.items()}
    for name, value in found.items():
        check(SCHEMA_OF[name], value)
    assert PIXEL not in repr(attributes)
    return found


def kinds(message: dict[str, Any]) -> list[str]:
    return [part["type"] for part in message["parts"]]


# --- the Responses API ----------------------------------------------------------------------------

ITEMS = [
    {"role": "user", "content": "What is this?"},
    {
        "type": "message", "role": "user",
        "content": [
            {"type": "input_text", "text": "And this?"}, {"type": "input_image", "image_url": DATA_URL},
            {"type": "input_file", "file_id": "file-1"}, {"type": "input_file", "file_data": DATA_URL}, {"type": "new"},
        ],
    },
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}]},
    {"type": "function_call", "call_id": "call_1", "name": "lookup", "arguments": '{"city": "Gdansk"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "rain"},
    {"type": "function_call_output", "call_id": "call_2", "output": [{"type": "input_image", "image_url": DATA_URL}]},
    {"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": DATA_URL}},
    {"type": "item_reference", "id": "msg_1"},
]  # fmt: skip
OUTPUT = [
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "Look out."}]},
    {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "rain"}},
    {"type": "image_generation_call", "id": "ig_1", "result": PIXEL},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "It rains."}]},
    {"type": "function_call", "call_id": "call_1", "name": "lookup", "arguments": '{"city": "Gdansk"}'},
]
SAID = ["reasoning", "server_tool_call", "blob", "text", "tool_call"]


def test_a_response_is_asked_with_instructions_and_items() -> None:
    tool = {"type": "function", "name": "lookup", "parameters": {"type": "object"}}
    found = told("responses", {"instructions": "Be brief.", "input": ITEMS, "tools": [tool]})
    assert found["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    messages = found["gen_ai.input.messages"]
    assert [message["role"] for message in messages] == ["user", "user", *["assistant"] * 2, *["tool"] * 3, "assistant"]
    assert kinds(messages[1]) == ["text", "blob", "file", "blob", "new"]
    assert messages[3]["parts"][0]["arguments"] == {"city": "Gdansk"}
    assert messages[5]["parts"][0]["response"][0]["type"] == "blob"
    assert found["gen_ai.tool.definitions"][0]["name"] == "lookup"


def test_a_response_that_is_asked_with_a_text() -> None:
    assert told("responses", {"input": "Why?"})["gen_ai.input.messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "Why?"}]}
    ]


def test_the_items_of_a_response_are_one_message() -> None:
    (message,) = told("responses", answer={"output": OUTPUT, "status": "completed"})["gen_ai.output.messages"]
    assert kinds(message) == SAID
    assert message["finish_reason"] == "tool_call"
    assert message["parts"][1]["server_tool_call"]["action"]["query"] == "rain"


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        ({"status": "completed"}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "failed"}, "error"),
    ],
)
def test_a_response_says_why_it_ended(ended: dict[str, Any], reason: str) -> None:
    (message,) = told("responses", answer={"output": OUTPUT[:1], **ended})["gen_ai.output.messages"]
    assert message["finish_reason"] == reason


EVENTS = (
    {"type": "response.created", "response": {"output": [], "status": "in_progress"}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning"}},
    {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Look out."},
    {"type": "response.output_item.added", "output_index": 1, "item": {"type": "message", "role": "assistant", "content": []}},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "It "},
    {"type": "response.output_text.delta", "output_index": 1, "delta": "rains."},
    {"type": "response.output_item.added", "output_index": 2, "item": {**OUTPUT[4], "arguments": ""}},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '{"city": '},
    {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": '"Gdansk"}'},
)


def test_a_streamed_response_that_broke_off_is_told_as_far_as_it_came() -> None:
    (message,) = told("responses", events=EVENTS)["gen_ai.output.messages"]
    assert kinds(message) == ["reasoning", "text", "tool_call"]
    assert message["parts"][1]["content"] == "It rains."
    assert message["parts"][2]["arguments"] == {"city": "Gdansk"}
    assert message["finish_reason"] == "error"


def test_a_streamed_response_is_what_its_last_event_holds() -> None:
    whole = {"type": "response.completed", "response": {"output": OUTPUT, "status": "completed"}}
    assert told("responses", events=(*EVENTS, whole)) == told("responses", answer=whole["response"])


# --- Anthropic's messages -------------------------------------------------------------------------

BLOCKS = [
    {"type": "thinking", "thinking": "Look out.", "signature": "x"},
    {"type": "text", "text": "It rains."},
    {"type": "tool_use", "id": "toolu_1", "name": "lookup", "input": {"city": "Gdansk"}},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "rain"}},
    {"type": "redacted_thinking", "data": "abc"},
]
ANSWER = {"role": "assistant", "content": BLOCKS, "stop_reason": "tool_use"}


def test_a_message_is_asked_with_a_system_and_blocks() -> None:
    inline = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
    linked = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "rain"}, inline]}
    messages = [
        {"role": "user", "content": "What is this?"},
        {"role": "user", "content": [{"type": "text", "text": "And this?"}, inline, linked]},
        {"role": "assistant", "content": BLOCKS},
        {"role": "user", "content": [result]},
    ]
    tool = {"name": "lookup", "input_schema": {"type": "object"}}
    found = told("messages", {"system": [{"type": "text", "text": "Be brief."}], "messages": messages, "tools": [tool]})
    assert found["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    asked = found["gen_ai.input.messages"]
    assert [message["role"] for message in asked] == ["user", "user", "assistant", "tool"]
    assert kinds(asked[1]) == ["text", "blob", "uri"]
    assert [part["type"] for part in asked[3]["parts"][0]["response"]] == ["text", "blob"]
    assert found["gen_ai.tool.definitions"] == [{"type": "function", "name": "lookup", "parameters": {"type": "object"}}]


def test_the_blocks_of_a_message_are_its_parts() -> None:
    (message,) = told("messages", answer=ANSWER)["gen_ai.output.messages"]
    assert kinds(message) == ["reasoning", "text", "tool_call", "server_tool_call", "redacted_thinking"]
    assert message["finish_reason"] == "tool_call"


def test_a_streamed_message_is_the_message_that_it_was() -> None:
    def block(at: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
        begun = {"type": "content_block_start", "index": at, "content_block": start}
        return [begun, *({"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas)]

    def piece(kind: str, name: str, text: str) -> dict[str, Any]:
        return {"type": kind, name: text}

    thought = (piece("thinking_delta", "thinking", one) for one in ("Look ", "out."))
    words = (piece("text_delta", "text", one) for one in ("It ", "rains."))
    arguments = (piece("input_json_delta", "partial_json", one) for one in ('{"city"', ': "Gdansk"}'))
    events = [
        {"type": "message_start", "message": {"content": []}},
        *block(0, {"type": "thinking", "thinking": ""}, *thought),
        *block(1, {"type": "text", "text": ""}, *words),
        *block(2, {**BLOCKS[2], "input": {}}, *arguments),
        *block(3, BLOCKS[3]),
        *block(4, BLOCKS[4]),
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
    ]
    assert told("messages", events=tuple(events)) == told("messages", answer=ANSWER)
    (cut,) = told("messages", events=tuple(events[:6]))["gen_ai.output.messages"]
    assert (kinds(cut), cut["finish_reason"]) == (["reasoning", "text"], "error")


# --- Gemini ---------------------------------------------------------------------------------------


def test_gemini_is_asked_with_contents_and_answers_with_candidates() -> None:
    contents = [
        {"role": "user", "parts": [{"text": "And this?"}, {"inlineData": {"mimeType": "image/png", "data": PIXEL}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "lookup", "args": {"city": "Gdansk"}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "lookup", "response": {"weather": "rain"}}}]},
    ]
    parts = [{"text": "Look out.", "thought": True}, {"text": "It rains."}]
    answer = {"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]}
    tools = [{"functionDeclarations": [{"name": "lookup", "parameters": {"type": "object"}}]}]
    config = {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "tools": tools}
    found = told("google", {"contents": contents, "config": config}, answer)
    assert [kinds(message) for message in found["gen_ai.input.messages"]] == [
        ["text", "blob"], ["tool_call"], ["tool_call_response"],
    ]  # fmt: skip
    assert found["gen_ai.system_instructions"] == [{"type": "text", "content": "Be brief."}]
    assert found["gen_ai.tool.definitions"][0]["name"] == "lookup"
    pieces = [{**answer["candidates"][0], "content": {"role": "model", "parts": [part]}} for part in parts]
    streamed = told("google", events=tuple({"candidates": [piece]} for piece in pieces))
    assert streamed["gen_ai.output.messages"] == found["gen_ai.output.messages"]


# --- all the rest ---------------------------------------------------------------------------------


def user(*texts: str) -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"type": "text", "content": text} for text in texts]}]


@pytest.mark.parametrize(
    ("shape", "asked", "messages"),
    [
        ("completion", {"prompt": "Why?"}, user("Why?")),
        ("completion", {"prompt": ["Why?", "How?"]}, user("Why?", "How?")),
        ("embeddings", {"input": ["one", "two"]}, user("one", "two")),
        ("embeddings", {"input": [1, 2, 3]}, [{"role": "user", "parts": [{"type": "tokens", "count": 3}]}]),
        ("images", {"prompt": "a cat"}, user("a cat")),
        ("rerank", {"query": "cost", "documents": ["a", {"text": "b"}]}, user("cost", "a", "b")),
        ("speech", {"input": "Four cents."}, user("Four cents.")),
        ("transcription", {"prompt": "names: Ann", "file": b"sound"}, user("names: Ann")),
        ("moderation", {"input": "a text"}, user("a text")),
    ],
)
def test_what_was_asked_is_a_message(shape: str, asked: dict[str, Any], messages: Any) -> None:
    assert told(shape, asked) == {"gen_ai.input.messages": messages}


def test_the_variables_of_a_prompt_are_what_it_is_asked_with() -> None:
    (message,) = told("chat", {"variables": {"city": "Gdansk"}})["gen_ai.input.messages"]
    assert message["parts"] == [{"type": "prompt_variables", "variables": {"city": "Gdansk"}}]


def test_a_text_completion_is_a_message_plain_and_streamed() -> None:
    choice = {"text": "It rains.", "finish_reason": "stop"}
    chunks = ({"choices": [{"text": "It "}]}, {"choices": [{"text": "rains."}]})
    plain = told("completion", answer={"choices": [choice]})
    assert plain == told("completion", events=chunks, reason="stop")
    assert plain["gen_ai.output.messages"][0]["parts"] == [{"type": "text", "content": "It rains."}]


def test_a_transcription_is_a_message_plain_streamed_and_as_bare_text() -> None:
    events = ({"type": "transcript.text.delta", "delta": "It rains."}, {"type": "transcript.text.done", "text": "It rains."})
    plain = told("transcription", answer={"text": "It rains."})
    assert plain == told("transcription", answer="It rains.") == told("transcription", events=events)


def test_an_image_is_its_size_and_hash_plain_and_streamed() -> None:
    plain = told("images", answer={"data": [{"b64_json": PIXEL}]})
    done = {"type": "image_generation.completed", "b64_json": PIXEL}
    sketch = {"type": "image_generation.partial_image", "b64_json": PIXEL}
    assert plain == told("images", events=(sketch, done))
    (part,) = plain["gen_ai.output.messages"][0]["parts"]
    assert (part["type"], part["modality"], part["size"]) == ("blob", "image", 8)


@pytest.mark.parametrize("shape", CAPTURES)
def test_a_client_that_hands_over_something_else_says_nothing(shape: str) -> None:
    nothing = object()
    asked = dict.fromkeys(
        ("messages", "input", "prompt", "tools", "system", "instructions", "contents", "config", "query"), nothing
    )
    assert told(shape, asked, b"bytes") == {}
