"""The cases of `overhead.py`: real clients with a canned answer at the wire, or with their own work replaced by one; and the
observation that somebody would write by hand, with the same attributes and metrics as ours."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import litellm
import litellm.chat_completions.dispatch as litellm_dispatch
import portkey_ai
from opentelemetry.trace import SpanKind, format_trace_id
from portkey_ai._vendor.openai._base_client import SyncAPIClient
from portkey_ai._vendor.openai._models import FinalRequestOptions
from portkey_ai.api_resources.types.chat_complete_type import ChatCompletionChunk, ChatCompletions

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Facts = Callable[[Any], dict[str, Any]]

MESSAGES = [{"role": "user", "content": "What did the run cost?"}]
ANSWER = {
    "id": "chatcmpl-123456",
    "object": "chat.completion",
    "created": 1764000000,
    "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Four cents."}}],
    "usage": {
        "prompt_tokens": 1000,
        "completion_tokens": 200,
        "total_tokens": 1200,
        "prompt_tokens_details": {"cached_tokens": 400},
        "completion_tokens_details": {"reasoning_tokens": 50},
    },
}
HEADERS = {
    "x-portkey-cache-status": "MISS",
    "x-portkey-last-used-option-index": "config.targets[0]",
    "x-portkey-provider": "openai",
    "x-portkey-retry-attempt-count": "0",
    "x-portkey-trace-id": "0123456789abcdef0123456789abcdef",
}
CHUNKS = 50


@dataclass
class Case:
    """One kind of call; `weight` is how many of the lightest case it is worth.

    `call` returns the answer, or the stream, as `ObservedByHand` reads it. `replaced` is the client's own work: owner,
    attribute and what stands there instead, put there before anybody observes.
    """

    name: str
    title: str
    call: Callable[[], Any]
    weight: int = 1
    is_stream: bool = False
    replaced: tuple[tuple[Any, str, Any], ...] = ()

    @contextlib.contextmanager
    def prepared(self) -> Iterator[None]:
        originals = [(owner, attribute, getattr(owner, attribute)) for owner, attribute, _ in self.replaced]
        for owner, attribute, replacement in self.replaced:
            setattr(owner, attribute, replacement)
        try:
            yield
        finally:
            for owner, attribute, original in originals:
                setattr(owner, attribute, original)


class CannedStream:
    """A client's stream without its work: an iterator over ready chunks, with headers."""

    def __init__(self, chunks: list[Any]) -> None:
        self._chunks = iter(chunks)
        self.response = CANNED_RESPONSE
        self._hidden_params = {"custom_llm_provider": "openai"}

    def __iter__(self) -> CannedStream:
        return self

    def __next__(self) -> Any:
        return next(self._chunks)


CANNED_RESPONSE = httpx.Response(
    200,
    content=json.dumps(ANSWER),
    headers={**HEADERS, "content-type": "application/json"},
    request=httpx.Request("POST", "http://127.0.0.1:9/v1/chat/completions"),
)


class CannedRaw:
    """What Portkey's door hands up: the response of the wire, which is parsed above it, or the stream in it."""

    http_response = CANNED_RESPONSE
    _cast_to = ChatCompletions

    def __init__(self) -> None:
        self._parsed_by_type: dict[type, Any] = {}

    def _parse(self) -> Any:
        return CannedStream(_PORTKEY_CHUNKS)

    def parse(self) -> Any:
        return self._parsed_by_type.get(self._cast_to) or self._parse()


def portkey_chunks() -> list[ChatCompletionChunk]:
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": ANSWER["model"]}
    texts = [{**base, "choices": [{"index": 0, "delta": {"content": "word "}}]} for _ in range(CHUNKS - 2)]
    stop = {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    usage = {**base, "choices": [], "usage": ANSWER["usage"]}
    return [ChatCompletionChunk(**chunk) for chunk in (*texts, stop, usage)]


def litellm_answer() -> Any:
    answer = litellm.ModelResponse(**ANSWER)
    answer._hidden_params = {
        "custom_llm_provider": "openai",
        "response_cost": 0.00024,
        "api_base": "https://api.openai.com",
        "additional_headers": {},
    }
    return answer


def portkey_answer() -> Any:
    answer = ChatCompletions(**ANSWER)
    answer._headers = CANNED_RESPONSE.headers
    return answer


def litellm_chunks() -> list[Any]:
    return [litellm.ModelResponseStream(**chunk.model_dump(exclude_none=True)) for chunk in portkey_chunks()]


def mock_transport() -> httpx.MockTransport:
    body = json.dumps(ANSWER)
    return httpx.MockTransport(
        lambda _: httpx.Response(200, content=body, headers={**HEADERS, "content-type": "application/json"})
    )


CLIENT = portkey_ai.Portkey(
    api_key="pk-bench",
    base_url="http://127.0.0.1:9/v1",
    config={"strategy": {"mode": "fallback"}, "targets": [{"provider": "openai", "api_key": "sk-bench"}]},
    http_client=httpx.Client(transport=mock_transport()),
)
_LITELLM_ANSWER, _LITELLM_CHUNKS = litellm_answer(), litellm_chunks()
_PORTKEY_ANSWER, _PORTKEY_CHUNKS = portkey_answer(), portkey_chunks()


def _portkey(**more: Any) -> Any:
    return CLIENT.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, temperature=0.2, max_tokens=512, **more)


