"""Langfuse as a destination: what it asks for, what it wants to see, how it says no, and what has arrived in the end."""

from __future__ import annotations

import json
import logging
import uuid
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from langfuse.span_filter import KNOWN_LLM_INSTRUMENTATION_SCOPE_PREFIXES
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import SpanKind

import fastagentic
from fastagentic.core import names
from fastagentic.core.errors import ConfigError
from fastagentic.export.chosen import Terms, deliver_to
from fastagentic.export.destination import Accepted, Destination, Later, Malformed, Payload
from fastagentic.export.destinations import langfuse as destination_module
from fastagentic.export.destinations._langfuse_content import Conversations
from fastagentic.export.destinations.langfuse import LangfuseDestination
from fastagentic.export.encoding import deliver
from fastagentic.export.spool.survey import survey
from tests.export.langfuse_server import observation, trace

if TYPE_CHECKING:
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan

    from fastagentic.export.delivery import Delivery
    from tests.export.receiver import Receiver
    from tests.spans import Memory

MESSAGES = [{"role": "user", "content": "What is the answer?"}]
TRACES = "/api/public/otel/v1/traces"


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    """The variables of Langfuse's own SDK, for a server of one's own."""
    monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "sk-lf-1")
    monkeypatch.setenv("LANGFUSE_BASE_URL", f"{receiver.endpoint}/")


class Ids(IdGenerator):
    """One trace id, given by hand."""

    def __init__(self, trace_id: int) -> None:
        self._trace_id = trace_id

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return RandomIdGenerator().generate_span_id()


def span_of(scope: str, attributes: dict[str, Any] | None = None, trace_id: int = 1) -> ReadableSpan:
    provider = TracerProvider(id_generator=Ids(trace_id), shutdown_on_exit=False)
    span = provider.get_tracer(scope).start_span("a span", attributes=attributes)
    span.end()
    return span  # type: ignore[return-value]


def langfuse(**settings: Any) -> LangfuseDestination:
    return LangfuseDestination("pk-lf-1", "sk-lf-1", "http://127.0.0.1:1", **settings)


def ask(**more: Any) -> Any:
    return litellm.completion(model="gpt-4o-mini", messages=MESSAGES, mock_response="Forty-two.", **more)


# --- settings ----------------------------------------------------------------------------------------


def test_it_is_a_destination_like_any_other() -> None:
    assert isinstance(langfuse(), Destination)


def test_its_settings_are_the_variables_of_langfuses_own_sdk(
    monkeypatch: pytest.MonkeyPatch, keys: None, receiver: Receiver
) -> None:
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", "staging")
    monkeypatch.setenv("LANGFUSE_RELEASE", "1.4.2")
    monkeypatch.setenv("LANGFUSE_TIMEOUT", "3")

    found = LangfuseDestination()

    assert found.endpoint == f"{receiver.endpoint}{TRACES}"
    assert (found.settings.environment, found.settings.release, found.settings.timeout_s) == ("staging", "1.4.2", 3.0)


def test_an_argument_beats_a_variable(keys: None) -> None:
    assert LangfuseDestination(base_url="https://us.cloud.langfuse.com").endpoint == f"https://us.cloud.langfuse.com{TRACES}"


def test_without_an_address_it_is_the_cloud(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LangfuseDestination("pk", "sk").endpoint == f"https://cloud.langfuse.com{TRACES}"
    monkeypatch.setenv("LANGFUSE_HOST", "http://old:3000")
    assert LangfuseDestination("pk", "sk").endpoint == f"http://old:3000{TRACES}"


def test_another_path_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_OTEL_TRACES_EXPORT_PATH", "proxied/v1/traces")
    assert langfuse().endpoint == "http://127.0.0.1:1/proxied/v1/traces"


@pytest.mark.parametrize("missing", ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"])
def test_a_missing_key_is_named_and_so_is_the_way_out(monkeypatch: pytest.MonkeyPatch, keys: None, missing: str) -> None:
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigError, match=rf"missing: set {missing}, .* or leave langfuse out of the destinations"):
        LangfuseDestination()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LANGFUSE_BASE_URL", "cloud.langfuse.com"), ("LANGFUSE_TIMEOUT", "soon"), ("LANGFUSE_TIMEOUT", "0"),
        ("LANGFUSE_SAMPLE_RATE", "10"), ("LANGFUSE_TRACING_ENVIRONMENT", "prod eu"),
        ("LANGFUSE_TRACING_ENVIRONMENT", "langfuse-x"),
    ],
)  # fmt: skip
def test_a_bad_value_is_named_with_its_source(monkeypatch: pytest.MonkeyPatch, keys: None, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=rf"\({variable}\) is '{value}'; it takes "):
        LangfuseDestination()


