"""Captured prompts and answers: redacted, cut, media replaced by type, size and hash, as the conventions' message JSON.

Only `instrument(capture_content=True)` brings anything here. What comes in are the conventions' messages as the readers made
them; what goes out are span attributes. Redaction runs first, so that nothing is stored, hashed or cut that was to be redacted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastagentic.core.call import LLMCall

    Json = Any

MAX_CHARACTERS: Final = 32_768
"""Of one text; the rest is cut and the cut marked. A span attribute of megabytes is refused or truncated by most backends."""
MAX_TOTAL: Final = 262_144
"""Of all texts of one attribute; those that are beyond it are cut to nothing, and marked."""

_INLINE: Final = re.compile(r"data:(?P<mime_type>[\w.+/-]*)(;[\w.+=-]+)*;base64,")


class Content:
    """Turns what was captured of a call into attributes. `redact` sees every text, tool arguments and results included."""

    def __init__(
        self,
        redact: Callable[[str], str] | None = None,
        max_characters: int = MAX_CHARACTERS,
        max_total: int = MAX_TOTAL,
        *,
        on_spans: bool = True,
        on_events: bool = False,
    ) -> None:
        self._redact = redact
        self._max_characters = max_characters
        self._max_total = max_total
        self._on_spans = on_spans
        self._on_events = on_events

    def on_span(self, call: LLMCall) -> dict[str, str]:
        """The content that the span of a call is to carry; for an event it is kept with the call."""
        written = self.attributes(call)
        if self._on_events and call.content is not None:
            call.content.written = written
        return written if self._on_spans else {}

    def attributes(self, call: LLMCall) -> dict[str, str]:
        """The content of a call as JSON strings by attribute; what was not captured is left out."""
        content = call.content
        if content is None:
            return {}
        if content.streamed is not None:
            content.output_messages = content.streamed.messages(call.finish_reasons[0] if call.finish_reasons else None)
        found = {
            names.SYSTEM_INSTRUCTIONS: content.system_instructions,
            names.INPUT_MESSAGES: content.input_messages,
            names.OUTPUT_MESSAGES: content.output_messages,
            names.TOOL_DEFINITIONS: content.tool_definitions,
        }
        return {name: self._written(messages) for name, messages in found.items() if messages}

    def error_text(self, call: LLMCall) -> str | None:
        """The text of the exception that a call ended with, for the status of its span; it may echo the prompt."""
        if call.content is None or not call.content.error or not self._on_spans:
            return None
        return _Cleaning(self._redact, self._max_characters, self._max_total).text(call.content.error)

    def one(self, value: Json) -> str | None:
        """One value as it may leave, such as a tool's arguments; None where content is not for spans."""
        if not self._on_spans:
            return None
        cleaning = _Cleaning(self._redact, self._max_characters, self._max_total)
        return json.dumps(cleaning.clean(value), ensure_ascii=False, default=cleaning.other)

    def _written(self, messages: Sequence[Mapping[str, Json]]) -> str:
        cleaning = _Cleaning(self._redact, self._max_characters, self._max_total)
        return json.dumps([cleaning.part(message) for message in messages], ensure_ascii=False, default=cleaning.other)


@dataclass(slots=True)
class _Cleaning:
    """One attribute on its way out; `left` is how many characters it may still hold."""

    redact: Callable[[str], str] | None
    max_characters: int
    left: int

    def part(self, value: Mapping[str, Json]) -> Json:
        """A message, a part or a tool: its own words stay as they are, what users and models wrote is cleaned."""
        if value.get("type") == "blob":
            return without_media(value)
        return {
            key: one if key in KEPT else [self.part(part) for part in one] if key == "parts" else self.clean(one)
            for key, one in value.items()
        }

    def clean(self, value: Json) -> Json:
        """A copy without what may not be kept. Keys stay; they are a schema's, or a tool's."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            if value.get("type") == "blob":
                return without_media(value)
            return {str(key): self.clean(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.clean(one) for one in value]
        return value

    def text(self, text: str) -> str:
        """A text, redacted and cut; media in a data URL as type, size and hash."""
        if (inline := _INLINE.match(text)) is not None:
            media = without_media({"content": text[inline.end() :]})
            kind = inline["mime_type"] or "data"
            return f"[{kind}: {media['size']} bytes, sha256 {media['sha256']}]"
        clean = _encodable(text if self.redact is None else self.redact(text))
        room = min(self.max_characters, self.left)
        self.left -= min(room, len(clean))
        beyond = len(clean) - room
        return clean if beyond <= 0 else f"{clean[:room]}[cut: {beyond} more characters]"

    def other(self, value: object) -> str:
        """What is no JSON, as a text like any other."""
        return self.text(str(value))


def _encodable(text: str) -> str:
    """Without halves of surrogate pairs, which no backend can be sent: exporters drop the whole attribute over one."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace").decode()
    return text


KEPT: Final = frozenset({"type", "role", "finish_reason", "modality", "mime_type"})
"""The conventions' own words in a message or a part, which is told by them."""


def without_media(part: Mapping[str, Json]) -> dict[str, Json]:
    """A blob part with its size in bytes and SHA-256 in the place of its base64 content.

    Example:
        >>> without_media({"type": "blob", "modality": "image", "mime_type": "image/png", "content": "aGk="})["size"]
        2
    """
    encoded = str(part.get("content") or "")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):  # no base64 after all: the text itself is what was sent
        data = encoded.encode(errors="surrogatepass")
    kept = {key: value for key, value in part.items() if key != "content"}
    return {**kept, "content": "", "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
