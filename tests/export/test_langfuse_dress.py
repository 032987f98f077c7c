"""What a person sees in Langfuse of a span of ours, by its server's rules: each token once, the cost as known, the names."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from fastagentic.core import names
from fastagentic.core.names import Operation
from fastagentic.export.destinations import _langfuse_dress as dress
from fastagentic.export.encode import dressed, encode_attributes, encode_span, frame_of, request
from fastagentic.export.ours import leaving
from fastagentic.export.record import Record
from tests.export.langfuse_server import Observation, observation
from tests.export.received import ReceivedRequest, decoded_spans

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan

PAGE = Path(__file__).parents[2] / "docs/langfuse.md"
STARTED_NS = 1_767_225_600_123_456_789
CALL = {names.OPERATION_NAME: "chat", names.PROVIDER_NAME: "openai", names.REQUEST_MODEL: "gpt-4o-mini", names.RUN_ID: "1"}
KEYS = {
    value for name, value in vars(dress).items() if name.isupper() and isinstance(value, str) and value.startswith("langfuse.")
}

provider = TracerProvider(shutdown_on_exit=False)
tracer = provider.get_tracer(names.SCOPE)


def ended(
    attributes: Mapping[str, Any], *, name: str = "chat gpt-4o-mini", status: trace.Status | None = None, **how: Any
) -> ReadableSpan:
    """A span of ours, from a provider as it is in the wild."""
    kind = SpanKind.CLIENT if attributes.get(names.REQUEST_MODEL) else SpanKind.INTERNAL
    span = tracer.start_span(name, kind=kind, attributes=attributes, start_time=STARTED_NS, **how)
    if status is not None:
        span.set_status(status)
    span.end()
    return span  # type: ignore[return-value]


def seen(span: ReadableSpan, **place: str) -> Observation:
    """The observation that Langfuse makes of a span, from the bytes that it is sent."""
    return observation(received(span, place))


def received(span: ReadableSpan, place: Mapping[str, str] | None = None) -> Any:
    body = dressed(encode_span(span, leaving(span)), encode_attributes(dress.dressed(span, place or {})))
    payload = request([Record(frame_of(span), body, 1, 0)])
    (one,) = decoded_spans(ReceivedRequest("POST", "/", {}, payload.body, "ok", "traces"))
    keys = [pair.key for pair in one.message.attributes]
    assert len(keys) == len(set(keys)), "OTLP forbids a key twice"
    return one


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("chat", "generation"), ("text_completion", "generation"), ("generate_content", "generation"),
        ("embeddings", "embedding"),
        ("execute_tool", "tool"), ("invoke_agent", "agent"), ("invoke_workflow", "chain"), ("speech", "generation"),
        ("transcription", "generation"), ("rerank", "generation"), ("moderation", "generation"),
    ],
)  # fmt: skip
def test_the_operation_says_what_kind_of_observation_it_is(operation: str, kind: str) -> None:
    assert Operation(operation)
    assert seen(ended({names.OPERATION_NAME: operation}, name=operation)).type == kind


def test_an_attempt_is_a_plain_span_that_costs_nothing() -> None:
    attempt = ended({names.ATTEMPT_NUMBER: 2, names.ATTEMPT_MODEL: "gpt-4o", names.ATTEMPT_PROVIDER: "azure"}, name="attempt 2")

    found = seen(attempt)

    assert (found.type, found.model, found.usage, found.cost) == ("span", None, {}, None)
    assert found.metadata == {"attempt": 2, "attempt_model": "gpt-4o", "attempt_provider": "azure"}


def test_the_model_is_the_one_that_answered() -> None:
    assert seen(ended({**CALL, names.RESPONSE_MODEL: "gpt-4o-mini-2024-07-18"})).model == "gpt-4o-mini-2024-07-18"
    assert seen(ended(CALL)).model == "gpt-4o-mini"


USAGE = {
    names.INPUT_TOKENS: 1000, names.CACHE_READ_TOKENS: 600, names.CACHE_WRITE_TOKENS: 100, names.OUTPUT_TOKENS: 50,
    names.REASONING_TOKENS: 20,
}  # fmt: skip


def test_each_token_is_in_one_bucket() -> None:
    assert seen(ended({**CALL, **USAGE})).usage == {
        "input": 300, "input_cached_tokens": 600, "input_cache_creation": 100, "output": 30, "output_reasoning_tokens": 20,
        "total": 1050,
    }  # fmt: skip


@given(
    tokens=st.fixed_dictionaries({}, optional={name: st.integers(0, 10**9) for name in USAGE}),
)
def test_the_buckets_sum_to_the_total_whatever_the_provider_counted(tokens: dict[str, int]) -> None:
    found = dress.usage_details(tokens)

    assert found.pop("total", 0) == sum(found.values())
    assert all(count >= 0 for count in found.values())


@given(
    cached=st.integers(0, 10**6), created=st.integers(0, 10**6), fresh=st.integers(0, 10**6),
    reasoning=st.integers(0, 10**6), spoken=st.integers(0, 10**6),
)  # fmt: skip
def test_the_total_is_input_and_output_of_the_conventions(
    cached: int, created: int, fresh: int, reasoning: int, spoken: int
) -> None:
    tokens = {
        names.INPUT_TOKENS: cached + created + fresh, names.CACHE_READ_TOKENS: cached, names.CACHE_WRITE_TOKENS: created,
        names.OUTPUT_TOKENS: reasoning + spoken, names.REASONING_TOKENS: reasoning,
    }  # fmt: skip

    assert dress.usage_details(tokens)["total"] == tokens[names.INPUT_TOKENS] + tokens[names.OUTPUT_TOKENS]


def test_unknown_usage_is_absent_and_not_zero() -> None:
    assert seen(ended(CALL)).usage == {}
    assert seen(ended({**CALL, names.INPUT_TOKENS: 8})).usage == {"input": 8, "total": 8}


@pytest.mark.parametrize(("cost", "shown"), [(0.00042, {"total": 0.00042}), (0.0, {"total": 0.0})])
def test_the_cost_is_ours_also_when_it_is_nothing(cost: float, shown: dict[str, float]) -> None:
    """A cache hit costs 0.0. As a bare attribute the server would overlook it, and compute the full price."""
    assert seen(ended({**CALL, names.USAGE_COST: cost})).cost == shown


def test_an_unknown_cost_is_left_open() -> None:
    assert seen(ended({**CALL, names.COST_SOURCE: "unknown"})).cost is None


def test_the_first_token_came_when_the_first_chunk_did() -> None:
    found = seen(ended({**CALL, names.RESPONSE_TIME_TO_FIRST_CHUNK: 0.25})).completion_start_time

    assert found == "2026-01-01T00:00:00.373456Z"
    assert datetime.fromisoformat(found).timestamp() == pytest.approx(STARTED_NS / 1e9 + 0.25, abs=1e-3)


def test_who_the_run_is_for_is_on_every_span() -> None:
    found = seen(
        ended({**CALL, names.USER_ID: "u-42", names.SESSION_ID: "s-7", names.TAGS: ("batch", "eu"), names.TENANT_ID: "acme"})
    )

    assert (found.user, found.session, found.tags, found.metadata["tenant"]) == ("u-42", "s-7", ["batch", "eu"], "acme")


def test_environment_and_release_are_the_destinations() -> None:
    found = seen(ended(CALL), **{dress.ENVIRONMENT: "staging", dress.RELEASE: "1.4.2"})

    assert (found.environment, found.release) == ("staging", "1.4.2")


RUN = {names.OPERATION_NAME: "invoke_workflow", names.WORKFLOW_NAME: "nightly-report"}


def test_the_outermost_run_names_the_trace() -> None:
    assert seen(ended(RUN, name="invoke_workflow nightly-report")).trace_name == "nightly-report"


def test_a_run_inside_another_does_not() -> None:
    outer = trace.set_span_in_context(tracer.start_span("invoke_workflow outer"))

    found = seen(ended(RUN, name="invoke_workflow nightly-report", context=outer))

    assert found.trace_name is None
    assert not found.is_app_root


def test_a_run_that_goes_on_with_somebodys_trace_is_the_root_of_what_is_ours() -> None:
    remote = SpanContext(trace_id=7, span_id=8, is_remote=True, trace_flags=TraceFlags(1))

    found = seen(ended(RUN, name="invoke_workflow r", context=trace.set_span_in_context(NonRecordingSpan(remote))))

    assert found.is_app_root
    assert found.trace_name == "nightly-report"


def test_request_parameters_are_shown_with_the_model() -> None:
    asked = {
        names.REQUEST_TEMPERATURE: 0.2,
        names.REQUEST_MAX_TOKENS: 100,
        names.REQUEST_STOP_SEQUENCES: ("END",),
        names.REQUEST_STREAM: True,
    }

    found = seen(ended({**CALL, **asked})).parameters

    assert found == {"temperature": 0.2, "max_tokens": 100, "stop_sequences": ["END"], "stream": True}


def test_what_the_gateway_said_can_be_filtered_by() -> None:
    said = {
        names.GATEWAY: "portkey", names.CACHE_STATUS: "hit", names.CACHE_HIT: True, names.COST_SAVED: 0.002, names.RETRIES: 2,
        names.TARGET_PATH: "config.targets[1]", names.FALLBACK_USED: True, names.COST_SOURCE: "gateway",
    }  # fmt: skip

    assert seen(ended({**CALL, **said})).metadata == {
        "provider": "openai", "gateway": "portkey", "cache_status": "hit", "cache_hit": True, "saved": 0.002, "retries": 2,
        "target_path": "config.targets[1]", "fallback_used": True, "cost_source": "gateway",
    }  # fmt: skip


def test_an_error_is_one_and_says_its_class() -> None:
    found = seen(ended({**CALL, names.ERROR_TYPE: "RateLimitError"}, status=trace.Status(trace.StatusCode.ERROR)))

    assert (found.level, found.status_message) == ("ERROR", "RateLimitError")


@pytest.mark.parametrize("end", ["closed", "abandoned"])
def test_a_stream_that_was_left_is_none(end: str) -> None:
    assert seen(ended({**CALL, names.STREAM_END: end})).level == "DEFAULT"


def test_captured_content_is_input_and_output_without_being_sent_twice() -> None:
    said = {names.INPUT_MESSAGES: '[{"role": "user"}]', names.OUTPUT_MESSAGES: '[{"role": "assistant"}]'}
    span = ended({**CALL, **said, names.CONTENT: tuple(said)})

    found = seen(span)

    assert (found.input, found.output) == tuple(said.values())
    assert json.dumps(received(span).attributes).count("assistant") == 1


def test_what_another_instrumentation_wrote_on_a_run_is_not_counted() -> None:
    """LiteLLM's `otel` and `langfuse_otel` callbacks write usage and prompt of a call on whatever span is current."""
    theirs = {
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.cost": 1.0,
        "langfuse.observation.input": "the prompt",
        "gen_ai.request.model": "",
    }

    found = seen(ended({**RUN, **theirs}, name="invoke_workflow nightly-report"))

    assert (found.usage, found.cost, found.input, found.type) == ({}, None, None, "chain")


def test_what_the_user_said_to_langfuses_own_sdk_beats_us() -> None:
    theirs = {"langfuse.trace.name": "theirs", "langfuse.trace.tags": ("mine",), "langfuse.observation.prompt.name": "greeting"}

    found = received(ended({**RUN, names.TAGS: ("batch",), **theirs}, name="invoke_workflow nightly-report"))

    assert {key: found.attributes[key] for key in theirs} == {**theirs, "langfuse.trace.tags": ["mine"]}


def test_every_key_is_on_the_page() -> None:
    written = PAGE.read_text()

    assert not [key for key in KEYS if f"`{key}" not in written]
    assert not [key for key in dress.FILTERABLE if f"`{key}`" not in written]
