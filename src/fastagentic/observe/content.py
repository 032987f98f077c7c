"""Captured prompts and answers: redacted, cut, media replaced by type, size and hash, as the conventions' message JSON.

Only `instrument(capture_content=True)` brings anything here. What comes in are the conventions' messages as the readers made
them; what goes out are span attributes. Redaction runs first, so that nothing is stored, hashed or cut that was to be redacted.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fastagentic.core.call import LLMCall

    Json = Any

MAX_CHARACTERS: Final = 32_768
"""Of one text; the rest is cut and the cut marked. A span attribute of megabytes is refused or truncated by most backends."""


class Content:
    """Turns what was captured of a call into attributes. `redact` sees every text, tool arguments and results included."""

    def __init__(self, redact: Callable[[str], str] | None = None, max_characters: int = MAX_CHARACTERS) -> None:
        self._redact = redact
        self._max_characters = max_characters

    def attributes(self, call: LLMCall) -> dict[str, str]:
        """The content of a call as JSON strings by attribute; what was not captured is left out."""
        content = call.content
        if content is None:
            return {}
        if content.streamed is not None:
            content.output_messages = content.streamed.messages(call.finish_reasons[0] if call.finish_reasons else None)
        found = {
            names.INPUT_MESSAGES: content.input_messages,
            names.OUTPUT_MESSAGES: content.output_messages,
            names.TOOL_DEFINITIONS: content.tool_definitions,
        }
        return {name: self._written(messages) for name, messages in found.items() if messages}

    def _written(self, messages: Sequence[Mapping[str, Json]]) -> str:
        return json.dumps([self._clean(message) for message in messages], ensure_ascii=False, default=str)

    def _clean(self, value: Json) -> Json:
        """A copy without what may not be kept. Keys stay; they are the conventions' words, or a schema's."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            if value.get("type") == "blob":
                return without_media(value)
            return {str(key): self._clean(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._clean(one) for one in value]
        return value

    def _text(self, text: str) -> str:
        clean = text if self._redact is None else self._redact(text)
        beyond = len(clean) - self._max_characters
        return clean if beyond <= 0 else f"{clean[: self._max_characters]}[cut: {beyond} more characters]"


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
