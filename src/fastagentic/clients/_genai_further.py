"""What is neither a chat nor made of messages, as the GenAI conventions' JSON: text completions, images, transcriptions,
documents to be ranked, Gemini's own API. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._genai_json import answered, blob, media, part_of, plain, said, text, tool_call, tool_result, whole, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Json = Mapping[str, Any]

GOOGLE_REASONS: Final = {"STOP": "stop", "MAX_TOKENS": "length", "SAFETY": "content_filter", "RECITATION": "content_filter"}


def asked(*values: Any) -> list[Json]:
    """One message with every text that was asked; of tokens instead of text, how many."""
    parts = [part for value in values for part in _asked(value)]
    return [said("user", *parts)] if parts else []


def _asked(value: Any) -> Iterator[Json]:
    if isinstance(value, str):
        yield text(value)
    elif isinstance(value, dict):  # a document to be ranked, an image to be moderated
        yield text(value["text"]) if "text" in value else part_of(value)
    elif isinstance(value, (list, tuple)) and value:
        if isinstance(value[0], int):
            yield {"type": "tokens", "count": len(value)}
        else:
            for one in value:
                yield from _asked(one)


def prompted(variables: Mapping[str, Any]) -> list[Json]:
    """The variables of a prompt whose text the gateway keeps."""
    return [said("user", {"type": "prompt_variables", "variables": whole(variables)})] if variables else []


def instructions(given: Any) -> list[Json]:
    """System instructions that are given beside the messages: a text, texts, or parts with one."""
    parts = (given,) if isinstance(given, (str, dict)) else given or ()
    return [text(part if isinstance(part, str) else plain(part).get("text")) for part in parts]


def completions(answer: Json) -> list[Json]:
    """The choices of a text completion."""
    choices = [plain(choice) for choice in answer.get("choices") or ()]
    return [answered([text(choice.get("text"))], word(choice.get("finish_reason")) or "error") for choice in choices]


def pictures(answer: Json) -> list[Json]:
    """The images that were made, and the prompt that they were made by."""
    parts: list[Json] = []
    for one in map(plain, answer.get("data") or ()):
        parts += [text(one["revised_prompt"])] if one.get("revised_prompt") else []
        parts.append(blob("image", None, one["b64_json"]) if one.get("b64_json") else media("image", one.get("url")))
    return [answered(parts, "stop")] if parts else []


def heard(answer: Json) -> list[Json]:
    """The text of a transcription."""
    return [answered([text(answer["text"])], "stop")] if answer.get("text") else []


class StreamedText:
    """A text put together from chunks of a completion, or events of a transcription."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._is_done = False

    def add(self, chunk: Any) -> None:
        """A chunk with a text in its choice, or an event with a delta."""
        fields = plain(chunk)
        came = [plain(choice).get("text") for choice in fields.get("choices") or ()] or [fields.get("delta")]
        self._texts += [one for one in came if isinstance(one, str)]
        self._is_done = self._is_done or word(fields.get("type")).endswith(".done")

    def messages(self, finish_reason: str | None) -> list[Json]:
        """The text so far."""
        reason = finish_reason or ("stop" if self._is_done else "error")
        return [answered([text("".join(self._texts))], reason)] if self._texts else []


class StreamedPicture:
    """The images that came whole; the sketches before them are left out."""

    def __init__(self) -> None:
        self._made: list[Json] = []

    def add(self, event: Any) -> None:
        """An event with an image in it."""
        fields = plain(event)
        if word(fields.get("type")).endswith(".completed"):
            self._made.append(fields)

    def messages(self, finish_reason: str | None) -> list[Json]:
        """The images so far."""
        return pictures({"data": self._made})


def google_messages(contents: Any) -> list[Json]:
    """What Gemini is asked: a text, or contents with parts."""
    given = (contents,) if isinstance(contents, (str, dict)) else contents or ()
    return [said("user", text(one)) if isinstance(one, str) else _google_message(plain(one)) for one in given]


def google_tools(given: Iterable[Any]) -> list[Json]:
    """The functions that Gemini is offered."""
    named = ("functionDeclarations", "function_declarations")
    return [plain(function) for tool in map(plain, given) for name in named for function in tool.get(name) or ()]


def google_answer(answer: Json) -> list[Json]:
    """Gemini's candidates."""
    found = []
    for candidate in map(plain, answer.get("candidates") or ()):
        reason = word(candidate.get("finishReason")) or "error"
        message = _google_message(plain(candidate.get("content")))
        found.append(answered(message["parts"], GOOGLE_REASONS.get(reason, reason.lower())))
    return found


class StreamedGoogle:
    """Gemini's first candidate, put together from chunks that are answers themselves."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []
        self._reason = "error"

    def add(self, chunk: Any) -> None:
        """The next piece; of a text, the rest of the one before."""
        for message in google_answer(plain(chunk))[:1]:
            self._reason = message["finish_reason"]
            for part in message["parts"]:
                last = self._parts[-1] if self._parts else {}
                if part["type"] == last.get("type") in {"text", "reasoning"}:
                    last["content"] += part["content"]
                else:
                    self._parts.append(dict(part))

    def messages(self, finish_reason: str | None) -> list[Json]:
        """The answer so far."""
        return [answered(self._parts, self._reason)] if self._parts else []


def _google_message(content: Json) -> Json:
    role = str(content.get("role") or "user").replace("model", "assistant")
    return said(role, *(_google_part(plain(part)) for part in content.get("parts") or ()))


def _google_part(part: Json) -> Json:
    if part.get("text") is not None:
        return {"type": "reasoning", "content": str(part["text"])} if part.get("thought") else text(part["text"])
    held = plain(part.get("inlineData") or part.get("inline_data"))
    file = plain(part.get("fileData") or part.get("file_data"))
    call = plain(part.get("functionCall") or part.get("function_call"))
    result = plain(part.get("functionResponse") or part.get("function_response"))
    if held:
        mime_type = str(held.get("mimeType") or held.get("mime_type") or "")
        return blob(mime_type.partition("/")[0] or "file", mime_type or None, held.get("data"))
    if file:
        return media("file", file.get("fileUri") or file.get("file_uri"))
    if call:
        return tool_call(call.get("name"), call.get("args"), call.get("id"))
    return tool_result(result.get("response"), result.get("id")) if result else {"type": "unknown"}
