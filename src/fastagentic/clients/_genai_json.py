"""Chats as the GenAI conventions' JSON, and the parts that all APIs' messages are made of. Pure; only called when content is
captured.

The shapes are checked in tests against the conventions' own JSON schemas. Texts are not touched here: redaction and size are
`observe/content.py`'s business.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from ._usage import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Json = Mapping[str, Any]

FINISH_REASONS: Final = {"tool_calls": "tool_call", "function_call": "tool_call"}
MIME_TYPES: Final = {"mp3": "audio/mpeg", "wav": "audio/wav"}


def text(content: Any) -> Json:
    """A part that is text."""
    return {"type": "text", "content": content if isinstance(content, str) else str(content or "")}


def said(role: str, *parts: Json) -> Json:
    """A message."""
    return {"role": role, "parts": list(parts)}


def answered(parts: Iterable[Json], reason: str) -> Json:
    """A message of an answer."""
    return {**said("assistant", *parts), "finish_reason": reason}


def media(modality: str, url: Any) -> Json:
    """A picture, a recording or a file behind a URL, which may hold it."""
    address = str(url or "")
    if not address.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": address}
    head, _, data = address.partition(",")
    return blob(modality, head[5:].partition(";")[0] or None, data)


def blob(modality: str, mime_type: str | None, data: Any) -> Json:
    """Media sent inline; `observe/content.py` leaves its type, size and hash."""
    return {"type": "blob", "modality": modality, "mime_type": mime_type, "content": str(data or "")}


def tool_call(name: Any, arguments: Any, id: Any = None) -> Json:  # noqa: A002  # the conventions' word
    """A tool that the model wants called; its arguments as the object that they are: a model may write no JSON at all."""
    found = {"type": "tool_call", "id": id if isinstance(id, str) else None, "name": str(name or "")}
    return {**found, "arguments": _arguments(arguments)}


def tool_result(response: Any, id: Any = None) -> Json:  # noqa: A002
    """What a tool came to."""
    return {"type": "tool_call_response", "id": id if isinstance(id, str) else None, "response": whole(response)}


def server_tool_call(item: Json, name: str, details: Json) -> Json:
    """A tool that the provider itself called, with what it was called with."""
    call = {"type": word(item.get("type")), **{key: whole(value) for key, value in details.items()}}
    return {"type": "server_tool_call", "id": item.get("id"), "name": name, "server_tool_call": call}


def input_messages(messages: Iterable[Any]) -> list[Json]:
    """The messages of a request: `[{"role": ..., "parts": [...]}]`."""
    return [_message(plain(message)) for message in messages]


def output_messages(choices: Iterable[Any]) -> list[Json]:
    """The choices of an answer: messages with their finish reason."""
    return [_choice(plain(choice)) for choice in choices]


def tool_definitions(tools: Iterable[Any]) -> list[Json]:
    """The tools that the model was offered, however deep an API wraps them."""
    found = []
    for tool in map(plain, tools):
        body = plain(tool.get("function")) or tool
        definition = {
            "type": word(tool.get("type")) or "function",
            **{key: whole(body[key]) for key in TOOL_KEYS if body.get(key) is not None},
        }
        if body.get("input_schema") is not None:  # Anthropic's
            definition["parameters"] = whole(body["input_schema"])
        found.append(definition)
    return [tool for tool in found if tool.get("name")]


TOOL_KEYS: Final = ("name", "description", "parameters")


class StreamedChat:
    """The answers put together from the chunks of a chat: one a choice."""

    def __init__(self) -> None:
        self._choices: dict[int, StreamedAnswer] = {}
        self._reasons: dict[int, str] = {}

    def add(self, chunk: Any) -> None:
        """A chunk, which holds a piece of one choice, or of several."""
        for choice in map(plain, plain(chunk).get("choices") or ()):
            index = choice.get("index") or 0
            self._choices.setdefault(index, StreamedAnswer()).add(choice.get("delta"))
            if choice.get("finish_reason"):
                self._reasons[index] = word(choice["finish_reason"])

    def messages(self, finish_reason: str | None) -> list[Json]:
        """One message a choice, as far as it came."""
        return [
            message
            for index, answer in sorted(self._choices.items())
            for message in answer.messages(self._reasons.get(index, finish_reason))
        ]


class StreamedAnswer:
    """An answer put together from the deltas of its chunks."""

    def __init__(self) -> None:
        self._thoughts: list[str] = []
        self._texts: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, delta: Any) -> None:
        """A chunk's delta: text, thought, or pieces of tool calls."""
        fields = plain(delta)
        if fields.get("content"):
            self._texts.append(str(fields["content"]))
        if fields.get("reasoning_content"):
            self._thoughts.append(str(fields["reasoning_content"]))
        for number, piece in enumerate(fields.get("tool_calls") or ()):
            self._add_call(number, plain(piece))

    def messages(self, finish_reason: str | None) -> list[Json]:
        """The one message that the stream was, as far as it came."""
        parts: list[Json] = [{"type": "reasoning", "content": "".join(self._thoughts)}] if self._thoughts else []
        parts += [text("".join(self._texts))] if self._texts else []
        parts += [tool_call(call["name"], call["arguments"], call["id"]) for _, call in sorted(self._calls.items())]
        return [answered(parts, _reason(finish_reason))]

    def _add_call(self, number: int, piece: Json) -> None:
        index = piece.get("index")
        at = index if isinstance(index, int) else number
        call = self._calls.setdefault(at, {"id": None, "name": "", "arguments": ""})
        function = plain(piece.get("function"))
        call["id"] = piece.get("id") or call["id"]
        call["name"] += function.get("name") or ""
        call["arguments"] += function.get("arguments") or ""


