"""With `otlp` metrics arrive too, and content as events where the conventions' variable asks for them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from .receiver import Receiver

PROGRAM = """
import json, os
import httpx, portkey_ai
import fastagentic
ANSWER = {"id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18",
          "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Four cents."}}],
          "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}}
fastagentic.instrument(**json.loads(os.environ.get("ARGUMENTS", "{}")))
transport = httpx.MockTransport(lambda _: httpx.Response(200, json=ANSWER, headers={"x-portkey-provider": "openai"}))
client = portkey_ai.Portkey(api_key="pk", provider="openai", base_url="http://127.0.0.1:9/v1",
                            http_client=httpx.Client(transport=transport))
client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "What did it cost?"}])
print(fastagentic.flush(20))
"""
MODE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


def run(receiver: Receiver, home: Path, **environment: str) -> None:
    """A program with one call, that sends to the receiver."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], text=True, capture_output=True, check=False,
        env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "FASTAGENTIC_HOME": str(home), **environment},
    )  # fmt: skip
    assert done.stdout.strip() == "True", done.stderr


def content(receiver: Receiver) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The content on the call's span, and what the events carry of it."""
    (span,) = receiver.spans
    events = [record.attributes for record in receiver.logs]
    return {name: value for name, value in span.attributes.items() if name.endswith("messages")}, events


def test_metrics_arrive_in_a_process_that_has_no_meter_provider(receiver: Receiver, own_environment: Path) -> None:
    run(receiver, own_environment)
    names = {metric.name for metric in receiver.metrics}
    assert {"gen_ai.client.operation.duration", "fastagentic.cost", "fastagentic.export.delivered"} <= names


def test_metrics_are_not_sent_where_opentelemetry_says_so(receiver: Receiver, own_environment: Path) -> None:
    run(receiver, own_environment, OTEL_METRICS_EXPORTER="none")
    assert not receiver.metrics
    assert receiver.spans


@pytest.mark.parametrize(
    ("mode", "on_span", "in_event"),
    [
        pytest.param("SPAN_ONLY", True, False, marks=pytest.mark.slow),
        pytest.param("EVENT_ONLY", False, True, marks=pytest.mark.slow),
        ("SPAN_AND_EVENT", True, True),
        pytest.param("NO_CONTENT", False, False, marks=pytest.mark.slow),
    ],
)
def test_content_is_where_the_mode_says(
    receiver: Receiver, own_environment: Path, mode: str, on_span: bool, in_event: bool
) -> None:
    run(receiver, own_environment, **{MODE: mode})
    span, events = content(receiver)
    assert bool(span) == on_span
    assert len(events) == in_event
    if in_event:
        asked = events[0]["gen_ai.input.messages"]
        assert asked == [{"role": "user", "parts": [{"type": "text", "content": "What did it cost?"}]}]
        assert events[0]["gen_ai.request.model"] == "gpt-4o-mini"
    if on_span:
        assert "What did it cost?" in span["gen_ai.input.messages"]


def test_the_argument_beats_the_mode_and_keeps_content_out_of_events_too(receiver: Receiver, own_environment: Path) -> None:
    run(receiver, own_environment, **{MODE: "EVENT_ONLY", "ARGUMENTS": json.dumps({"capture_content": False})})
    assert content(receiver) == ({}, [])
