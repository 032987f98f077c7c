"""What Langfuse's copy of a span gets on top: from the span's own attributes to the `langfuse.*` keys that its server reads.

Without them the server guesses: it takes a cost of 0 for none, counts tokens by keys it does not know, and finds no time to
first token. What it reads right by itself is not sent twice: `user.id`, `session.id`, and captured content.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.trace import StatusCode

from fastagentic.core import names
from fastagentic.core.names import Operation
from fastagentic.export.ours import leaving

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

TYPE: Final = "langfuse.observation.type"
MODEL: Final = "langfuse.observation.model.name"
MODEL_PARAMETERS: Final = "langfuse.observation.model.parameters"
USAGE_DETAILS: Final = "langfuse.observation.usage_details"
COST_DETAILS: Final = "langfuse.observation.cost_details"
COMPLETION_START_TIME: Final = "langfuse.observation.completion_start_time"
LEVEL: Final = "langfuse.observation.level"
STATUS_MESSAGE: Final = "langfuse.observation.status_message"
METADATA: Final = "langfuse.observation.metadata"
TRACE_NAME: Final = "langfuse.trace.name"
TRACE_TAGS: Final = "langfuse.trace.tags"
TRACE_METADATA: Final = "langfuse.trace.metadata."
ENVIRONMENT: Final = "langfuse.environment"
RELEASE: Final = "langfuse.release"
IS_APP_ROOT: Final = "langfuse.internal.is_app_root"

OF_OTHER_TYPES: Final = {
    Operation.EMBEDDINGS: "embedding",
    Operation.EXECUTE_TOOL: "tool",
    Operation.INVOKE_AGENT: "agent",
    Operation.INVOKE_WORKFLOW: "chain",
}
"""Every other operation of ours is a call that a model answered: a `generation`."""
TYPES: Final = {operation.value: OF_OTHER_TYPES.get(operation, "generation") for operation in Operation}

PARAMETERS: Final = {
    "temperature": names.REQUEST_TEMPERATURE,
    "max_tokens": names.REQUEST_MAX_TOKENS,
    "top_p": names.REQUEST_TOP_P,
    "seed": names.REQUEST_SEED,
    "stop_sequences": names.REQUEST_STOP_SEQUENCES,
    "frequency_penalty": names.REQUEST_FREQUENCY_PENALTY,
    "presence_penalty": names.REQUEST_PRESENCE_PENALTY,
    "choice_count": names.REQUEST_CHOICE_COUNT,
    "stream": names.REQUEST_STREAM,
}

FILTERABLE: Final = {
    "provider": names.PROVIDER_NAME,
    "gateway": names.GATEWAY,
    "gateway_call_id": names.GATEWAY_CALL_ID,
    "cache_status": names.CACHE_STATUS,
    "cache_hit": names.CACHE_HIT,
    "saved": names.COST_SAVED,
    "cost_source": names.COST_SOURCE,
    "target_index": names.TARGET_INDEX,
    "target_path": names.TARGET_PATH,
    "target_provider": names.TARGET_PROVIDER,
    "target_name": names.TARGET_NAME,
    "retries": names.RETRIES,
    "fallback_used": names.FALLBACK_USED,
    "stream_end": names.STREAM_END,
    "usage_estimated": names.USAGE_ESTIMATED,
    "finish_reasons": names.RESPONSE_FINISH_REASONS,
    "tenant": names.TENANT_ID,
    "run_external_id": names.RUN_EXTERNAL_ID,
    "run_cost": names.RUN_COST,
    "run_calls": names.RUN_CALLS,
    "attempt": names.ATTEMPT_NUMBER,
    "attempt_model": names.ATTEMPT_MODEL,
    "attempt_provider": names.ATTEMPT_PROVIDER,
}
"""Metadata, by which Langfuse filters: its key -> our attribute."""

FROM_THE_SDK: Final = (
    TRACE_NAME, TRACE_TAGS, TRACE_METADATA, "langfuse.trace.public", "langfuse.observation.prompt.", ENVIRONMENT, RELEASE,
    "langfuse.version", "langfuse.experiment.", "langfuse.internal.",
)  # fmt: skip
"""What `propagate_attributes()` of the user's own Langfuse SDK writes on our spans; it is the user's word and beats ours.

Not the observations' own keys: LiteLLM's `langfuse_otel` callback writes a call's on whatever span is current."""


