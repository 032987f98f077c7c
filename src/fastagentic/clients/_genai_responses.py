"""The Responses API as the GenAI conventions' JSON: what is asked is a text or items, what is answered are items. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._genai_json import (
    PARTS,
    answered,
    blob,
    media,
    parts_of,
    plain,
    said,
    server_tool_call,
    text,
    tool_call,
    tool_result,
    word,
)  # fmt: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Json = Mapping[str, Any]

REASONS: Final = {"max_output_tokens": "length", "failed": "error", "cancelled": "error", "in_progress": "error"}


def input_messages(asked: Any) -> list[Json]:
    """The input: a text, or items, one message each."""
    if isinstance(asked, str):
        return [said("user", text(asked))]
    return [_message(plain(item)) for item in asked or ()]


def output_messages(response: Json) -> list[Json]:
    """The one message that the items of an answer are."""
    items = [plain(item) for item in response.get("output") or ()]
    if not items:
        return []
    incomplete = plain(response.get("incomplete_details"))
    return _answer(items, word(incomplete.get("reason") or response.get("status")))


class StreamedResponse:
    """A response put together from its events; the last one holds it whole."""

    def __init__(self) -> None:
        self._items: dict[int, dict[str, Any]] = {}
        self._whole: Json = {}

    def add(self, event: Any) -> None:
        """An event: an item that begins or is done, a piece of one, or the whole response."""
        fields = plain(event)
        kind, at = word(fields.get("type")), fields.get("output_index")
        if kind in WHOLE:
            self._whole = plain(fields.get("response"))
        elif kind in {"response.output_item.added", "response.output_item.done"} and isinstance(at, int):
            self._items[at] = dict(plain(fields.get("item")))
        elif (place := PIECES.get(kind)) is not None and isinstance(at, int) and at in self._items:
            self._items[at][place] = str(self._items[at].get(place) or "") + str(fields.get("delta") or "")

    def messages(self, finish_reason: str | None) -> list[Json]:
        """The message that the stream was, as far as it came."""
        if self._whole:
            return output_messages(self._whole)
        return _answer([item for _, item in sorted(self._items.items())], "error") if self._items else []


WHOLE: Final = ("response.completed", "response.incomplete", "response.failed")
# Where the pieces of an item that is not done are put together; an item that is done has them itself.
PIECES: Final = {
    "response.output_text.delta": "streamed_text",
    "response.function_call_arguments.delta": "arguments",
    "response.custom_tool_call_input.delta": "input",
    "response.reasoning_summary_text.delta": "streamed_thought",
    "response.reasoning_text.delta": "streamed_thought",
}


def _answer(items: list[Json], reason: str) -> list[Json]:
    parts = [part for item in items for part in _parts(item)]
    if reason in {"completed", ""}:
        reason = "tool_call" if any(part["type"] == "tool_call" for part in parts) else "stop"
    return [answered(parts, REASONS.get(reason, reason))]


def _message(item: Json) -> Json:
    kind = word(item.get("type")) or "message"
    role = "tool" if kind.endswith("_output") else "user" if kind == "message" else "assistant"
    return said(str(item.get("role") or role), *_parts(item))


def _parts(item: Json) -> Iterator[Json]:
    reader = ITEMS.get(word(item.get("type")) or "message")
    if reader is not None:
        yield from reader(item)
    else:
        yield {"type": word(item.get("type"))}


def _said(item: Json) -> Iterator[Json]:
    yield from _contents(item.get("content"))
    if item.get("streamed_text") and not item.get("content"):
        yield text(item["streamed_text"])


def _contents(content: Any) -> Iterator[Json]:
    if not isinstance(content, (list, tuple)):
        yield from parts_of(content)
        return
    for part in map(plain, content):
        kind = word(part.get("type"))
        reader = CONTENTS.get(kind) or PARTS.get(kind)
        yield reader(part) if reader is not None else {"type": kind or "unknown"}


def _image(part: Json) -> Json:
    if part.get("file_id"):
        return {"type": "file", "modality": "image", "file_id": str(part["file_id"])}
    return media("image", part.get("image_url"))


def _file(part: Json) -> Json:
    if part.get("file_id"):
        return {"type": "file", "modality": "file", "file_id": str(part["file_id"])}
    data = str(part.get("file_data") or "")
    return media("file", part.get("file_url") or data) if not data or data.startswith("data:") else blob("file", None, data)


def _thought(item: Json) -> Iterator[Json]:
    told = [plain(one).get("text") for name in ("summary", "content") for one in item.get(name) or ()]
    thought = "\n".join(str(one) for one in told if one) or item.get("streamed_thought")
    if thought:
        yield {"type": "reasoning", "content": str(thought)}


def _call(item: Json) -> Iterator[Json]:
    arguments = item.get("arguments") if word(item.get("type")) == "function_call" else item.get("input")
    yield tool_call(item.get("name"), arguments, item.get("call_id") or item.get("id"))


def _result(item: Json) -> Iterator[Json]:
    output = item.get("output")
    response = list(_contents(output)) if isinstance(output, (list, tuple)) else output
    yield tool_result(response, item.get("call_id"))


def _made(item: Json) -> Iterator[Json]:
    if item.get("result"):
        yield blob("image", None, item["result"])


def _by_the_provider(*details: str) -> Callable[[Json], Iterator[Json]]:
    """A call of a tool of the provider's own, with those of its fields that say what was asked."""

    def read(item: Json) -> Iterator[Json]:
        name = str(item.get("name") or word(item.get("type")).removesuffix("_call"))
        yield server_tool_call(item, name, {key: item[key] for key in details if item.get(key) is not None})

    return read


CONTENTS: Final[Mapping[str, Callable[[Json], Json]]] = {
    "input_text": PARTS["text"],
    "output_text": PARTS["text"],
    "input_image": _image,
    "input_file": _file,
}
ITEMS: Final[Mapping[str, Callable[[Json], Iterator[Json]]]] = {
    "message": _said,
    "reasoning": _thought,
    "function_call": _call,
    "custom_tool_call": _call,
    "function_call_output": _result,
    "custom_tool_call_output": _result,
    "image_generation_call": _made,
    "web_search_call": _by_the_provider("action"),
    "file_search_call": _by_the_provider("queries"),
    "code_interpreter_call": _by_the_provider("code"),
    "mcp_call": _by_the_provider("arguments", "output"),
}
