"""Every attribute, metric and value string that leaves the process, in one place.

The GenAI names are those of the OpenTelemetry semantic conventions for GenAI (1.42.0-dev; the Python package is frozen
before it); `fastagentic.*` names what the conventions have no word for. A dashboard, rule or collector config
that uses a name from elsewhere fails a test.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

# --- GenAI semantic conventions -------------------------------------------------------------------
OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"  # the newer `cache_write` is unknown to backends
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
USAGE_COST: Final = "gen_ai.usage.cost"  # not in the conventions; the one key that backends read
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  # an attribute name, no secret
INPUT_MESSAGES: Final = "gen_ai.input.messages"  # content: only when asked for
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_NAME: Final = "gen_ai.tool.name"
TOOL_TYPE: Final = "gen_ai.tool.type"
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
TOOL_CALL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
TOOL_CALL_RESULT: Final = "gen_ai.tool.call.result"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
WORKFLOW_NAME: Final = "gen_ai.workflow.name"
AGENT_NAME: Final = "gen_ai.agent.name"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
ERROR_TYPE: Final = "error.type"
HTTP_STATUS_CODE: Final = "http.response.status_code"
USER_ID: Final = "user.id"
SESSION_ID: Final = "session.id"

# --- ours -----------------------------------------------------------------------------------------
RUN_ID: Final = "fastagentic.run.id"
RUN_EXTERNAL_ID: Final = "fastagentic.run.external_id"
RUN_COST: Final = "fastagentic.run.cost"  # USD, the whole run
RUN_CALLS: Final = "fastagentic.run.calls"
TRACE_NAME: Final = "fastagentic.trace.name"  # on the outermost run, where a span that is not ours is above it
TAGS: Final = "fastagentic.tags"
CONTENT: Final = "fastagentic.content"  # the names of the captured content on a span
TENANT_ID: Final = "fastagentic.tenant.id"
SAMPLE_FORCE: Final = "fastagentic.sample.force"  # read by the collector's configurations; a user sets it, we do not
COST_SOURCE: Final = "fastagentic.cost.source"
COST_SAVED: Final = "fastagentic.cost.saved"
GATEWAY: Final = "fastagentic.gateway"
GATEWAY_CALL_ID: Final = "fastagentic.gateway.call_id"
CACHE_STATUS: Final = "fastagentic.cache.status"
CACHE_HIT: Final = "fastagentic.cache.hit"
TARGET_INDEX: Final = "fastagentic.target.index"
TARGET_PATH: Final = "fastagentic.target.path"
TARGET_PROVIDER: Final = "fastagentic.target.provider"
TARGET_NAME: Final = "fastagentic.target.name"
RETRIES: Final = "fastagentic.retries"
RETRY_AFTER: Final = "fastagentic.retry_after"  # seconds
SERVICE_TIER: Final = "fastagentic.service_tier"
FALLBACK_USED: Final = "fastagentic.fallback.used"
FALLBACK_FROM: Final = "fastagentic.fallback.from"
FALLBACK_TO: Final = "fastagentic.fallback.to"
STREAM_END: Final = "fastagentic.stream.end"
USAGE_ESTIMATED: Final = "fastagentic.usage.estimated"
USAGE_INPUT_AUDIO: Final = "fastagentic.usage.input_audio_tokens"  # these where there are any: they are charged apart
USAGE_OUTPUT_AUDIO: Final = "fastagentic.usage.output_audio_tokens"
USAGE_INPUT_IMAGE: Final = "fastagentic.usage.input_image_tokens"
USAGE_OUTPUT_IMAGE: Final = "fastagentic.usage.output_image_tokens"
USAGE_CACHE_WRITE_1H: Final = "fastagentic.usage.cache_write_1h_tokens"
USAGE_IMAGES: Final = "fastagentic.usage.images"
USAGE_AUDIO_SECONDS: Final = "fastagentic.usage.audio_seconds"
USAGE_INPUT_CHARACTERS: Final = "fastagentic.usage.input_characters"
USAGE_WEB_SEARCHES: Final = "fastagentic.usage.web_searches"
ATTEMPT_NUMBER: Final = "fastagentic.attempt.number"
ATTEMPT_MODEL: Final = "fastagentic.attempt.model"
ATTEMPT_PROVIDER: Final = "fastagentic.attempt.provider"
OUTCOME: Final = "fastagentic.outcome"
BUDGET_SCOPE: Final = "fastagentic.budget.scope"
BUDGET_ACTION: Final = "fastagentic.budget.action"
DESTINATION: Final = "fastagentic.destination"

FURTHER_COUNTS: Final = (
    (USAGE_INPUT_AUDIO, "input_audio_tokens"),
    (USAGE_OUTPUT_AUDIO, "output_audio_tokens"),
    (USAGE_INPUT_IMAGE, "input_image_tokens"),
    (USAGE_OUTPUT_IMAGE, "output_image_tokens"),
    (USAGE_CACHE_WRITE_1H, "cache_write_1h_tokens"),
    (USAGE_IMAGES, "images"),
    (USAGE_AUDIO_SECONDS, "audio_seconds"),
    (USAGE_INPUT_CHARACTERS, "input_characters"),
    (USAGE_WEB_SEARCHES, "web_searches"),
)
"""What is charged beside plain tokens, and the field of `Usage` that counts it."""

# --- metrics --------------------------------------------------------------------------------------
OPERATION_DURATION: Final = "gen_ai.client.operation.duration"
TOKEN_USAGE: Final = "gen_ai.client.token.usage"  # noqa: S105  # a metric name, no secret
TIME_TO_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
TIME_PER_OUTPUT_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"
COST: Final = "fastagentic.cost"
UNPRICED_CALLS: Final = "fastagentic.cost.unpriced_calls"
GATEWAY_REQUESTS: Final = "fastagentic.gateway.requests"
GATEWAY_CACHE_LOOKUPS: Final = "fastagentic.gateway.cache_lookups"
GATEWAY_RETRIES: Final = "fastagentic.gateway.retries"
GATEWAY_FALLBACKS: Final = "fastagentic.gateway.fallbacks"
BUDGET: Final = "fastagentic.budget"  # USD, what may be spent in a month
TARGET_WEIGHT: Final = "fastagentic.gateway.target.weight"
BUDGET_SPENT: Final = "fastagentic.budget.spent"  # USD, of the same
BUDGET_EXCEEDED: Final = "fastagentic.budget.exceeded"
BUDGET_REFUSED: Final = "fastagentic.budget.refused_calls"
BUDGET_FAILURES: Final = "fastagentic.budget.ledger_failures"
EXPORT_DELIVERED: Final = "fastagentic.export.delivered"
EXPORT_DROPPED: Final = "fastagentic.export.dropped"
EXPORT_SPOOLED: Final = "fastagentic.export.spooled"
EXPORT_WAITING: Final = "fastagentic.export.waiting"

# Bucket bounds of the conventions: seconds double from 10 ms, tokens quadruple from 1.
SECONDS_BUCKETS: Final = tuple(0.01 * 2**n for n in range(14))
TOKENS_BUCKETS: Final = tuple(float(4**n) for n in range(14))

# --- events ---------------------------------------------------------------------------------------
OPERATION_DETAILS: Final = "gen_ai.client.inference.operation.details"

# --- our instrumentation scope --------------------------------------------------------------------
SCOPE: Final = "fastagentic"


class Operation(StrEnum):
    """`gen_ai.operation.name`: the conventions' values, and our own where they have no word."""

    CHAT = "chat"
    TEXT_COMPLETION = "text_completion"
    EMBEDDINGS = "embeddings"
    GENERATE_CONTENT = "generate_content"
    INVOKE_WORKFLOW = "invoke_workflow"
    INVOKE_AGENT = "invoke_agent"
    EXECUTE_TOOL = "execute_tool"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    RERANK = "rerank"
    MODERATION = "moderation"