def dressed(span: ReadableSpan, place: Mapping[str, str]) -> dict[str, AttributeValue]:
    """The attributes that Langfuse's copy of a span of ours gets on top. `place` has environment and release, where known."""
    attributes = leaving(span)
    if attributes is None:
        attributes = dict(span.attributes or {})
    return {
        **place,
        **_observation(span, attributes),
        **{f"{METADATA}.{key}": attributes[name] for key, name in FILTERABLE.items() if name in attributes},
        **_trace(span, attributes),
        **_from_the_sdk(span),
    }


def guest_dress(span: ReadableSpan, place: Mapping[str, str]) -> dict[str, AttributeValue]:
    """The same for somebody else's span: the server reads it as it is."""
    attributes = span.attributes or {}
    return {**place, **{name: value for name, value in attributes.items() if name.startswith("langfuse.")}}


def usage_details(attributes: Mapping[str, Any]) -> dict[str, int]:
    """Token counts in Langfuse's buckets, each token in one of them, and their sum as `total`. Empty when none is known.

    The conventions count cached tokens within the input and reasoning within the output; Langfuse adds its buckets up.
    """
    cached, created, reasoning = (
        attributes.get(name) or 0 for name in (names.CACHE_READ_TOKENS, names.CACHE_WRITE_TOKENS, names.REASONING_TOKENS)
    )
    inside = {"input": cached + created, "output": reasoning}
    whole = {"input": attributes.get(names.INPUT_TOKENS), "output": attributes.get(names.OUTPUT_TOKENS)}
    found = {bucket: max(0, tokens - inside[bucket]) for bucket, tokens in whole.items() if tokens is not None}
    parts = {"input_cached_tokens": cached, "input_cache_creation": created, "output_reasoning_tokens": reasoning}
    found |= {bucket: tokens for bucket, tokens in parts.items() if tokens}
    return found and {**found, "total": sum(found.values())}


def _observation(span: ReadableSpan, attributes: Mapping[str, Any]) -> dict[str, AttributeValue]:
    kind = TYPES.get(attributes.get(names.OPERATION_NAME, ""), "span")
    found: dict[str, AttributeValue] = {TYPE: kind}
    if (model := attributes.get(names.RESPONSE_MODEL) or attributes.get(names.REQUEST_MODEL)) is not None:
        found[MODEL] = model
    if parameters := {key: attributes[name] for key, name in PARAMETERS.items() if name in attributes}:
        found[MODEL_PARAMETERS] = json.dumps(parameters)
    if usage := usage_details(attributes):
        found[USAGE_DETAILS] = json.dumps(usage)
    if (cost := attributes.get(names.USAGE_COST)) is not None:
        found[COST_DETAILS] = json.dumps({"total": cost})  # as JSON also when it is 0: the bare attribute is then overlooked
    if (wait_s := attributes.get(names.RESPONSE_TIME_TO_FIRST_CHUNK)) is not None and span.start_time is not None:
        found[COMPLETION_START_TIME] = _instant(span.start_time + int(wait_s * 1e9))
    if span.status.status_code is StatusCode.ERROR or names.ERROR_TYPE in attributes:
        found[LEVEL] = "ERROR"
        if (why := span.status.description or attributes.get(names.ERROR_TYPE)) is not None:
            found[STATUS_MESSAGE] = why
    return found


def _trace(span: ReadableSpan, attributes: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """What is the whole trace's: its tags, and the name where it begins here."""
    found: dict[str, AttributeValue] = {}
    if tags := attributes.get(names.TAGS):
        found[TRACE_TAGS] = tags
    if span.parent is None or span.parent.is_remote:
        found[IS_APP_ROOT] = True
        name = attributes.get(names.AGENT_NAME) or attributes.get(names.WORKFLOW_NAME)
    else:
        name = attributes.get(names.TRACE_NAME)
    if name is not None:
        found[TRACE_NAME] = name
    return found


def _from_the_sdk(span: ReadableSpan) -> dict[str, AttributeValue]:
    found = {name: value for name, value in (span.attributes or {}).items() if name.startswith(FROM_THE_SDK)}
    return {name: _plain(value) if name.startswith(TRACE_METADATA) else value for name, value in found.items()}


def _plain(value: AttributeValue) -> AttributeValue:
    """A value of metadata, which the SDK writes as JSON: the server reads it so from the SDK, and as it is from us."""
    try:
        said = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return said if isinstance(said, str | bool | int | float) else value


def _instant(ns: int) -> str:
    """A moment as the SDKs write it: ISO 8601 in UTC, as a JSON string."""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC).replace(microsecond=ns // 1000 % 1_000_000)
    return json.dumps(moment.isoformat(timespec="microseconds").replace("+00:00", "Z"))
