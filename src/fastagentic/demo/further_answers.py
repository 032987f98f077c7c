"""The JSON shapes of the stand-in's answers beside chat completions: each as its provider documents it.

What is charged beside tokens is decided by the request, as with the providers: tools that search, a cache for an hour, a model
that charges by the image or the second. Usage is spelled as each API spells it, from the counts of one `Answer`: a test knows
what was stated and adds up.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from .answers import CREATED, asked_texts, asks_for_usage, tier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .answers import Answer, Json

DIMENSIONS: Final = 8
PIXEL: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SOUND: Final = b"ID3" + bytes(509)
"""Where MP3 begins, and silence."""


def text_whole(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """A text completion in one piece."""
    choice = {"index": 0, "text": answer.text, "finish_reason": "stop", "logprobs": None}
    whole = {**_text_head(answer), "choices": [choice]}
    return {**whole, "usage": answer.usage} if states_usage else whole


def text_chunks(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> list[Json]:
    """The same in chunks, the usage where the request asked for it."""
    texts = (*answer.pieces, "")
    chunks: list[Json] = [
        {**_text_head(answer), "choices": [{"index": 0, "text": text, "finish_reason": None, "logprobs": None}]}
        for text in texts
    ]
    chunks[-1]["choices"][0]["finish_reason"] = "stop"
    if states_usage and asks_for_usage(body):
        chunks.append({**_text_head(answer), "choices": [], "usage": answer.usage})
    return chunks


def _text_head(answer: Answer) -> Json:
    return {"id": answer.id, "object": "text_completion", "created": CREATED, "model": answer.model}


def embeddings(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """A short vector for each input."""
    inputs = asked_texts({"input": body.get("input")}) or [""]
    data = [
        {"object": "embedding", "index": at, "embedding": [(len(text) % 7 + axis) / 10 for axis in range(DIMENSIONS)]}
        for at, text in enumerate(inputs)
    ]
    whole = {"object": "list", "data": data, "model": answer.model}
    usage = {"prompt_tokens": answer.prompt_tokens, "total_tokens": answer.prompt_tokens}
    return {**whole, "usage": usage} if states_usage else whole


def response_whole(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """An answer of the Responses API, done."""
    part = {"type": "output_text", "text": answer.text, "annotations": []}
    item = {**_item(answer), "status": "completed", "content": [part]}
    whole = {**_response_head(answer), "status": "completed", "output": [*_searches(answer, body), item], **tier(body)}
    return {**whole, "usage": _response_usage(answer)} if states_usage else whole


def compaction(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """What is left of a conversation that the Responses API was asked to shorten."""
    return {**response_whole(answer, body, states_usage=states_usage), "object": "response.compaction"}


def response_events(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> list[Json]:
    """The events that build it up."""
    whole = response_whole(answer, body, states_usage=states_usage)
    *_, item = whole["output"]
    (part,) = item["content"]
    at = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    begun = {**_response_head(answer), "status": "in_progress", "output": []}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", "output_index": 0, "item": {**_item(answer), "status": "in_progress"}},
        {"type": "response.content_part.added", **at, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **at, "delta": piece, "logprobs": []} for piece in answer.pieces),
        {"type": "response.output_text.done", **at, "text": answer.text, "logprobs": []},
        {"type": "response.content_part.done", **at, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": whole},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _searches(answer: Answer, body: Mapping[str, Any]) -> list[Json]:
    """Where the model may search the web: two searches, and a page that is opened, which costs nothing."""
    if not any(tool.get("type") == "web_search" for tool in body.get("tools") or ()):
        return []
    actions: list[Json] = [
        {"type": "search", "query": "delays"},
        {"type": "search", "query": "costs"},
        {"type": "open_page", "url": "https://example.com/"},
    ]
    return [
        {"type": "web_search_call", "id": f"ws_{at}_{answer.id}", "status": "completed", "action": action}
        for at, action in enumerate(actions)
    ]


def _response_head(answer: Answer) -> Json:
    return {
        "id": f"resp_{answer.id}", "object": "response", "created_at": CREATED, "model": answer.model, "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "parallel_tool_calls": True, "temperature": 1.0,
        "tool_choice": "auto", "tools": [], "top_p": 1.0,
    }  # fmt: skip


def _item(answer: Answer) -> Json:
    return {"type": "message", "id": f"msg_{answer.id}", "role": "assistant", "content": []}


def _response_usage(answer: Answer) -> Json:
    return {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens},
        "output_tokens": answer.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": answer.reasoning_tokens},
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }


def message_whole(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """An answer of Anthropic's Messages API."""
    whole = {**_message_head(answer), "content": [{"type": "text", "text": answer.text}], "stop_reason": "end_turn"}
    return {**whole, "usage": _message_usage(answer, body)} if states_usage else whole