class CacheStatus(StrEnum):
    """`fastagentic.cache.status`: what the gateway's response cache did."""

    HIT = "hit"
    SEMANTIC_HIT = "semantic_hit"
    MISS = "miss"
    REFRESH = "refresh"
    DISABLED = "disabled"


class CostSource(StrEnum):
    """`fastagentic.cost.source`: who said what the call cost, best first."""

    OVERRIDE = "override"
    GATEWAY = "gateway"
    PRICE_TABLE = "price_table"
    UNKNOWN = "unknown"


class StreamEnd(StrEnum):
    """`fastagentic.stream.end`: how a stream ended. Closed and abandoned streams are no errors."""

    EXHAUSTED = "exhausted"
    CLOSED = "closed"
    ABANDONED = "abandoned"
    CANCELLED = "cancelled"
    ERROR = "error"


class Outcome(StrEnum):
    """`fastagentic.outcome`: how a gateway request went."""

    OK = "ok"
    ERROR = "error"
    RESCUED_BY_RETRY = "rescued_by_retry"
    RESCUED_BY_FALLBACK = "rescued_by_fallback"


class BudgetScope(StrEnum):
    """On what a budget's limit is: each run, user, tenant or endpoint, or all together in a month."""

    RUN = "run"
    USER = "user"
    TENANT = "tenant"
    ENDPOINT = "endpoint"
    MONTH = "month"


class BudgetAction(StrEnum):
    """What happens once a budget is used up: it is said, or the next call is not made."""

    WARN = "warn"
    STOP = "stop"


class Period(StrEnum):
    """The time after which a budget of a user, tenant or endpoint starts anew, UTC."""

    DAY = "day"
    MONTH = "month"
