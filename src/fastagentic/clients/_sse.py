"""Server-sent events out of bytes, for streams that a client hands on as they come from the wire."""

from __future__ import annotations

import json
from typing import Any, Final

DATA: Final = b"data:"


class Events:
    """The JSON of the events in a stream of bytes, however it is cut."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, piece: bytes | str) -> list[Any]:
        """The events that are complete with this piece."""
        data = self._rest + (piece.encode() if isinstance(piece, str) else piece)
        *lines, self._rest = data.split(b"\n")
        return [event for line in lines if (event := _event(line)) is not None]


def _event(line: bytes) -> Any:
    text = line[len(DATA) :].strip() if line.startswith(DATA) else b""
    if not text.startswith(b"{"):  # a name, a comment, [DONE]
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
