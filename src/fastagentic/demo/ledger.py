"""What the caller saw of each call: books of our own, kept without fastagentic, for a test to compare.

Both clients answer in OpenAI's shape, so one reader serves. Filled by `workload.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .plan import PlannedCall, PlannedRun, PlannedSession


@dataclass(slots=True)
class Seen:
    """One call as its caller saw it.

    `error` is the class of the exception that reached the caller. `text` is all text received, `saw_usage`
    whether the answer (or a chunk of it) stated usage, `stopped_early` whether the caller broke the stream
    off.
    """

    call: PlannedCall
    error: str | None = None
    answer_id: str | None = None
    text: str = ""
    chunks: int = 0
    saw_usage: bool = False
    stopped_early: bool = False

    def read_whole(self, answer: Any) -> None:
        """Note an answer in one piece."""
        self.answer_id = answer.id
        self.text = answer.choices[0].message.content or ""
        self.saw_usage = getattr(answer, "usage", None) is not None

    def read_chunk(self, chunk: Any) -> bool:
        """Note a chunk. Returns whether the caller wants no more."""
        self.answer_id = chunk.id
        self.chunks += 1
        self.saw_usage = self.saw_usage or getattr(chunk, "usage", None) is not None
        if chunk.choices:
            self.text += chunk.choices[0].delta.content or ""
        self.stopped_early = self.chunks == self.call.stop_after
        return self.stopped_early

    def as_json(self, run: PlannedRun, session: PlannedSession) -> dict[str, Any]:
        """The entry as plain data, with who made the call."""
        scenario = self.call.scenario
        return {
            "id": self.call.id, "run": run.kind.name, "tenant": run.kind.tenant, "session": session.session,
            "user": session.user, "client": scenario.client, "model": scenario.model, "route": scenario.route,
            "messages": self.call.messages, "streams": scenario.streams, "error": self.error,
            "answer_id": self.answer_id, "text": self.text, "chunks": self.chunks,
            "saw_usage": self.saw_usage, "stopped_early": self.stopped_early,
        }  # fmt: skip