def _choice(choice: Json) -> Json:
    message = _message(plain(choice.get("message")), role="assistant")
    return {**message, "finish_reason": _reason(choice.get("finish_reason"))}


def _reason(reason: str | None) -> str:
    """The conventions' word for it; a stream that broke off gave none, and the word for that is `error`."""
    return FINISH_REASONS.get(reason or "", reason or "error")


def _message(message: Json, role: str = "user") -> Json:
    spoken = message.get("role") or role
    if spoken == "tool":
        content = message.get("content")
        response = [part_of(plain(part)) for part in content] if isinstance(content, (list, tuple)) else content
        return said("tool", tool_result(response, message.get("tool_call_id")))
    return said(str(spoken), *_parts(message))


def _parts(message: Json) -> Iterator[Json]:
    reasoning = message.get("reasoning_content")
    if isinstance(reasoning, str) and reasoning:
        yield {"type": "reasoning", "content": reasoning}
    yield from parts_of(message.get("content"))
    if message.get("refusal"):
        yield {"type": "refusal", "content": str(message["refusal"])}
    if message.get("audio"):
        yield from _spoken(plain(message["audio"]))
    for call in map(plain, message.get("tool_calls") or ()):
        function = plain(call.get("function"))
        yield tool_call(function.get("name"), function.get("arguments"), call.get("id"))


def parts_of(content: Any) -> Iterator[Json]:
    """The parts of a message's content: a text, or a list."""
    if isinstance(content, str):
        yield text(content)
    elif isinstance(content, (list, tuple)):
        yield from (text(part) if isinstance(part, str) else part_of(plain(part)) for part in content)


def part_of(part: Json) -> Json:
    """One part; of a kind that is not known here, its kind alone: there is no telling what is in it."""
    kind = word(part.get("type"))
    reader = PARTS.get(kind)
    return reader(part) if reader is not None else {"type": kind or "unknown"}


def _text(part: Json) -> Json:
    return text(part.get("text"))


def _image(part: Json) -> Json:
    held = part.get("image_url")
    return media("image", held if isinstance(held, str) else plain(held).get("url"))


def _audio(part: Json) -> Json:
    audio = plain(part.get("input_audio"))
    return blob("audio", MIME_TYPES.get(str(audio.get("format"))), audio.get("data"))


def _file(part: Json) -> Json:
    file = plain(part.get("file"))
    if file.get("file_data"):
        data = str(file["file_data"])
        return media("file", data) if data.startswith("data:") else blob("file", None, data)
    return {"type": "file", "modality": "file", "file_id": str(file.get("file_id") or "")}


def _refusal(part: Json) -> Json:
    return {"type": "refusal", "content": str(part.get("refusal") or "")}


def _spoken(audio: Json) -> Iterator[Json]:
    if audio.get("data"):
        yield blob("audio", None, audio["data"])
    if audio.get("transcript"):
        yield text(audio["transcript"])


PARTS: Final = {"text": _text, "image_url": _image, "input_audio": _audio, "file": _file, "refusal": _refusal}


def _arguments(written: Any) -> Any:
    if not isinstance(written, str):
        return whole(written)
    try:
        return json.loads(written)
    except ValueError:
        return written


def plain(value: Any) -> Mapping[str, Any]:
    """A message, choice or part as a dict, whether it came as one or as a client's model."""
    if isinstance(value, Mapping):
        return value
    return fields_of(value) if hasattr(value, "__dict__") else {}


def word(value: Any) -> str:
    """A kind or a reason, which some clients spell as a member of an enumeration."""
    return str(getattr(value, "value", value) or "")


def whole(value: Any) -> Any:
    """A value that is kept as it is, down to its last part: JSON, without a client's models in it."""
    dump = getattr(value, "model_dump", None)
    if dump is not None:
        return dump(exclude_none=True, warnings=False)  # what a client puts together does not always fit its own types
    if isinstance(value, Mapping):
        return {str(key): whole(one) for key, one in value.items()}
    return [whole(one) for one in value] if isinstance(value, (list, tuple)) else value
