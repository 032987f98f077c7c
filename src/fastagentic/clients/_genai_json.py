"""OpenAI-shaped messages, answers and tools as the GenAI conventions' JSON. Pure; only called when content is captured.

The shapes are checked in tests against the conventions' own JSON schemas. Texts are not touched here: redaction and size are
`observe/content.py`'s business.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Json = Mapping[str, Any]

FINISH_REASONS: Final = {"tool_calls": "tool_call", "function_call": "tool_call"}
AUDIO_TYPES: Final = {"mp3": "audio/mpeg", "wav": "audio/wav"}


def input_messages(messages: Iterable[Any]) -> list[Json]:
    """The messages of a request: `[{"role": ..., "parts": [...]}]`."""
    return [_message(_plain(message)) for message in messages]


def output_messages(choices: Iterable[Any]) -> list[Json]:
    """The choices of an answer: messages with their finish reason."""
    return [_choice(_plain(choice)) for choice in choices]


def tool_definitions(tools: Iterable[Any]) -> list[Json]:
    """The tools that the model was offered."""
    found = []
    for tool in map(_plain, tools):
        function = tool.get("function")
        body = _plain(function) if function is not None else tool
        found.append({"type": tool.get("type") or "function", **{key: body[key] for key in TOOL_KEYS if key in body}})
    return [tool for tool in found if tool.get("name")]


TOOL_KEYS: Final = ("name", "description", "parameters")


class StreamedAnswer:
    """An answer put together from the deltas of its chunks."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, delta: Any) -> None:
        """A chunk's delta: text, or pieces of tool calls."""
        fields = _plain(delta)
        if fields.get("content"):
            self._texts.append(fields["content"])
        for number, piece in enumerate(fields.get("tool_calls") or ()):
            self._add_call(number, _plain(piece))

    def messages(self, finish_reason: str | None) -> list[Json]:
        """The one message that the stream was, as far as it came."""
        parts: list[Json] = [{"type": "text", "content": "".join(self._texts)}] if self._texts else []
        parts += [{**call, "arguments": _arguments(call["arguments"])} for _, call in sorted(self._calls.items())]
        return [{"role": "assistant", "parts": parts, "finish_reason": _reason(finish_reason)}]

    def _add_call(self, number: int, piece: Json) -> None:
        index = piece.get("index")
        at = index if isinstance(index, int) else number
        call = self._calls.setdefault(at, {"type": "tool_call", "id": None, "name": "", "arguments": ""})
        function = _plain(piece.get("function") or {})
        call["id"] = piece.get("id") or call["id"]
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""


def _choice(choice: Json) -> Json:
    message = _message(_plain(choice.get("message") or {}), role="assistant")
    return {**message, "finish_reason": _reason(choice.get("finish_reason"))}


def _reason(reason: str | None) -> str:
    """The conventions' word for it; a stream that broke off gave none, and the word for that is `error`."""
    return FINISH_REASONS.get(reason or "", reason or "error")


def _message(message: Json, role: str = "user") -> Json:
    spoken = message.get("role") or role
    if spoken == "tool":
        response = message.get("content")
        return {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": response}],
        }
    return {"role": spoken, "parts": list(_parts(message))}


def _parts(message: Json) -> Iterator[Json]:
    reasoning = message.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        yield {"type": "reasoning", "content": reasoning}
    content = message.get("content")
    if isinstance(content, str):
        yield {"type": "text", "content": content}
    elif content:
        yield from (_part(_plain(part)) for part in content)
    for call in message.get("tool_calls") or ():
        yield _tool_call(_plain(call))


def _part(part: Json) -> Json:
    reader = PARTS.get(str(part.get("type")))
    return reader(part) if reader is not None else {"type": str(part.get("type") or "unknown")}


def _text(part: Json) -> Json:
    return {"type": "text", "content": str(part.get("text") or "")}


def _image(part: Json) -> Json:
    url = str(_plain(part.get("image_url") or {}).get("url") or "")
    if not url.startswith("data:"):
        return {"type": "uri", "modality": "image", "uri": url}
    head, _, data = url.partition(",")
    return {"type": "blob", "modality": "image", "mime_type": head[5:].partition(";")[0] or None, "content": data}


def _audio(part: Json) -> Json:
    audio = _plain(part.get("input_audio") or {})
    mime_type = AUDIO_TYPES.get(str(audio.get("format")))
    return {"type": "blob", "modality": "audio", "mime_type": mime_type, "content": str(audio.get("data") or "")}


def _file(part: Json) -> Json:
    file = _plain(part.get("file") or {})
    if file.get("file_data"):
        return {"type": "blob", "modality": "file", "content": str(file["file_data"]).partition(",")[2] or file["file_data"]}
    return {"type": "file", "modality": "file", "file_id": str(file.get("file_id") or "")}


PARTS: Final = {"text": _text, "image_url": _image, "input_audio": _audio, "file": _file}


def _tool_call(call: Json) -> Json:
    function = _plain(call.get("function") or {})
    return {
        "type": "tool_call",
        "id": call.get("id"),
        "name": function.get("name") or "",
        "arguments": _arguments(function.get("arguments")),
    }


def _arguments(text: Any) -> Any:
    """Tool arguments as the object that they are; a model may write no JSON at all."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(value: Any) -> Mapping[str, Any]:
    """A message, choice or part as a dict, whether it came as one or as a client's model."""
    if isinstance(value, dict):
        return value
    if value is None:
        return {}
    dump = getattr(value, "model_dump", None)
    found: Mapping[str, Any] = dump(exclude_none=True) if dump is not None else vars(value)
    return found
