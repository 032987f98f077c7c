"""Input and output of a whole run, for Langfuse's list of traces: the prompt of its first call and the answer of its last.

Only where content is captured. Spans come as they end, a run after its calls, so what its calls said is kept until then;
of no more runs, and no more text, than the limits allow.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastagentic.core import names
from fastagentic.export.ours import leaving

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

INPUT: Final = "langfuse.observation.input"
OUTPUT: Final = "langfuse.observation.output"

MOST_RUNS: Final = 1_000
MOST_CHARACTERS: Final = 8 << 20


@dataclass(slots=True)
class Said:
    """What was said in a run so far."""

    asked_ns: int
    question: str
    answered_ns: int
    answer: str

    @property
    def size(self) -> int:
        """Characters."""
        return len(self.question) + len(self.answer)


class Conversations:
    """What was said in the runs that go on, the oldest forgotten first."""

    def __init__(self, most_runs: int = MOST_RUNS, most_characters: int = MOST_CHARACTERS) -> None:
        self._most_runs = most_runs
        self._most_characters = most_characters
        self._reset()
        _all.add(self)

    def _reset(self) -> None:
        """Also in a forked child: the lock may have been held, and the runs are the parent's."""
        self._lock = threading.Lock()
        self._runs: OrderedDict[int, Said] = OrderedDict()
        self._characters = 0

    def of(self, span: ReadableSpan) -> dict[str, str]:
        """Input and output of an outermost run, when it ends. Of a call nothing: it says them itself."""
        attributes = span.attributes or {}
        is_outermost = span.parent is None or span.parent.is_remote
        if not is_outermost and names.CONTENT in attributes:
            self._note(span)
        is_run = names.WORKFLOW_NAME in attributes or names.AGENT_NAME in attributes
        return self._taken(span.context.trace_id) if self._runs and is_run and is_outermost else {}

    def _note(self, span: ReadableSpan) -> None:
        found = leaving(span)
        if found is None:
            found = dict(span.attributes or {})
        question, answer = (str(found.get(name, "")) for name in (names.INPUT_MESSAGES, names.OUTPUT_MESSAGES))
        started_ns, ended_ns = span.start_time or 0, span.end_time or 0
        with self._lock:
            said = self._runs.setdefault(span.context.trace_id, Said(started_ns, "", 0, ""))
            self._characters -= said.size
            if question and (not said.question or started_ns < said.asked_ns):
                said.question, said.asked_ns = question, started_ns
            if answer and ended_ns >= said.answered_ns:
                said.answer, said.answered_ns = answer, ended_ns
            self._characters += said.size
            while len(self._runs) > self._most_runs or self._characters > self._most_characters:
                self._characters -= self._runs.popitem(last=False)[1].size

    def _taken(self, trace_id: int) -> dict[str, str]:
        with self._lock:
            said = self._runs.pop(trace_id, None)
            if said is None:
                return {}
            self._characters -= said.size
        return {key: text for key, text in ((INPUT, said.question), (OUTPUT, said.answer)) if text}


_all: Final[weakref.WeakSet[Conversations]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for conversations in list(_all):
        conversations._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