def test_keys_are_in_no_text_of_ours(keys: None) -> None:
    found = LangfuseDestination()
    assert "sk-lf-1" not in f"{found.endpoint} {found.settings!r} {found!r} {found.scores().endpoint}"


def test_a_password_in_the_address_is_not_shown() -> None:
    assert LangfuseDestination("pk", "sk", "https://user:secret@langfuse.acme").endpoint == f"https://langfuse.acme{TRACES}"


# --- what it wants -----------------------------------------------------------------------------------

OURS = span_of(names.SCOPE)
ABOUT_LLMS = span_of("my-framework", {"gen_ai.operation.name": "chat"})
KNOWN = span_of("openinference.instrumentation.openai")
HTTP_SERVER = span_of("opentelemetry.instrumentation.fastapi", {"http.route": "/checkout"})
SDKS = span_of("langfuse-sdk", {"langfuse.observation.type": "span"})


def test_it_wants_ours_and_what_is_about_llms() -> None:
    assert [langfuse().wants(span) for span in (OURS, ABOUT_LLMS, KNOWN)] == [True, True, True]


def test_nothing_unrelated_goes_there_unless_asked_for() -> None:
    assert not langfuse().wants(HTTP_SERVER)
    assert not langfuse().wants(span_of("airline"))  # begins with the letters of a known scope, `ai`
    assert langfuse(all_spans=True).wants(HTTP_SERVER)


def test_on_a_provider_of_the_users_it_wants_ours_alone() -> None:
    found = langfuse(only_ours=True)
    assert [found.wants(span) for span in (OURS, ABOUT_LLMS, KNOWN)] == [True, False, False]


def test_what_langfuses_sdk_made_is_sent_by_langfuses_sdk() -> None:
    assert not langfuse(all_spans=True).wants(SDKS)


def test_the_known_scopes_are_those_of_langfuses_sdk() -> None:
    assert KNOWN_LLM_INSTRUMENTATION_SCOPE_PREFIXES - {"langfuse-sdk"} == destination_module.KNOWN_SCOPES


def test_switched_off_it_wants_nothing_not_even_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_TRACING_ENABLED", "False")
    assert not LangfuseDestination(all_spans=True).wants(OURS)


def test_a_sample_is_whole_traces_and_fair_to_uuids() -> None:
    found = langfuse(sample_rate=0.1)
    ids = [uuid.uuid4().int for _ in range(5_000)]
    share = sum(found.samples(trace_id) for trace_id in ids) / len(ids)
    assert 0.08 < share < 0.12
    assert all(found.wants(span_of(names.SCOPE, trace_id=trace_id)) == found.samples(trace_id) for trace_id in ids[:50])


# --- what it answers ---------------------------------------------------------------------------------

NOTHING = Payload(b"", 0)


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        ("ok", Accepted()),
        ("503", Later("503")),
        ("429:7", Later("429", 7.0)),
        ("400", Malformed("400")),
        ("413", Malformed("413")),
    ],
)
def test_the_servers_answer_is_the_destinations(receiver: Receiver, keys: None, mode: str, answer: Any) -> None:
    receiver.mode = mode
    assert LangfuseDestination().send(NOTHING, 5) == answer


@pytest.mark.parametrize("mode", ["401", "403"])
def test_wrong_keys_wait_for_right_ones_and_say_which(receiver: Receiver, keys: None, mode: str) -> None:
    receiver.mode = mode
    answer = LangfuseDestination().send(NOTHING, 5)
    assert isinstance(answer, Later)
    assert "LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY" in answer.hint
    assert "OTEL_" not in answer.hint


