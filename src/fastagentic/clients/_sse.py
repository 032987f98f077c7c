"""Server-sent events out of bytes, for streams that a client hands on as they come from the wire."""

from __future__ import annotations

import json
from typing import Any, Final

DATA: Final = b"data:"


class Events:
    """The JSON of the events in a stream of bytes, however it is cut."""

    __slots__ = ("_rest", "latest")

    def __init__(self) -> None:
        self._rest = b""
        self.latest: list[Any] = []
        """The events that were complete with the last piece."""

    def feed(self, piece: bytes | str) -> list[Any]:
        """The events that are complete with this piece."""
        data = self._rest + (piece.encode() if isinstance(piece, str) else piece)
        *lines, self._rest = data.split(b"\n")
        self.latest = [event for line in lines if (event := _event(line)) is not None]
        return self.latest


def _event(line: bytes) -> Any:
    text = line[len(DATA) :].strip() if line.startswith(DATA) else b""
    if not text.startswith(b"{"):  # a name, a comment, [DONE]
        return None
    try:
        return json.loads(text)
    except ValueError:
        return None
