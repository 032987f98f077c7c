"""What may leave of a span of ours: what fastagentic wrote on it and what the user did, not what other instrumentations did.

LiteLLM's `otel` callback and its kin (`langfuse_otel`, `arize`, ...) write the call that they report on whatever span is
current, prompt, answer and the text of an exception with it, and an operation and a model of their own; on a span of theirs
with `USE_OTEL_LITELLM_REQUEST_SPAN=true`. The user's own exporters see our span as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.trace import SpanKind

from fastagentic.core import names
from fastagentic.core.names import Operation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.util.types import AttributeValue

CONTENT: Final = frozenset({names.SYSTEM_INSTRUCTIONS, names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.TOOL_DEFINITIONS})
"""Ours where `fastagentic.content` says so, else somebody else's."""

OF_A_CALL: Final = (
    frozenset(value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)) - CONTENT
)
"""All that we ever write; the user has no hand in the span of a call."""

OF_OTHERS: Final = frozenset(name for name in OF_A_CALL if not name.startswith("gen_ai.")) | {
    names.OPERATION_NAME,
    names.WORKFLOW_NAME,
    names.AGENT_NAME,
}
"""What we write on the spans of runs, tools and attempts, beside which the user may write."""

FOREIGN: Final = frozenset(
    {
        "arize", "embedding", "error", "exception", "gen_ai", "hidden_params", "input", "langfuse", "litellm", "llm",
        "metadata", "openinference", "output", "traceloop", "wandb", "weave",
    }
)  # fmt: skip
"""Where instrumentations of LLM calls write (the names up to their first dot), so that a name is none of the user's."""

OPERATIONS: Final = frozenset(operation.value for operation in Operation)


def leaving(span: ReadableSpan) -> dict[str, AttributeValue] | None:
    """The attributes of a span of ours that may leave, by name; None when all of them may."""
    attributes = span.attributes or {}
    if hasattr(attributes, "copy"):
        attributes = attributes.copy()  # a plain dict: the SDK's own mapping locks at each step
    is_call = span.kind is SpanKind.CLIENT
    if (OF_A_CALL if is_call else OF_OTHERS).issuperset(attributes):
        return None
    captured = attributes.get(names.CONTENT)
    found = {
        name: value
        for name, value in attributes.items()
        if (name in OF_A_CALL or (isinstance(captured, tuple) and name in captured) if is_call else _is_others(name))
    }
    return None if len(found) == len(attributes) else _restored(span.name, found)


def leaving_events(span: ReadableSpan) -> Sequence[Event] | None:
    """The events of a span of ours that may leave; None when all of them may.

    We write none: on a call's span all are others'; on the rest those that repeat an exception or a message are, which
    LiteLLM's callbacks record on whatever span is current.
    """
    if not span.events:
        return None
    if span.kind is SpanKind.CLIENT:
        return ()
    return [event for event in span.events if event.name != "exception" and event.name.partition(".")[0] not in FOREIGN]


def _is_others(name: str) -> bool:
    return name in OF_OTHERS or name.partition(".")[0] not in FOREIGN


def _restored(name: str, found: dict[str, AttributeValue]) -> dict[str, AttributeValue]:
    """With the operation and the model that we wrote: the name of a span is made of them. An attempt has neither."""
    operation, _, model = name.partition(" ")
    if names.WORKFLOW_NAME in found:  # the user may have renamed it
        found[names.OPERATION_NAME] = Operation.INVOKE_WORKFLOW.value
    elif operation not in OPERATIONS:
        found.pop(names.OPERATION_NAME, None)
    else:
        found[names.OPERATION_NAME] = operation
        if model and names.REQUEST_MODEL in found:
            found[names.REQUEST_MODEL] = model
    return found