def test_wrong_keys_are_one_warning_and_nothing_is_lost(
    receiver: Receiver, keys: None, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.mode = "401"
    fastagentic.instrument(destinations=["langfuse"])
    for _ in range(3):
        ask()
        assert not fastagentic.flush(timeout=0.5)
    told = [
        record.getMessage() for record in caplog.records if record.name == "fastagentic" and record.levelno >= logging.WARNING
    ]
    assert len(told) == 1
    assert "401" in told[0]
    assert "LANGFUSE_SECRET_KEY" in told[0]
    assert "sk-lf-1" not in told[0]
    receiver.mode = "ok"
    assert fastagentic.flush(timeout=10)
    assert len({span.span_id for span in receiver.spans}) == 3


# --- what arrives ------------------------------------------------------------------------------------


def test_requests_carry_keys_and_ask_for_live_ingestion(receiver: Receiver, keys: None) -> None:
    LangfuseDestination().send(NOTHING, 5)
    (request,) = receiver.requests
    assert request.path == TRACES
    expected = {
        "authorization": f"Basic {b64encode(b'pk-lf-1:sk-lf-1').decode()}",
        "content-type": "application/x-protobuf",
        "content-encoding": "gzip",
        "x-langfuse-ingestion-version": "4",
        "x-langfuse-public-key": "pk-lf-1",
        "x-langfuse-sdk-name": "fastagentic",
    }
    assert expected.items() <= request.headers.items()


def test_a_run_arrives_as_a_trace_with_its_name_cost_and_tokens(
    receiver: Receiver, keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGFUSE_TRACING_ENVIRONMENT", "staging")
    fastagentic.instrument(destinations=["langfuse"])
    with fastagentic.run("nightly-report", user="u-42", session="s-7", tags=["batch"]) as run:
        ask()
        ask(temperature=0.2)
    assert fastagentic.flush(timeout=10)

    found = trace(receiver.spans)
    assert found.name == "nightly-report"
    assert found.cost == pytest.approx(run.usage.cost)
    assert found.tokens == run.usage.total_tokens
    for one in map(observation, receiver.spans):
        assert (one.trace_id, one.user, one.session, one.tags, one.environment) == (
            run.run_id,
            "u-42",
            "s-7",
            ["batch"],
            "staging",
        )
    assert [one.type for one in map(observation, receiver.spans)] == ["generation", "generation", "chain"]


def test_a_run_below_somebody_elses_span_names_the_trace_and_a_run_inside_it_does_not(receiver: Receiver, keys: None) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    fastagentic.instrument(destinations=["langfuse"], tracer_provider=provider)
    with (
        provider.get_tracer("an.http.server").start_as_current_span("POST /ask"),
        fastagentic.run("nightly-report"),
        fastagentic.run("part"),
    ):
        ask()
    assert fastagentic.flush(timeout=10)

    assert {span.name: observation(span).trace_name for span in receiver.spans} == {
        "chat gpt-4o-mini": None,
        "invoke_workflow part": None,
        "invoke_workflow nightly-report": "nightly-report",
    }


def test_a_captured_run_shows_its_first_question_and_its_last_answer(receiver: Receiver, keys: None) -> None:
    fastagentic.instrument(destinations=["langfuse", f"otlp={receiver.endpoint}/other/v1/traces"], capture_content=True)
    with fastagentic.run("talk"):
        for question in ("one?", "two?", "three?"):
            litellm.completion(
                model="gpt-4o-mini", messages=[{"role": "user", "content": question}], mock_response=f"{question}!"
            )
    assert fastagentic.flush(timeout=10)

    found = trace(span for span in receiver.spans if span.path == TRACES)
    assert found.input is not None
    assert found.output is not None
    assert "one?" in found.input
    assert "three?!" in found.output
    (elsewhere,) = [span for span in receiver.spans if span.path != TRACES and not span.parent_span_id]
    assert "one?" not in json.dumps(elsewhere.attributes)


def test_without_capture_nothing_that_was_said_leaves(receiver: Receiver, keys: None) -> None:
    fastagentic.instrument(destinations=["langfuse"])
    with fastagentic.run("talk"):
        ask()
    assert fastagentic.flush(timeout=10)
    assert receiver.spans
    assert not [request for request in receiver.requests if b"answer" in request.body or b"Forty" in request.body]


def test_no_key_of_langfuses_reaches_another_backend(receiver: Receiver, keys: None) -> None:
    fastagentic.instrument(destinations=["langfuse", f"otlp={receiver.endpoint}/other/v1/traces"])
    with fastagentic.run("both", tags=["batch"]):
        ask()
    assert fastagentic.flush(timeout=10)
    there, elsewhere = ([span for span in receiver.spans if (span.path == TRACES) is here] for here in (True, False))
    assert len(there) == len(elsewhere) == 2
    assert all("langfuse.observation.type" in span.attributes for span in there)
    assert not [request for request in receiver.requests if request.path != TRACES and b"langfuse." in request.body]


def test_two_projects_get_a_copy_each(receiver: Receiver) -> None:
    one = LangfuseDestination("pk-1", "sk-1", receiver.endpoint)
    two = LangfuseDestination("pk-2", "sk-2", receiver.endpoint, name="second", environment="eval")
    fastagentic.instrument(destinations=[one, two])
    ask()
    assert fastagentic.flush(timeout=10)
    places = {span.headers["x-langfuse-public-key"]: observation(span).environment for span in receiver.spans}
    assert places == {"pk-1": "default", "pk-2": "eval"}


def test_what_waits_for_one_project_is_not_sent_to_another_at_the_same_address(receiver: Receiver, tmp_path: Path) -> None:
    left_behind(receiver, deliver_to(LangfuseDestination("pk-1", "sk-1", receiver.endpoint), tmp_path, Terms()))
    other = deliver_to(LangfuseDestination("pk-2", "sk-2", receiver.endpoint), tmp_path, Terms())
    assert other.flush(10)
    other.close(1)
    assert not receiver.spans

    same = deliver_to(LangfuseDestination("pk-1", "sk-1", receiver.endpoint), tmp_path, Terms())
    assert same.flush(10)
    same.close(1)
    assert [span.headers["x-langfuse-public-key"] for span in receiver.spans] == ["pk-1"]


def test_a_spool_from_before_projects_counted_is_taken_over(
    receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = LangfuseDestination("pk-1", "sk-1", receiver.endpoint)
    monkeypatch.setattr(before, "identity", "")
    left_behind(receiver, deliver_to(before, tmp_path, Terms()))

    now = deliver_to(LangfuseDestination("pk-1", "sk-1", receiver.endpoint), tmp_path, Terms())
    assert now.flush(10)
    now.close(1)
    assert len(receiver.spans) == 1
    assert not sum(spool.spans for spool in survey(tmp_path))


def left_behind(receiver: Receiver, delivery: Delivery) -> None:
    """A span on disk, which the server did not take."""
    receiver.mode = "503"
    deliver([span_of(names.SCOPE)], [delivery])
    delivery.close(0.3)
    receiver.mode = "ok"


def test_what_runs_said_is_kept_within_limits(memory: Memory) -> None:
    conversations = Conversations(most_runs=2, most_characters=20)
    tracer = memory.tracer_provider.get_tracer(names.SCOPE)
    for text in ("a" * 8, "b" * 8, "c" * 8):
        with tracer.start_as_current_span("invoke_workflow r", attributes={names.WORKFLOW_NAME: "r"}):
            said = {names.INPUT_MESSAGES: text, names.CONTENT: (names.INPUT_MESSAGES,)}
            tracer.start_span("chat m", kind=SpanKind.CLIENT, attributes=said).end()
            conversations.of(memory.spans[-1])
    kept = [conversations.of(span) for span in memory.spans if names.WORKFLOW_NAME in (span.attributes or {})]
    assert kept == [{}, {"langfuse.observation.input": "b" * 8}, {"langfuse.observation.input": "c" * 8}]
