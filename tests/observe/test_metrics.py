"""Metrics of finished calls: the conventions' names and buckets, none missed by a collection, bounded attributes only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from tests.clients.doors import MESSAGES, MODEL

if TYPE_CHECKING:
    from tests.spans import Memory

LABELS = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": MODEL,
    "gen_ai.response.model": MODEL,
    "fastagentic.gateway": "litellm",
}


def ask(**more: Any) -> Any:
    return litellm.completion(model=MODEL, messages=MESSAGES, mock_response=more.pop("mock_response", "four cents"), **more)


def test_a_collection_sees_every_call_that_has_returned(recorded: Memory) -> None:
    for expected in range(1, 6):
        ask()
        ((_, (count, _)),) = recorded.metrics["gen_ai.client.operation.duration"]
        assert count == expected


def test_tokens_are_one_histogram_by_type(recorded: Memory) -> None:
    answer = ask()
    points = {labels["gen_ai.token.type"]: total for labels, (_, total) in recorded.metrics["gen_ai.client.token.usage"]}
    assert points == {"input": answer.usage.prompt_tokens, "output": answer.usage.completion_tokens}


def test_cost_is_a_counter_in_usd_that_adds_up(recorded: Memory) -> None:
    answers = [ask() for _ in range(3)]
    ((labels, total),) = recorded.metrics["fastagentic.cost"]
    assert labels == LABELS
    assert abs(total - sum(answer._hidden_params["response_cost"] for answer in answers)) < 1e-12


def test_no_user_session_tenant_or_run_is_ever_a_label(recorded: Memory) -> None:
    with fastagentic.run("report", user="u-42", session="s-7", tenant="acme", tags=["batch"]) as run:
        ask()
    for points in recorded.metrics.values():
        for labels, _ in points:
            assert not {"u-42", "s-7", "acme", "batch", run.run_id} & set(map(str, labels.values()))


def test_a_failed_call_says_so_on_its_duration_and_outcome(recorded: Memory) -> None:
    with pytest.raises(litellm.RateLimitError):
        ask(mock_response="litellm.RateLimitError")
    ((labels, (count, _)),) = recorded.metrics["gen_ai.client.operation.duration"]
    assert (labels["error.type"], count) == ("RateLimitError", 1)
    ((labels, count),) = recorded.metrics["fastagentic.gateway.requests"]
    assert (labels["fastagentic.outcome"], count) == ("error", 1)
    assert "fastagentic.cost" not in recorded.metrics


def test_a_stream_has_the_time_to_its_first_chunk_and_one_gap_less_than_chunks(recorded: Memory) -> None:
    chunks = list(ask(stream=True))
    ((_, (first, _)),) = recorded.metrics["gen_ai.client.operation.time_to_first_chunk"]
    ((_, (gaps, _)),) = recorded.metrics["gen_ai.client.operation.time_per_output_chunk"]
    assert (first, gaps) == (1, len(chunks) - 1)


def test_the_buckets_are_those_of_the_conventions(recorded: Memory) -> None:
    ask()
    bounds = {}
    data = recorded.reader.get_metrics_data()
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        for point in metric.data.data_points:
            bounds[metric.name] = getattr(point, "explicit_bounds", None)
    assert bounds["gen_ai.client.operation.duration"][:3] == (0.01, 0.02, 0.04)
    assert bounds["gen_ai.client.operation.duration"][-1] == 81.92
    assert bounds["gen_ai.client.token.usage"][:3] == (1, 4, 16)


def test_the_exemplar_of_a_duration_is_the_calls_span(recorded: Memory) -> None:
    ask()
    data = recorded.reader.get_metrics_data()
    (duration,) = [
        metric
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if metric.name == "gen_ai.client.operation.duration"
    ]
    (exemplar,) = duration.data.data_points[0].exemplars
    assert exemplar.span_id == recorded.span.context.span_id


def test_a_stream_that_was_dropped_is_counted_too(recorded: Memory) -> None:
    stream = ask(stream=True)
    next(stream)
    del stream
    fastagentic.flush()
    ((_, (count, _)),) = recorded.metrics["gen_ai.client.operation.duration"]
    assert count == 1
    assert (recorded.span.attributes or {})["fastagentic.stream.end"] == "abandoned"
