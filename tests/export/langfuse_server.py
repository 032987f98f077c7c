"""What Langfuse's server makes of a span: its rules for OTLP, as far as they touch what we send.

From `packages/shared/src/server/otel/` of langfuse/langfuse (`OtelIngestionProcessor.ts`, `ObservationTypeMapper.ts`), state of
August 2026, in our own words. Tests ask here what a person will see, and not which attribute was set.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.export.received import ReceivedSpan

BY_TYPE = {"span", "generation", "event", "embedding", "agent", "tool", "chain", "retriever", "guardrail", "evaluator"}
BY_OPERATION = {
    "chat": "generation", "completion": "generation", "text_completion": "generation", "generate_content": "generation",
    "generate": "generation", "embeddings": "embedding", "invoke_agent": "agent", "create_agent": "agent",
    "execute_tool": "tool",
}  # fmt: skip
ERROR = 2
PARTS = {
    "cache_read.input_tokens": "input_cached_tokens",
    "cache_creation.input_tokens": "input_cache_creation",
    "reasoning.output_tokens": "output_reasoning_tokens",
}


@dataclass(slots=True, frozen=True)
class Observation:
    """A row of Langfuse's table of observations; those of one trace name the trace together."""

    id: str
    parent: str
    trace_id: str
    name: str
    type: str
    model: str | None
    parameters: dict[str, Any]
    usage: dict[str, float]
    cost: dict[str, float] | None
    """None: the server computes one from its own table of prices, where it knows the model."""
    completion_start_time: str | None
    level: str
    status_message: str | None
    input: str | None
    output: str | None
    metadata: dict[str, Any]
    user: str | None
    session: str | None
    tags: list[str]
    environment: str
    release: str | None
    trace_name: str | None
    is_app_root: bool


def observation(span: ReceivedSpan) -> Observation:
    of = span.attributes
    return Observation(
        id=span.span_id,
        parent=span.parent_span_id,
        trace_id=span.trace_id,
        name=of.get("gen_ai.tool.name") or span.name,
        type=_type(of),
        model=_first(of, "langfuse.observation.model.name", "gen_ai.response.model", "gen_ai.request.model"),
        parameters=_json(of.get("langfuse.observation.model.parameters")) or _below(of, "gen_ai.request.", but="model"),
        usage=_usage(of),
        cost=_cost(of),
        completion_start_time=_json(of.get("langfuse.observation.completion_start_time")),
        level=of.get("langfuse.observation.level") or ("ERROR" if span.status[0] == ERROR else "DEFAULT"),
        status_message=_first(of, "langfuse.observation.status_message") or span.status[1] or None,
        input=_first(of, "langfuse.observation.input", "input.value", "gen_ai.input.messages", "gen_ai.tool.call.arguments"),
        output=_first(of, "langfuse.observation.output", "output.value", "gen_ai.output.messages", "gen_ai.tool.call.result"),
        metadata=_below(of, "langfuse.observation.metadata.") | _below(of, "langfuse.trace.metadata."),
        user=_first(of, "langfuse.user.id", "user.id"),
        session=_first(of, "langfuse.session.id", "session.id", "gen_ai.conversation.id"),
        tags=list(of.get("langfuse.trace.tags") or ()),
        environment=_environment(of, span.resource),
        release=_first(of, "langfuse.release") or _first(span.resource, "langfuse.release"),
        trace_name=_first(of, "langfuse.trace.name"),
        is_app_root=bool(of.get("langfuse.internal.is_app_root")) or not span.parent_span_id,
    )


@dataclass(slots=True, frozen=True)
class Trace:
    """A row of Langfuse's table of traces. Its name, input and output are the root's, the one observation without a parent."""

    name: str | None
    input: str | None
    output: str | None
    cost: float
    tokens: float


def trace(spans: Iterable[ReceivedSpan]) -> Trace:
    observations = [observation(span) for span in spans]
    (root,) = [one for one in observations if not one.parent]
    assert {one.trace_id for one in observations} == {root.trace_id}
    return Trace(
        name=root.trace_name or root.name,
        input=root.input,
        output=root.output,
        cost=sum(one.cost["total"] for one in observations if one.cost),
        tokens=sum(one.usage["total"] for one in observations if one.usage),
    )


def _type(of: Mapping[str, Any]) -> str:
    if of.get("langfuse.observation.type") in BY_TYPE:
        return str(of["langfuse.observation.type"])
    if of.get("gen_ai.operation.name") in BY_OPERATION:
        return BY_OPERATION[of["gen_ai.operation.name"]]
    if of.get("gen_ai.tool.name") or of.get("gen_ai.tool.call.id"):
        return "tool"
    names = ("langfuse.observation.model.name", "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "model")
    return "generation" if _first(of, *names) else "span"


def _usage(of: Mapping[str, Any]) -> dict[str, float]:
    """What the SDK says, whole; else every number below `gen_ai.usage.` but the cost is a bucket of tokens."""
    if of.get("langfuse.observation.usage_details"):
        found = _json(of["langfuse.observation.usage_details"])
    else:
        said = {key: value for key, value in _below(of, "gen_ai.usage.", but="cost").items() if isinstance(value, int | float)}
        found = {
            PARTS.get(key, {"input_tokens": "input", "output_tokens": "output"}.get(key, key)): value
            for key, value in said.items()
        }
        for whole, part in (
            ("input", "input_cached_tokens"),
            ("input", "input_cache_creation"),
            ("output", "output_reasoning_tokens"),
        ):
            if whole in found:
                found[whole] = max(0, found[whole] - found.get(part, 0))
    return {**found, "total": found.get("total", sum(found.values()))} if found else {}


def _cost(of: Mapping[str, Any]) -> dict[str, float] | None:
    if of.get("langfuse.observation.cost_details"):
        return dict(_json(of["langfuse.observation.cost_details"]))
    # JavaScript: a bare 0 is as good as no cost.
    return {"total": of["gen_ai.usage.cost"]} if of.get("gen_ai.usage.cost") else None


def _environment(of: Mapping[str, Any], resource: Mapping[str, Any]) -> str:
    for key in ("langfuse.environment", "deployment.environment.name", "deployment.environment"):
        if found := of.get(key) or resource.get(key):
            return str(found)
    return "default"


def _first(of: Mapping[str, Any], *keys: str) -> Any:
    return next((of[key] for key in keys if of.get(key)), None)


def _below(of: Mapping[str, Any], prefix: str, *, but: str = "") -> dict[str, Any]:
    found = {key.removeprefix(prefix): value for key, value in of.items() if key.startswith(prefix)}
    found.pop(but, None)
    return found


def _json(text: str | None) -> Any:
    return None if text is None else json.loads(text)
