"""The stand-in's further endpoints: each answers as its provider documents it, and states the usage that the log has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fastagentic.demo.endpoints import ENDPOINTS
from fastagentic.demo.provider import form_fields

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn

ASKED = "How long is the notice period? " * 200
BODY = {
    "model": "gpt-4o-mini", "messages": [{"role": "user", "content": ASKED}], "input": ASKED, "prompt": ASKED, "query": ASKED,
    "documents": ["ninety days", "a delay"], "stream_options": {"include_usage": True},
}  # fmt: skip

# Endpoint -> where in the answer what it is for stands.
MAIN: dict[str, Any] = {
    "chat/completions": lambda told: told["choices"][0]["message"]["content"],
    "completions": lambda told: told["choices"][0]["text"],
    "embeddings": lambda told: told["data"][0]["embedding"],
    "responses": lambda told: told["output"][0]["content"][0]["text"],
    "responses/compact": lambda told: told["output"][0]["content"][0]["text"],
    "messages": lambda told: told["content"][0]["text"],
    "images/generations": lambda told: told["data"][0]["b64_json"],
    "images/edits": lambda told: told["data"][0]["b64_json"],
    "images/variations": lambda told: told["data"][0]["b64_json"],
    "audio/transcriptions": lambda told: told["text"],
    "audio/translations": lambda told: told["text"],
    "rerank": lambda told: told["results"][1],
    "moderations": lambda told: told["results"],
}


def post(stand_in: StandIn, endpoint: str, segment: str = "ok", **more: Any) -> httpx.Response:
    return httpx.post(f"{stand_in.url(segment)}/{endpoint}", json={**BODY, **more}, trust_env=False)


@pytest.mark.parametrize("endpoint", MAIN)
def test_an_endpoint_answers_with_what_it_is_for_and_notes_the_usage_that_it_states(endpoint: str, stand_in: StandIn) -> None:
    told = post(stand_in, endpoint).json()
    assert MAIN[endpoint](told)
    assert stand_in.exchanges[0].usage == told.get("usage")
    assert ("usage" in told) == (endpoint not in ("rerank", "moderations"))


def test_every_endpoint_of_the_table_is_tested() -> None:
    assert {*MAIN, "audio/speech"} == set(ENDPOINTS)


def test_speech_is_sound(stand_in: StandIn) -> None:
    told = post(stand_in, "audio/speech")
    assert told.headers["content-type"] == "audio/mpeg"
    assert told.content.startswith(b"ID3")


@pytest.mark.parametrize("endpoint", [name for name, served in ENDPOINTS.items() if served.chunks is not None])
def test_a_stream_holds_the_text_and_the_usage_of_the_whole_answer(endpoint: str, stand_in: StandIn) -> None:
    whole = post(stand_in, endpoint)
    text = post(stand_in, endpoint, stream=True).text
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert "".join(map(piece_of, events)) == stand_in.exchanges[0].text
    assert whole.json()["usage"] == stand_in.exchanges[1].usage
    assert (stand_in.exchanges[1].chunks_sent, text.endswith("data: [DONE]\n\n")) == (
        len(events),
        not ENDPOINTS[endpoint].names_events,
    )


def piece_of(event: dict[str, Any]) -> str:
    """The piece of text in an event, however its API wraps it."""
    delta = event.get("delta")
    if isinstance(delta, str):
        return delta
    (choice,) = event.get("choices") or ({},)
    return (delta or {}).get("text") or choice.get("text") or (choice.get("delta") or {}).get("content") or ""


def test_what_messages_read_and_write_in_the_cache_is_beside_their_input(stand_in: StandIn) -> None:
    usage = post(stand_in, "messages").json()["usage"]
    (asked,) = stand_in.exchanges
    parts = usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    assert all(parts)
    assert sum(parts) == asked.answer_usage["prompt_tokens"]


@pytest.mark.parametrize("endpoint", ["embeddings", "responses", "messages", "images/generations", "audio/transcriptions"])
def test_silent_states_no_usage_anywhere(endpoint: str, stand_in: StandIn) -> None:
    assert "usage" not in post(stand_in, endpoint, "silent").json()


def test_a_form_is_read_by_its_fields_and_a_file_by_its_size() -> None:
    request = httpx.Request("POST", "http://any/", data={"model": "whisper-1"}, files={"file": ("said.wav", b"abc")})
    fields = form_fields(request.headers["content-type"], request.read())
    assert fields == {"model": "whisper-1", "file": 3}


def test_a_prompt_kept_by_the_gateway_is_a_chat_completion(stand_in: StandIn) -> None:
    assert post(stand_in, "prompts/pp-1/completions").json()["object"] == "chat.completion"
