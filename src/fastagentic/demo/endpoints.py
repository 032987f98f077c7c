"""The endpoints that the stand-in serves, one row each: to serve a further one, write its shapes and add a row.

Called by `reply.py` and `hosted.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import further_answers as further
from .answers import chat_chunks, chat_whole, compose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .answers import Answer, Json


@dataclass(slots=True, frozen=True)
class Endpoint:
    """How one endpoint answers: whole (JSON, or bytes of `content_type`), and in chunks where it streams.

    With `names_events` each chunk is told with its type as the name of the event, and nothing follows the last.
    """

    whole: Callable[..., Json | bytes]
    chunks: Callable[..., list[Json]] | None = None
    content_type: str = "application/json"
    names_events: bool = False
    compose: Callable[[Mapping[str, Any], int], Answer] = compose


ENDPOINTS: Final[Mapping[str, Endpoint]] = {
    "chat/completions": Endpoint(chat_whole, chat_chunks),
    "completions": Endpoint(further.text_whole, further.text_chunks),
    "embeddings": Endpoint(further.embeddings),
    "responses": Endpoint(further.response_whole, further.response_events, names_events=True),
    "responses/compact": Endpoint(further.compaction),
    "messages": Endpoint(further.message_whole, further.message_events, names_events=True),
    "images/generations": Endpoint(further.images),
    "images/edits": Endpoint(further.images),
    "images/variations": Endpoint(further.images),
    "audio/speech": Endpoint(further.speech, content_type="audio/mpeg"),
    "audio/transcriptions": Endpoint(further.transcription, further.transcription_events, names_events=True),
    "audio/translations": Endpoint(further.transcription),
    "rerank": Endpoint(further.rerank),
    "moderations": Endpoint(further.moderation),
}


def usage_in(told: Json | bytes | list[Json]) -> Json | None:
    """The usage that an answer states, whole or in the last of its chunks that does; None where none does."""
    for part in reversed(told) if isinstance(told, list) else (told,):
        if isinstance(part, dict):
            usage = part.get("usage") or (part.get("response") or {}).get("usage")
            if usage is not None:
                return dict(usage)
    return None
