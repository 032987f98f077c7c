"""A stand-in provider that says what an agent needs to hear: a framework's loop ends only on an answer in its own format."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from fastagentic.demo.answers import compose, encode
from fastagentic.demo.behaviours import Behaviour
from fastagentic.demo.provider import StandIn
from fastagentic.demo.reply import answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.reply import Reply

    Script = Callable[[dict[str, Any]], "str | ToolCall | None"]


@dataclass(slots=True, frozen=True)
class ToolCall:
    """What the model says instead of a text: call that function."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)

    def message(self, number: int) -> dict[str, Any]:
        """The message as OpenAI spells it."""
        function = {"name": self.name, "arguments": json.dumps(self.arguments)}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": f"t{number}", "type": "function", "function": function}],
        }


class ScriptedStandIn(StandIn):
    """Usage is the stand-in's own; what is said is the script's, where it has something to say. Tool calls are not streamed."""

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.script = script

    def reply(self, segment: str, endpoint: str, headers: dict[str, str], body: dict[str, Any]) -> Reply:
        """Decide what a request gets, and note it in the log."""
        exchange, _ = self.log.open(segment, endpoint, headers, body)
        said = self.script(body)
        answer = compose(body, exchange.number)
        if isinstance(said, str):
            answer = replace(answer, text=said, pieces=tuple(said.splitlines(keepends=True)))
        reply = answered(exchange, answer, Behaviour())
        if isinstance(said, ToolCall):
            whole = json.loads(reply.body)
            whole["choices"][0] |= {"message": said.message(exchange.number), "finish_reason": "tool_calls"}
            reply.body = encode(whole)
        return reply
