"""`LLMCall` to span attributes: a pure projection. An attribute is a line here and one in `core/names.py`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from fastagentic.core import names
from fastagentic.core.ids import format_trace_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Span

    from fastagentic.core.call import LLMCall
    from fastagentic.core.run import Run

    Attributes = dict[str, str | bool | int | float | Sequence[str]]


def span_name(call: LLMCall) -> str:
    """`{operation} {model}`, or the operation alone when no model is known (GenAI conventions)."""
    return f"{call.operation} {call.model}" if call.model else call.operation.value


def start_attributes(call: LLMCall) -> Attributes:
    """What samplers may look at: the conventions want these at the start of the span."""
    found: Attributes = {
        names.OPERATION_NAME: call.operation.value,
        names.PROVIDER_NAME: call.provider,
    }
    if call.model is not None:
        found[names.REQUEST_MODEL] = call.model
    if call.server_address is not None:
        found[names.SERVER_ADDRESS] = call.server_address
    if call.server_port is not None:
        found[names.SERVER_PORT] = call.server_port
    return found


def end_attributes(call: LLMCall) -> Attributes:
    """All the rest, set at once when the call has ended."""
    usage, facts, cost = call.usage, call.facts, call.cost
    known = {
        names.RUN_ID: call.run_id,
        names.PROVIDER_NAME: None if call.provider == call.asked_provider else call.provider,
        names.REQUEST_STREAM: call.is_stream or None,
        names.RESPONSE_MODEL: call.response_model,
        names.RESPONSE_ID: call.response_id,
        names.RESPONSE_FINISH_REASONS: call.finish_reasons or None,
        names.RESPONSE_TIME_TO_FIRST_CHUNK: call.time_to_first_chunk_s,
        names.INPUT_TOKENS: usage.input_tokens,
        names.OUTPUT_TOKENS: usage.output_tokens,
        names.CACHE_READ_TOKENS: usage.cache_read_tokens,
        names.CACHE_WRITE_TOKENS: usage.cache_write_tokens,
        names.REASONING_TOKENS: usage.reasoning_tokens,
        names.USAGE_ESTIMATED: usage.estimated or None,
        names.USAGE_COST: None if cost is None or cost.usd is None else float(cost.usd),
        names.COST_SOURCE: None if cost is None else cost.source.value,
        names.COST_SAVED: None if cost is None or cost.saved_usd is None else float(cost.saved_usd),
        names.GATEWAY: call.gateway,
        names.GATEWAY_CALL_ID: facts.call_id,
        names.SERVICE_TIER: call.service_tier,
        names.CACHE_STATUS: None if facts.cache_status is None else facts.cache_status.value,
        names.CACHE_HIT: facts.is_cache_hit,
        names.TARGET_INDEX: facts.target_index,
        names.TARGET_PATH: facts.target_path,
        names.TARGET_PROVIDER: facts.provider,
        names.TARGET_NAME: facts.target_name,
        names.RETRIES: facts.retries,
        names.FALLBACK_USED: facts.fallback_used,
        names.STREAM_END: None if call.stream_end is None else call.stream_end.value,
        names.ERROR_TYPE: call.error_type,
        names.HTTP_STATUS_CODE: call.status_code,
        names.RETRY_AFTER: call.retry_after_s,
    }
    found: Attributes = {name: value for name, value in known.items() if value is not None}
    if usage.has_further_counts:
        found.update({name: getattr(usage, count) for name, count in names.FURTHER_COUNTS if getattr(usage, count)})
    found.update(call.parameters)
    if call.run is not None:
        found.update(run_attributes(call.run))
    return found


def run_id_of(span: Span) -> str:
    """The run id of a span outside any run; one of its own where a tracer that makes no spans gives none."""
    return format_trace_id(span.get_span_context().trace_id or uuid.uuid4().int)


def run_attributes(run: Run) -> Attributes:
    """Who and what the run is for: on its own span and on every span of ours below it."""
    named = {names.USER_ID: run.user, names.SESSION_ID: run.session, names.TENANT_ID: run.tenant}
    found: Attributes = {name: value for name, value in named.items() if value is not None}
    if run.tags:
        found[names.TAGS] = tuple(run.tags)
    return found