def _at_portkeys_door(**more: Any) -> Any:
    """What `chat.completions.create` comes down to: one request of the SDK that Portkey vendors."""
    raw = CLIENT.openai_client.request(ChatCompletions, OPTIONS, **more)
    return raw.parse() if more else _PORTKEY_ANSWER  # else parsed by the SDK, observed or not


OPTIONS = FinalRequestOptions(
    method="post",
    url="/chat/completions",
    headers={"X-Stainless-Raw-Response": "true"},
    json_data={"model": "gpt-4o-mini", "messages": MESSAGES, "temperature": 0.2, "max_tokens": 512},
)


def _request(self: Any, cast_to: Any, options: Any, *, stream: bool = False) -> Any:
    return self._process_response(response=CANNED_RESPONSE)


def _process_response(self: Any, *, response: Any) -> Any:
    return CannedRaw()


def _litellm(**more: Any) -> Any:
    return litellm.completion(model="gpt-4o-mini", messages=MESSAGES, temperature=0.2, max_tokens=512, **more)


def _drained(stream: Any) -> None:
    for _ in stream:
        pass


def _completion(*args: Any, **arguments: Any) -> Any:
    return CannedStream(_LITELLM_CHUNKS) if arguments.get("stream") else _LITELLM_ANSWER


_LITELLMS = ((litellm_dispatch, "_PYTHON_COMPLETION", _completion), (litellm.main, "completion", _completion))
_PORTKEYS = ((SyncAPIClient, "request", _request), (SyncAPIClient, "_process_response", _process_response))

CASES = (
    Case("portkey-canned", "Portkey, its own work replaced by a canned answer", _at_portkeys_door, 1, False, _PORTKEYS),
    Case("litellm-canned", "LiteLLM, its own work replaced by a canned answer", _litellm, 1, False, _LITELLMS),
    Case(
        "portkey-stream", f"Portkey, a canned stream of {CHUNKS} chunks",
        lambda: _drained(_at_portkeys_door(stream=True)), 4, True, _PORTKEYS,
    ),
    Case(
        "litellm-stream", f"LiteLLM, a canned stream of {CHUNKS} chunks",
        lambda: _drained(_litellm(stream=True)), 4, True, _LITELLMS,
    ),
    Case("portkey-whole", "Portkey SDK, whole, over a mock transport", _portkey, 8),
    Case("litellm-whole", "LiteLLM, whole, with mock_response", lambda: _litellm(mock_response="Four cents."), 10),
)  # fmt: skip