def message_events(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> list[Json]:
    """The events that build it up: what went in is told at the head, what came out at the end, as Anthropic does."""
    head, tail = _message_head(answer), {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}}
    usage = _message_usage(answer, body)
    return [
        {"type": "message_start", "message": {**head, "usage": {**usage, "output_tokens": 1}} if states_usage else head},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *(
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
            for piece in answer.pieces
        ),
        {"type": "content_block_stop", "index": 0},
        {**tail, "usage": usage} if states_usage else tail,
        {"type": "message_stop"},
    ]


def _message_head(answer: Answer) -> Json:
    return {
        "id": f"msg_{answer.id}", "type": "message", "role": "assistant", "model": answer.model, "content": [],
        "stop_reason": None, "stop_sequence": None,
    }  # fmt: skip


def _message_usage(answer: Answer, body: Mapping[str, Any]) -> Json:
    """Anthropic counts what was read from its cache, and written to it, beside the input. A quarter of the rest was written,
    for an hour where the request asks for that anywhere, and where it may search the web, it did so twice.
    """
    written = (answer.prompt_tokens - answer.cached_tokens) // 4
    hour = written if '"ttl": "1h"' in json.dumps(body) else 0
    usage: Json = {
        "input_tokens": answer.prompt_tokens - answer.cached_tokens - written,
        "cache_read_input_tokens": answer.cached_tokens,
        "cache_creation_input_tokens": written,
        "cache_creation": {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour},
        "output_tokens": answer.completion_tokens,
        "service_tier": "standard",
    }
    if any(str(tool.get("type")).startswith("web_search") for tool in body.get("tools") or ()):
        usage["server_tool_use"] = {"web_search_requests": 2}
    return usage


def images(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """Pictures of one pixel, with the usage of the GPT image models: a third of the input of an edit is its image. The models
    before them (DALL-E) charge by the image and state nothing.
    """
    whole: Json = {"created": CREATED, "data": [{"b64_json": PIXEL}] * int(body.get("n") or 1)}
    if answer.model.startswith("dall-e"):
        return whole
    seen = answer.prompt_tokens // 3 if "image" in body else 0
    usage = {
        "input_tokens": answer.prompt_tokens,
        "input_tokens_details": {"text_tokens": answer.prompt_tokens - seen, "image_tokens": seen},
        "output_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }
    return {**whole, "usage": usage} if states_usage else whole


def speech(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> bytes:
    """Silence: sound states no usage."""
    return SOUND


def transcription(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """What was said, with the usage of the GPT transcription models; Whisper's is the time it heard."""
    whole = {"text": answer.text}
    return {**whole, "usage": _transcription_usage(answer)} if states_usage else whole


def transcription_events(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> list[Json]:
    """The same as it is heard."""
    done = {"type": "transcript.text.done", **transcription(answer, body, states_usage=states_usage)}
    return [*({"type": "transcript.text.delta", "delta": piece} for piece in answer.pieces), done]


def _transcription_usage(answer: Answer) -> Json:
    if answer.model.startswith("whisper"):
        return {"type": "duration", "seconds": 12}
    heard = 3 * answer.prompt_tokens
    return {
        "type": "tokens",
        "input_tokens": answer.prompt_tokens + heard,
        "input_token_details": {"text_tokens": answer.prompt_tokens, "audio_tokens": heard},
        "output_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + heard + answer.completion_tokens,
    }


def rerank(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """The documents as they came, scored downwards; billed by the search, as Cohere does."""
    documents = body.get("documents") or ()
    results = [{"index": at, "relevance_score": 1 / (at + 1)} for at in range(len(documents))]
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}
    return {"id": answer.id, "results": results, "meta": meta}


def moderation(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """Nothing is ever flagged."""
    result = {"flagged": False, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}
    return {"id": answer.id, "model": answer.model, "results": [result]}
