"""Captured content: redacted before anything else, cut with a mark, media as type, size and hash."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from fastagentic.core.call import Content as Captured
from fastagentic.core.call import LLMCall
from fastagentic.core.names import Operation
from fastagentic.observe.content import Content, _Cleaning, without_media


def call(**content: Any) -> LLMCall:
    return LLMCall("portkey", "portkey", Operation.CHAT, "openai", "gpt-4o", content=Captured(**content))


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "parts": [{"type": "text", "content": text}]}]


def mask_emails(text: str) -> str:
    return re.sub(r"\S+@\S+", "<email>", text)


def test_half_a_surrogate_pair_costs_a_character_and_not_the_prompt() -> None:
    assert _Cleaning(None, 100, 100).text("four \ud83d cents") == "four ? cents"


def test_without_captured_content_there_is_none() -> None:
    bare = LLMCall("portkey", "portkey", Operation.CHAT, "openai", "gpt-4o")
    assert Content().attributes(bare) == {}
    assert Content().attributes(call()) == {}


def test_content_is_json_by_the_conventions_names() -> None:
    found = Content().attributes(
        call(input_messages=said("hi"), output_messages=said("hello"), tool_definitions=[{"name": "t"}])
    )
    assert list(found) == ["gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.definitions"]
    assert json.loads(found["gen_ai.input.messages"]) == said("hi")


def test_every_text_is_redacted_tool_arguments_and_results_too() -> None:
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": "I am ann@example.com"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "mail", "arguments": {"to": ["bob@example.com"]}}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": {"from": "carl@example.com"}}]},
    ]
    found = Content(mask_emails).attributes(call(input_messages=messages))["gen_ai.input.messages"]
    assert "@example.com" not in found
    assert found.count("<email>") == 3


def test_a_long_text_is_cut_and_the_cut_is_marked() -> None:
    found = Content(max_characters=10).attributes(call(input_messages=said("0123456789abcdef")))
    (message,) = json.loads(found["gen_ai.input.messages"])
    assert message["parts"][0]["content"] == "0123456789[cut: 6 more characters]"


def test_what_is_redacted_is_redacted_before_the_cut() -> None:
    found = Content(mask_emails, max_characters=12).attributes(call(input_messages=said("I am ann@example.com")))
    assert "ann@" not in found["gen_ai.input.messages"]


def test_media_is_type_size_and_hash() -> None:
    part = {"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGVsbG8="}
    found = Content().attributes(call(input_messages=[{"role": "user", "parts": [part]}]))
    (message,) = json.loads(found["gen_ai.input.messages"])
    assert message["parts"][0] == {
        "type": "blob",
        "modality": "image",
        "mime_type": "image/png",
        "content": "",
        "size": 5,
        "sha256": hashlib.sha256(b"hello").hexdigest(),
    }


def test_media_that_is_no_base64_is_kept_out_all_the_same() -> None:
    found = without_media({"type": "blob", "modality": "image", "content": "not base64!"})
    assert (found["content"], found["size"]) == ("", 11)


def test_media_in_a_text_is_type_size_and_hash_wherever_it_stands() -> None:
    result = {"screenshot": "data:image/png;base64,aGVsbG8="}
    part = {"type": "tool_call_response", "id": "1", "response": result}
    found = Content().attributes(call(input_messages=[{"role": "tool", "parts": [part]}]))["gen_ai.input.messages"]
    assert "aGVsbG8=" not in found
    assert f"[image/png: 5 bytes, sha256 {hashlib.sha256(b'hello').hexdigest()}]" in found


def test_texts_beyond_the_size_of_an_attribute_are_cut_and_their_parts_stay() -> None:
    messages = [*said("0123456789"), *said("abcdef"), *said("ghi")]
    found = json.loads(Content(max_total=12).attributes(call(input_messages=messages))["gen_ai.input.messages"])
    assert [message["parts"][0]["content"] for message in found] == [
        "0123456789",
        "ab[cut: 4 more characters]",
        "[cut: 3 more characters]",
    ]
    assert {message["role"] for message in found} == {"user"}
    assert {message["parts"][0]["type"] for message in found} == {"text"}


def test_what_a_tool_was_called_with_is_redacted_whatever_its_names_are() -> None:
    arguments = {"type": "ann@example.com", "role": "bob@example.com", "parts": [{"type": "carl@example.com"}]}
    part = {"type": "tool_call", "name": "mail", "arguments": arguments}
    found = Content(mask_emails).attributes(call(output_messages=[{"role": "assistant", "parts": [part]}]))
    assert "@example.com" not in found["gen_ai.output.messages"]


def test_the_text_of_an_exception_is_redacted_and_cut() -> None:
    content = Content(mask_emails, max_characters=20)
    assert content.error_text(call(error="ann@example.com is not a number")) == "<email> is not a num[cut: 3 more characters]"
    assert content.error_text(call()) is None


def test_instructions_beside_the_messages_have_an_attribute_of_their_own() -> None:
    found = Content(mask_emails).attributes(call(system_instructions=[{"type": "text", "content": "Be ann@example.com"}]))
    assert json.loads(found["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be <email>"}]