class ObservedByHand:
    """A span with our attributes and a record per metric, as one writes it around a call; the price is a constant."""

    def __init__(self, tracer_provider: Any, meter_provider: Any) -> None:
        self._tracer = tracer_provider.get_tracer("by-hand")
        meter = meter_provider.get_meter("by-hand")
        seconds, tokens = list(names.SECONDS_BUCKETS), list(names.TOKENS_BUCKETS)
        histogram = meter.create_histogram
        self._duration = histogram(names.OPERATION_DURATION, "s", explicit_bucket_boundaries_advisory=seconds)
        self._tokens = histogram(names.TOKEN_USAGE, "{token}", explicit_bucket_boundaries_advisory=tokens)
        self._first = histogram(names.TIME_TO_FIRST_CHUNK, "s", explicit_bucket_boundaries_advisory=seconds)
        self._gap = histogram(names.TIME_PER_OUTPUT_CHUNK, "s", explicit_bucket_boundaries_advisory=seconds)
        self._cost = meter.create_counter(names.COST, "USD")
        self._requests = meter.create_counter(names.GATEWAY_REQUESTS)
        self._lookups = meter.create_counter(names.GATEWAY_CACHE_LOOKUPS)

    def around(self, case: Case) -> Callable[[], None]:
        facts = portkey_facts if case.name.startswith("portkey") else litellm_facts
        return self._stream(case, facts) if case.is_stream else self._plain(case, facts)

    def _plain(self, case: Case, facts: Facts) -> Callable[[], None]:
        def call() -> None:
            started = time.perf_counter()
            with self._tracer.start_as_current_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=START) as span:
                answer: Any = case.call()
                self._finish(span, answer, facts(answer), started)

        return call

    def _stream(self, case: Case, facts: Facts) -> Callable[[], None]:
        create = _at_portkeys_door if case.name.startswith("portkey") else _litellm

        def call() -> None:
            started = time.perf_counter()
            span = self._tracer.start_span("chat gpt-4o-mini", kind=SpanKind.CLIENT, attributes=START)
            previous, chunk = 0.0, None
            stream = create(stream=True)
            for chunk in stream:  # noqa: B007  # the last one is read after the loop
                now = time.perf_counter()
                if previous:
                    self._gap.record(now - previous, LABELS)
                else:
                    self._first.record(now - started, LABELS)
                previous = now
            self._finish(span, chunk, facts(stream), started)
            span.end()

        return call

    def _finish(self, span: Any, answer: Any, facts: dict[str, Any], started: float) -> None:
        usage = answer.usage
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
        details = usage.completion_tokens_details
        fresh = usage.prompt_tokens - cached
        cost = 0.00000015 * fresh + 0.000000075 * cached + 0.0000006 * usage.completion_tokens
        span.set_attributes(
            {
                names.REQUEST_TEMPERATURE: 0.2,
                names.REQUEST_MAX_TOKENS: 512,
                names.RUN_ID: format_trace_id(span.get_span_context().trace_id),
                names.RESPONSE_ID: answer.id,
                names.RESPONSE_MODEL: answer.model or "",
                names.RESPONSE_FINISH_REASONS: ("stop",),
                names.INPUT_TOKENS: usage.prompt_tokens,
                names.OUTPUT_TOKENS: usage.completion_tokens,
                names.CACHE_READ_TOKENS: cached,
                names.REASONING_TOKENS: details.reasoning_tokens if details else 0,
                names.USAGE_COST: cost,
                names.COST_SOURCE: "price_table",
                **facts,
            }
        )
        self._duration.record(time.perf_counter() - started, LABELS)
        self._tokens.record(usage.prompt_tokens, {**LABELS, names.TOKEN_TYPE: "input"})
        self._tokens.record(usage.completion_tokens, {**LABELS, names.TOKEN_TYPE: "output"})
        self._cost.add(cost, LABELS)
        self._requests.add(1, {**LABELS, names.OUTCOME: "ok"})
        if facts[names.CACHE_STATUS] != "disabled":
            self._lookups.add(1, {**LABELS, names.CACHE_STATUS: facts[names.CACHE_STATUS]})


def portkey_facts(answer: Any) -> dict[str, Any]:
    headers = answer.response.headers if isinstance(answer, CannedStream) else answer._headers
    path = headers["x-portkey-last-used-option-index"]
    return {
        names.GATEWAY: "portkey",
        names.CACHE_STATUS: headers["x-portkey-cache-status"].lower(),
        names.CACHE_HIT: headers["x-portkey-cache-status"] == "HIT",
        names.TARGET_PATH: path,
        names.TARGET_INDEX: int(path[15:-1]),
        names.TARGET_PROVIDER: headers["x-portkey-provider"],
        names.RETRIES: int(headers["x-portkey-retry-attempt-count"]),
        names.FALLBACK_USED: path[15:-1] != "0",
    }


def litellm_facts(answer: Any) -> dict[str, Any]:
    hidden = answer._hidden_params
    return {
        names.GATEWAY: "litellm",
        names.CACHE_STATUS: "disabled",
        names.CACHE_HIT: bool(hidden.get("cache_hit")),
        names.TARGET_PROVIDER: hidden["custom_llm_provider"],
    }


START: dict[str, Any] = {
    names.OPERATION_NAME: "chat",
    names.PROVIDER_NAME: "openai",
    names.REQUEST_MODEL: "gpt-4o-mini",
    names.SERVER_ADDRESS: "127.0.0.1",
    names.SERVER_PORT: 9,
}
LABELS: dict[str, Any] = {**START, names.RESPONSE_MODEL: ANSWER["model"], names.GATEWAY: "portkey"}
