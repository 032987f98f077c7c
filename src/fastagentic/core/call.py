"""`LLMCall`: what one logical LLM call was, asked for and answered. It and `Run` are the only carriers between rooms.

Readers in `clients/` fill it, `pricing` adds the cost, `observe/spans.py` and `observe/metrics.py` project it. `None` is
unknown everywhere; 0 is zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from .names import CacheStatus, CostSource, Operation, Outcome, StreamEnd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal

    from .run import Run


@dataclass(slots=True)
class Usage:
    """Tokens of one call, counted as the GenAI conventions count them, and what else providers charge for.

    `input_tokens` includes `cache_read_tokens`, `cache_write_tokens`, `input_audio_tokens` and `input_image_tokens`;
    `output_tokens` includes `reasoning_tokens`, `output_audio_tokens` and `output_image_tokens`; `cache_write_tokens`
    includes `cache_write_1h_tokens`. The cache counts are the provider's prompt cache, never a gateway's response cache.
    `estimated` marks counts that the provider did not give.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_audio_tokens: int | None = None
    estimated: bool = False
    cache_write_1h_tokens: int | None = None
    """Written to be kept for an hour instead of minutes, which costs more."""
    input_image_tokens: int | None = None
    output_image_tokens: int | None = None
    images: int | None = None
    """Images made, where they are charged by the piece."""
    audio_seconds: float | None = None
    """Audio heard or spoken, where it is charged by time."""
    input_characters: int | None = None
    """Text to be spoken, where it is charged by the character."""
    web_searches: int | None = None
    """Searches that the provider made for the answer."""

    @property
    def has_further_counts(self) -> bool:
        """Whether anything was counted that most calls have nothing of (`names.FURTHER_COUNTS`)."""
        return bool(
            self.input_audio_tokens
            or self.output_audio_tokens
            or self.cache_write_1h_tokens
            or self.input_image_tokens
            or self.output_image_tokens
            or self.images
            or self.audio_seconds
            or self.input_characters
            or self.web_searches
        )


class Cost(NamedTuple):
    """What a call cost, in USD. `usd` None is unknown, never free; `saved_usd` is what a cache hit would have cost.

    `rule` says in words which price was used, for people who check a bill.
    """

    usd: Decimal | None
    source: CostSource
    saved_usd: Decimal | None = None
    rule: str = ""


@dataclass(slots=True, frozen=True)
class Routing:
    """How a gateway was told to choose a target, and among which. Empty where that is not known.

    `mode` is that of the outermost strategy (`fallback`, `loadbalance`, ...). `names` has what targets are called, by their
    path (`config.targets[1]`); `shares` what part of the requests each is to have of those that it shares them with, from 0
    to 1, by its name, or its path where it has none.
    """

    mode: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)


NOT_TOLD: Final = Routing()


@dataclass(slots=True, unsafe_hash=True)  # never changed; a frozen one takes four times as long to make
class GatewayFacts:
    """What the gateway in between said about the call: cache, target, retries, fallback, its own cost.

    Replaced as a whole, never changed.
    """

    cache_status: CacheStatus | None = None
    provider: str | None = None
    """The gateway's own spelling of the provider."""
    target_index: int | None = None
    target_path: str | None = None
    target_name: str | None = None
    retries: int | None = None
    retries_exhausted: bool = False
    fallback_used: bool | None = None
    fallback_from: str | None = None
    """The target that failed first, where a fallback was used and the gateway's words tell."""
    fallback_to: str | None = None
    """The target that was fallen back on."""
    cost_usd: float | None = None
    call_id: str | None = None
    """The id by which the gateway's own log knows the call."""

    @property
    def is_cache_hit(self) -> bool:
        """Whether the gateway's response cache answered, exactly or semantically."""
        return self.cache_status is CacheStatus.HIT or self.cache_status is CacheStatus.SEMANTIC_HIT


class StreamedAnswer(Protocol):
    """An answer that is being put together from chunks."""

    def add(self, delta: Any) -> None:
        """Add what one chunk brought."""

    def messages(self, finish_reason: str | None) -> Sequence[Mapping[str, Any]]:
        """What came so far, as the conventions' messages."""


@dataclass(slots=True)
class Content:
    """Captured prompt and answer, as the conventions' JSON messages. Exists only where content capture was asked for."""

    system_instructions: Sequence[Mapping[str, Any]] = ()
    """Those given beside the messages; what a chat has among its messages stays there."""

    input_messages: Sequence[Mapping[str, Any]] = ()
    output_messages: Sequence[Mapping[str, Any]] = ()
    tool_definitions: Sequence[Mapping[str, Any]] = ()
    streamed: StreamedAnswer | None = None
    """The answer of a stream while it comes."""
    written: Mapping[str, str] | None = None
    """What was captured as it may leave, JSON by attribute, where an event of its own is to carry it."""
    error: str = ""
    """The text of the exception that the call ended with."""


NO_FACTS: Final = GatewayFacts()


@dataclass(slots=True)
class LLMCall:
    """One logical LLM call, whatever door it came through and however often the client tried."""

    client: str
    gateway: str | None
    operation: Operation
    provider: str
    """`gen_ai.provider.name`: the conventions' spelling where they have one."""
    model: str | None
    shape: str = "chat"
    """Which API was called, as the readers tell their answers apart: `chat`, `responses`, `messages`, `embeddings`, ..."""
    asked_provider: str | None = None
    """`provider` as it was known before the answer."""
    is_stream: bool = False
    server_address: str | None = None
    server_port: int | None = None
    parameters: dict[str, str | int | float | tuple[str, ...]] = field(default_factory=dict)
    """Request parameters by their attribute name (`gen_ai.request.temperature`, ...)."""
    routing: Routing = NOT_TOLD
    """What the gateway was told of the targets to choose from, as far as the client knows it."""
    is_cache_on: bool = False
    """Whether the client looks into a response cache of its own for this call."""

    content: Content | None = None

    run: Run | None = None
    run_id: str = ""
    started_ns: int = 0
    """Nanoseconds since the epoch."""
    duration_s: float = 0.0

    response_model: str | None = None
    response_id: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    service_tier: str | None = None
    """The tier that answered, in the provider's word (`default`, `flex`, `priority`, `batch`); None when not said."""
    facts: GatewayFacts = NO_FACTS
    cost: Cost | None = None
    error_type: str | None = None
    status_code: int | None = None
    """HTTP status of the answer that the call failed with."""
    retry_after_s: float | None = None
    """How long that answer asks to wait before the next try."""
    stream_end: StreamEnd | None = None
    time_to_first_chunk_s: float | None = None
    chunk_gaps_s: list[float] = field(default_factory=list)
    attempts: int = 0
    """Attempts that the client itself made and that were seen; 0 when it makes none of its own."""

    def read_arrivals(self, started: float, arrivals: list[float]) -> None:
        """When the chunks of a stream came, in seconds of one clock: the time to the first, and the gaps between them."""
        if arrivals:
            self.time_to_first_chunk_s = arrivals[0] - started
            self.chunk_gaps_s = [later - earlier for earlier, later in pairwise(arrivals)]

    @property
    def outcome(self) -> Outcome:
        """How the request to the gateway went; a rescued call is one that a retry or a fallback saved."""
        if self.error_type is not None:
            return Outcome.ERROR
        if self.facts.fallback_used:
            return Outcome.RESCUED_BY_FALLBACK
        if self.facts.retries:
            return Outcome.RESCUED_BY_RETRY
        return Outcome.OK
