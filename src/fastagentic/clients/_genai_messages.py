"""Anthropic's Messages API as the GenAI conventions' JSON: messages and answers are made of blocks. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._genai_json import answered, blob, media, plain, said, server_tool_call, text, tool_call, tool_result, word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Json = Mapping[str, Any]

REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
}
"""Why an answer ended -> the conventions' word."""


def input_messages(messages: Iterable[Any]) -> list[Json]:
    """The messages of a request. One that holds nothing but results of tools is a tool's."""
    found = []
    for message in map(plain, messages):
        parts = blocks(message.get("content"))
        is_result = bool(parts) and all(part["type"] == "tool_call_response" for part in parts)
        found.append(said("tool" if is_result else str(message.get("role") or "user"), *parts))
    return found


def output_messages(answer: Json) -> list[Json]:
    """The one message that an answer is."""
    return [answered(blocks(answer.get("content")), _reason(answer.get("stop_reason")))]


class StreamedMessage:
    """A message put together from its events."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        self._reason: str | None = None

    def add(self, event: Any) -> None:
        """An event: a block begins, a piece of it comes, or the message ends."""
        fields = plain(event)
        at, delta = fields.get("index"), plain(fields.get("delta"))
        if word(fields.get("type")) == "content_block_start" and isinstance(at, int):
            self._blocks[at] = dict(plain(fields.get("content_block")))
        elif (place := PIECES.get(word(delta.get("type")))) is not None and isinstance(at, int):
            source, field = place
            block = self._blocks.setdefault(at, {"type": "text"})
            came = block.get(field)
            block[field] = (came if isinstance(came, str) else "") + str(delta.get(source) or "")
        self._reason = delta.get("stop_reason") or self._reason

    def messages(self, finish_reason: str | None) -> list[Json]:
        """The message that the stream was, as far as it came."""
        content = [block for _, block in sorted(self._blocks.items())]
        return output_messages({"content": content, "stop_reason": self._reason}) if content else []


# Kind of a delta -> where the piece is in it, and the field of the block that it belongs to.
PIECES: Final = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "input_json_delta": ("partial_json", "input"),
}


def blocks(content: Any) -> list[Json]:
    """The parts of a content: a text, or a list of blocks."""
    if isinstance(content, str):
        return [text(content)]
    return [_part(plain(block)) for block in content or ()]


def _reason(reason: Any) -> str:
    return REASONS.get(word(reason), word(reason)) or "error"


def _part(block: Json) -> Json:
    kind = word(block.get("type"))
    reader = BLOCKS.get(kind)
    return reader(block) if reader is not None else {"type": kind or "unknown"}


def _text(block: Json) -> Json:
    return text(block.get("text"))


def _thought(block: Json) -> Json:
    return {"type": "reasoning", "content": str(block.get("thinking") or "")}


def _call(block: Json) -> Json:
    return tool_call(block.get("name"), block.get("input"), block.get("id"))


def _result(block: Json) -> Json:
    content = block.get("content")
    return tool_result(blocks(content) if isinstance(content, (list, tuple)) else content, block.get("tool_use_id"))


def _provider_call(block: Json) -> Json:
    return server_tool_call(block, str(block.get("name") or ""), {"input": block.get("input")})


def _held(modality: str) -> Callable[[Json], Json]:
    """A picture or a document: inline, at a URL, or a file of the provider's."""

    def read(block: Json) -> Json:
        source = plain(block.get("source"))
        match source.get("type"):
            case "url":
                return media(modality, source.get("url"))
            case "file":
                return {"type": "file", "modality": modality, "file_id": str(source.get("file_id") or "")}
            case "text":
                return text(source.get("data"))
            case _:
                return blob(modality, source.get("media_type"), source.get("data"))

    return read


BLOCKS: Final[Mapping[str, Callable[[Json], Json]]] = {
    "text": _text,
    "thinking": _thought,
    "tool_use": _call,
    "tool_result": _result,
    "server_tool_use": _provider_call,
    "image": _held("image"),
    "document": _held("file"),
}
