"""What a matrix cell must show: usage and cost by what the stand-in stated, names by the conventions, content or none."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.trace import SpanKind

from fastagentic.core import names
from fastagentic.demo.further_answers import PIXEL
from tests.clients.every_door import QUESTION
from tests.contracts.test_message_schemas import check
from tests.project.test_conventions import BEYOND, CONVENTIONS, OPERATIONS_BEYOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

    from tests.spans import Memory


class Counts(NamedTuple):
    """Tokens as they are priced: `fresh` was neither read from the prompt cache nor written to it, nor is it heard or seen."""

    fresh: int
    cached: int = 0
    written: int = 0
    audio: int = 0
    image: int = 0
    output: int = 0

    @property
    def input(self) -> int:
        """All that went in, as the conventions count."""
        return sum(self) - self.output


def counts_of(usage: Mapping[str, Any]) -> Counts:
    """A usage as its API spells it: Anthropic's counts what the cache served, or took, beside the input."""
    if "prompt_tokens" in usage:
        cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
        return Counts(usage["prompt_tokens"] - cached, cached, output=usage.get("completion_tokens", 0))
    if "cache_read_input_tokens" in usage:
        read, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
        return Counts(usage["input_tokens"], read, written, output=usage["output_tokens"])
    details = {**(usage.get("input_tokens_details") or {}), **(usage.get("input_token_details") or {})}
    cached, audio, image = (details.get(f"{kind}_tokens", 0) for kind in ("cached", "audio", "image"))
    return Counts(usage["input_tokens"] - cached - audio - image, cached, 0, audio, image, usage["output_tokens"])


# USD per million tokens, typed by hand from the providers' pages on 2026-11-24, in the order of `Counts`.
RATES: Final = {
    "gpt-4o-mini": ("0.15", "0.075", "0", "0", "0", "0.60"),
    "gpt-3.5-turbo-instruct": ("1.50", "1.50", "0", "0", "0", "2.00"),  # no rate of its own for what is cached
    "text-embedding-3-small": ("0.02", "0", "0", "0", "0", "0"),
    "claude-sonnet-4-5": ("3", "0.30", "3.75", "0", "0", "15"),
    "gpt-image-1": ("5", "1.25", "0", "0", "10", "40"),
    "gpt-4o-transcribe": ("2.50", "0", "0", "6", "0", "10"),
}
# USD for what is not charged by the token: 11 characters to speak at 15 a million, a search at 2 a thousand, an image.
FLAT: Final = {"tts-1": Decimal("0.000165"), "rerank-v3.5": Decimal("0.002"), "dall-e-2": Decimal("0.02")}


# What LiteLLM 1.106 states, and what a gateway states wins: it charges what was heard as if it had been read.
STATED: Final = {**RATES, "gpt-4o-transcribe": ("2.50", "0", "0", "2.50", "0", "10")}


def cost_of(client: str, model: str, usage: Mapping[str, Any] | None) -> float:
    """USD of an answer by its model, to a client."""
    if usage is None:
        return float(FLAT[model])
    pairs = zip(counts_of(usage), (STATED if client == "litellm" else RATES)[model], strict=True)
    return float(sum(Decimal(count) * Decimal(rate) for count, rate in pairs) / 1_000_000)


TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "string": str, "any": str, "int": int, "double": float, "boolean": bool, "string[]": tuple,
}  # fmt: skip
OWN: Final = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}


def names_are_right(spans: Iterable[ReadableSpan]) -> None:
    """Every attribute is one of the conventions', of their type and among their values, or one of ours that is written down."""
    for span in spans:
        for name, value in (span.attributes or {}).items():
            assert name in OWN
            if not name.startswith("fastagentic.") and name not in BEYOND:
                _is_as_the_conventions_say(name, value)


def _is_as_the_conventions_say(name: str, value: object) -> None:
    kind = CONVENTIONS["attributes"][name]["is"]
    if isinstance(kind, str):
        assert isinstance(value, TYPES[kind]), (name, value)
        assert not (kind == "int" and isinstance(value, bool))
    elif name == names.OPERATION_NAME:
        assert value in {*kind, *OPERATIONS_BEYOND}
    else:  # an open list: providers and errors have names of their own, too
        assert isinstance(value, str)


def llm_span(memory: Memory, parent: str) -> ReadableSpan:
    """The one LLM span that ended, having checked its kind, its parent, its names and those of all others."""
    names_are_right(memory.spans)
    by_id = {span.context.span_id: span.name for span in memory.spans}
    (found,) = [span for span in memory.spans if span.kind is SpanKind.CLIENT]
    assert found.parent is not None
    assert by_id[found.parent.span_id] == parent
    assert len({span.context.trace_id for span in memory.spans}) == 1
    assert not found.events
    assert ("error.type" in (found.attributes or {})) == (found.status.status_code.name == "ERROR")
    return found


CONTENT: Final = {
    names.SYSTEM_INSTRUCTIONS: "system-instructions", names.TOOL_DEFINITIONS: "tool-definitions",
    names.INPUT_MESSAGES: "input-messages", names.OUTPUT_MESSAGES: "output-messages",
}  # fmt: skip
"""Attribute -> the conventions' schema."""

KEYS: Final = ("sk-test", "pk-test", "sk-proxy")


def nothing_is_told(memory: Memory, answers: Iterable[str]) -> None:
    """Nowhere: not in a name, an attribute, an event, a status, a resource or a metric is what was asked or answered."""
    assert not [span.status.description for span in memory.spans if span.status.description]
    written = "".join(span.to_json() for span in memory.spans) + repr(memory.metrics)
    for text in (QUESTION, "four cents", "Four-cents", PIXEL[:24], *KEYS, *(answer[:24] for answer in answers if answer)):
        assert text not in written
    assert not [name for span in memory.spans for name in span.attributes or {} if name in CONTENT]


def content_of(span: ReadableSpan) -> dict[str, Any]:
    """What was captured, each as its schema allows; keys are in none of it."""
    found = {name: json.loads(str(value)) for name, value in (span.attributes or {}).items() if name in CONTENT}
    for name, value in found.items():
        check(CONTENT[name], value)
    assert not [key for key in KEYS if key in span.to_json()]
    return found


def said(messages: Iterable[Mapping[str, Any]]) -> str:
    """All text in messages."""
    return "".join(str(part.get("content") or "") for message in messages for part in message["parts"])
