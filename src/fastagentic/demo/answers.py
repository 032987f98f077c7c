"""What the stand-in answers: text, token counts and the JSON shapes of chat completions.

An answer is decided by the request alone, so that asking twice costs the same twice and a test can add up. The shapes of
the other endpoints are in `further_answers.py`, the table of all in `endpoints.py`.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .seeded import prose, seeded

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

CREATED: Final = 1_795_000_000
"""Every answer's `created`, seconds since the epoch: fixed, as everything else about an answer is."""


@dataclass(slots=True, frozen=True)
class Answer:
    """What a model said, and the tokens it says it took.

    `prompt_tokens` includes `cached_tokens`, `completion_tokens` includes `reasoning_tokens`.
    """

    id: str
    model: str
    text: str
    pieces: tuple[str, ...]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int

    @property
    def usage(self) -> Json:
        """The answer's usage as OpenAI spells it."""
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "total_tokens": self.prompt_tokens + self.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": self.reasoning_tokens, "audio_tokens": 0},
        }


def compose(body: Mapping[str, Any], number: int) -> Answer:
    """The answer to a request; `number` tells apart the ids of equal requests."""
    texts = asked_texts(body)
    model = str(body.get("model", "gpt-4o-mini"))
    dice = seeded(model, *texts)
    text = prose(dice, dice.randint(120, 900))
    prompt_tokens = math.ceil(sum(map(len, texts)) / 4.3) + 4 * len(texts) + 3
    reasoning = 64 * dice.randint(1, 5) if dice.random() < 0.15 else 0
    return Answer(
        id=f"chatcmpl-{dice.getrandbits(48):012x}-{number}",
        model=model,
        text=text,
        pieces=_pieces(text),
        prompt_tokens=prompt_tokens,
        cached_tokens=_cached(prompt_tokens, dice.random()),
        completion_tokens=math.ceil(len(text) / 4.6) + reasoning,
        reasoning_tokens=reasoning,
    )


ASKED: Final = ("messages", "system", "instructions", "input", "prompt", "query", "documents")
"""Where the endpoints keep what is asked: a text, texts, or messages."""


def asked_texts(body: Mapping[str, Any]) -> list[str]:
    """The texts of a request, in order."""
    found: list[str] = []
    for name in ASKED:
        asked = body.get(name) or ()
        items = (asked,) if isinstance(asked, (str, dict)) else asked
        found.extend(text_of(item) if isinstance(item, dict) else str(item) for item in items)
    return found


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a chat message, whose content is a string or a list of parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text", "")) for part in content)


def _cached(prompt_tokens: int, luck: float) -> int:
    """Tokens read from the provider's prompt cache: whole blocks of 128, of prompts from 1024 tokens on."""
    if prompt_tokens < 1024 or luck < 0.4:
        return 0
    return 128 * int(prompt_tokens * luck / 128)


def _pieces(text: str) -> tuple[str, ...]:
    """The text cut as it is streamed: four words a chunk."""
    words = text.split(" ")
    groups = [" ".join(words[at : at + 4]) for at in range(0, len(words), 4)]
    return tuple(piece + " " * (at < len(groups) - 1) for at, piece in enumerate(groups))


def chat_whole(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> Json:
    """A chat completion in one piece."""
    message = {"role": "assistant", "content": answer.text, "refusal": None}
    whole: Json = {
        "id": answer.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
    }
    whole |= tier(body)
    return {**whole, "usage": answer.usage} if states_usage else whole


def tier(body: Mapping[str, Any]) -> Json:
    """The service tier that served a request: the one that was asked for."""
    return {"service_tier": body["service_tier"]} if body.get("service_tier") else {}


def chat_chunks(answer: Answer, body: Mapping[str, Any], *, states_usage: bool) -> list[Json]:
    """The same completion as chunks: role, text, finish reason, and usage where the request asked for it."""
    base = {"id": answer.id, "object": "chat.completion.chunk", "created": CREATED, "model": answer.model, **tier(body)}
    deltas: list[Json] = [
        {"role": "assistant", "content": ""},
        *({"content": piece} for piece in answer.pieces),
        {},
    ]
    last = len(deltas) - 1
    chunks: list[Json] = [
        {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": "stop" if at == last else None}]}
        for at, delta in enumerate(deltas)
    ]
    if states_usage and asks_for_usage(body):
        chunks.append({**base, "choices": [], "usage": answer.usage})
    return chunks


def asks_for_usage(body: Mapping[str, Any]) -> bool:
    """Whether a streamed request asked for a last chunk with its usage."""
    return bool((body.get("stream_options") or {}).get("include_usage"))


def error_body(status: int, why: str) -> Json:
    """An error as OpenAI words it."""
    return {"error": {"message": why, "type": "stand_in_error", "param": None, "code": str(status)}}


def encode(value: object) -> bytes:
    """JSON bytes."""
    return json.dumps(value, separators=(",", ":")).encode()
