"""The user's own `Langfuse()`, of the real SDK, beside our destination: each span arrives once, ours dressed, in one trace."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Any

import langfuse
import litellm
import pytest
from langfuse._client.resource_manager import LangfuseResourceManager
from langfuse._client.span_processor import LangfuseSpanProcessor

import fastagentic
from fastagentic.export.destinations._langfuse_guest import Guests
from fastagentic.export.destinations.langfuse import LangfuseDestination
from fastagentic.export.destinations.otlp import OTLPDestination
from tests.export.langfuse_server import observation, trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.export.receiver import Receiver
    from tests.spans import Memory

    Client = Callable[..., langfuse.Langfuse]

TRACES = "/api/public/otel/v1/traces"
OTHER = "/other/v1/traces"


def ask() -> None:
    litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}], mock_response="hello")


@pytest.fixture
def client(receiver: Receiver, memory: Memory) -> Iterator[Client]:
    """Makes clients of the user's on the provider in memory."""
    made: list[langfuse.Langfuse] = []

    def make(public_key: str = "pk-lf-1", **more: Any) -> langfuse.Langfuse:
        made.append(
            langfuse.Langfuse(
                public_key=public_key,
                secret_key="sk-lf-1",
                base_url=receiver.endpoint,
                tracer_provider=memory.tracer_provider,
                **more,
            )
        )
        return made[-1]

    yield make
    for one in made:
        one.shutdown()
    LangfuseResourceManager._instances.clear()


@pytest.fixture
def ours(receiver: Receiver, memory: Memory) -> Callable[..., LangfuseDestination]:
    """Puts our destination on the provider in memory, beside another backend."""

    def put(**more: Any) -> LangfuseDestination:
        destination = LangfuseDestination("pk-lf-1", "sk-lf-1", receiver.endpoint, **more)
        other = OTLPDestination(f"{receiver.endpoint}{OTHER}", name="elsewhere", headers={})
        fastagentic.instrument(destinations=[destination, other], tracer_provider=memory.tracer_provider)
        return destination

    return put


def arrived(receiver: Receiver, memory: Memory, path: str = TRACES) -> list[Any]:
    """The spans that have come in, everybody having flushed."""
    assert fastagentic.flush(timeout=10)
    memory.tracer_provider.force_flush()
    return [span for span in receiver.spans if span.path == path]


@pytest.mark.parametrize("order", ["theirs first", "ours first"])
def test_each_span_of_ours_arrives_once_and_dressed(
    receiver: Receiver, memory: Memory, client: Client, ours: Callable[..., LangfuseDestination], order: str
) -> None:
    if order == "theirs first":
        client()
        ours()
    else:
        ours()
        client()
    with fastagentic.run("nightly"):
        ask()

    spans = arrived(receiver, memory)
    assert Counter(span.name for span in spans) == {"invoke_workflow nightly": 1, "chat gpt-4o-mini": 1}
    assert all("langfuse.observation.type" in span.attributes for span in spans)
    assert trace(spans).name == "nightly"


def test_observed_functions_and_our_spans_are_one_trace(
    receiver: Receiver, memory: Memory, client: Client, ours: Callable[..., LangfuseDestination]
) -> None:
    ours()
    client()

    @langfuse.observe()
    def retrieve() -> str:
        ask()
        return "found"

    with fastagentic.run("nightly", run_id="order-42") as run:
        retrieve()

    spans = {span.name: span for span in arrived(receiver, memory)}
    assert set(spans) == {"invoke_workflow nightly", "retrieve", "chat gpt-4o-mini"}
    assert {span.trace_id for span in spans.values()} == {run.run_id}
    assert spans["retrieve"].parent_span_id == spans["invoke_workflow nightly"].span_id
    assert spans["chat gpt-4o-mini"].parent_span_id == spans["retrieve"].span_id
    assert run.run_id == client().create_trace_id(seed="order-42")


def test_spans_of_others_arrive_once(
    receiver: Receiver, memory: Memory, client: Client, ours: Callable[..., LangfuseDestination]
) -> None:
    ours()
    client()
    tracer = memory.tracer_provider.get_tracer("my-framework")
    with (
        tracer.start_as_current_span("GET /"),
        tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}),
    ):
        ask()

    assert Counter(span.name for span in arrived(receiver, memory)) == {"chat": 1, "chat gpt-4o-mini": 1}


def test_all_spans_are_all_of_them_once(
    receiver: Receiver, memory: Memory, client: Client, ours: Callable[..., LangfuseDestination]
) -> None:
    ours(all_spans=True)
    client()
    tracer = memory.tracer_provider.get_tracer("my-framework")
    with (
        tracer.start_as_current_span("GET /"),
        tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}),
    ):
        ask()

    assert Counter(span.name for span in arrived(receiver, memory)) == {"GET /": 1, "chat": 1, "chat gpt-4o-mini": 1}


def test_a_client_of_another_project_keeps_what_it_gets(
    receiver: Receiver, memory: Memory, client: Client, ours: Callable[..., LangfuseDestination]
) -> None:
    ours()
    client("pk-other")
    ask()

    keys = sorted(span.headers["x-langfuse-public-key"] for span in arrived(receiver, memory))
    assert keys == ["pk-lf-1", "pk-other"]


def test_what_propagate_attributes_says_is_on_our_spans_too(
    receiver: Receiver, memory: Memory, client: Client, ours: Callable[..., LangfuseDestination]
) -> None:
    ours()
    client()
    said = {"user_id": "u-42", "session_id": "s-7", "tags": ["vip"], "trace_name": "checkout", "metadata": {"plan": "pro"}}
    with langfuse.propagate_attributes(**said):
        ask()

    (found,) = map(observation, arrived(receiver, memory))
    assert (found.user, found.session, found.tags, found.trace_name) == ("u-42", "s-7", ["vip"], "checkout")
    assert found.metadata["plan"] == "pro"


def test_no_key_of_langfuses_reaches_another_backend(
    receiver: Receiver, memory: Memory, client: Client, ours: Callable[..., LangfuseDestination]
) -> None:
    """Its processor writes on the very spans that every backend gets, `@observe` what a function was called with."""
    ours()
    client()

    @langfuse.observe()
    def retrieve(question: str) -> str:
        ask()
        return "found"

    with langfuse.propagate_attributes(tags=["vip"]), fastagentic.run("nightly"):
        retrieve("a secret")

    spans = arrived(receiver, memory, OTHER)
    assert {span.name for span in spans if span.scope == "fastagentic"} == {"invoke_workflow nightly", "chat gpt-4o-mini"}
    assert not [
        span for span in spans if "langfuse." in json.dumps(span.attributes) or "a secret" in json.dumps(span.attributes)
    ]


def test_the_sdks_notes_about_our_spans_are_cleared(
    memory: Memory, client: Client, ours: Callable[..., LangfuseDestination]
) -> None:
    ours()
    client()
    ask()
    processors: Any = memory.tracer_provider._active_span_processor._span_processors
    (theirs,) = [one for one in processors if isinstance(one, LangfuseSpanProcessor)]
    assert theirs._span_export_expectation_by_id == {}


def test_when_we_are_gone_theirs_is_as_it_was(
    receiver: Receiver, memory: Memory, client: Client, ours: Callable[..., LangfuseDestination]
) -> None:
    before = dict(vars(LangfuseSpanProcessor))
    ours()
    assert vars(LangfuseSpanProcessor)["on_end"] is not before["on_end"]
    client()
    fastagentic.uninstrument()
    assert dict(vars(LangfuseSpanProcessor)) == before

    with fastagentic.run("alone"):  # our tracer without our destination: theirs sends it, as any span with gen_ai.*
        pass
    memory.tracer_provider.force_flush()


def test_an_sdk_that_is_not_as_expected_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Module:
        class LangfuseSpanProcessor:
            def on_end(self, span: Any) -> None:
                """Another one than we know."""

    before = dict(vars(Module.LangfuseSpanProcessor))
    guests = Guests("pk-lf-1")
    guests._is_on = True
    guests._hook(Module)  # type: ignore[arg-type]
    assert dict(vars(Module.LangfuseSpanProcessor)) == before
    assert "not known to us" in caplog.text


SETUP = """
    import json, os, sys
    import fastagentic, litellm
    os.environ.update(LANGFUSE_PUBLIC_KEY="pk-lf-1", LANGFUSE_SECRET_KEY="sk-lf-1", LANGFUSE_BASE_URL="{endpoint}")
    def ask():
        litellm.completion(model="gpt-4o-mini", messages=[{{"role": "user", "content": "hi"}}], mock_response="hello")
"""


def run_program(program: str, receiver: Receiver) -> str:
    """A program with a process, and so a global provider, of its own."""
    text = textwrap.dedent(SETUP).format(endpoint=receiver.endpoint) + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    assert "Overriding of current TracerProvider" not in done.stderr
    return done.stdout


@pytest.mark.slow
def test_exporting_imports_nothing_of_langfuses_sdk(receiver: Receiver) -> None:
    program = """
        fastagentic.instrument(destinations=["langfuse"])
        ask()
        assert fastagentic.flush(10)
        print([name for name in sys.modules if name.split(".")[0] == "langfuse"])
    """
    assert run_program(program, receiver) == "[]\n"
    assert len(receiver.spans) == 1


@pytest.mark.parametrize("order", ["the client first", pytest.param("instrument first", marks=pytest.mark.slow)])
def test_a_plain_client_and_a_plain_instrument_share_one_trace(receiver: Receiver, order: str) -> None:
    """`Langfuse()` joins our provider, or makes the global one, on which we are the guests."""
    lines = ["import langfuse; client = langfuse.get_client()", 'fastagentic.instrument(destinations=["langfuse"])']
    program = "\n".join(lines if order == "the client first" else reversed(lines)) + textwrap.dedent("""
        @langfuse.observe()
        def retrieve():
            ask()
        with fastagentic.run("nightly") as run:
            retrieve()
        assert fastagentic.flush(10)
        client.flush()
    """)
    run_program(program, receiver)
    assert Counter(span.name for span in receiver.spans) == {"invoke_workflow nightly": 1, "retrieve": 1, "chat gpt-4o-mini": 1}
    assert len({span.trace_id for span in receiver.spans}) == 1
    (call,) = [observation(span) for span in receiver.spans if span.name == "chat gpt-4o-mini"]
    assert call.usage["total"] == 30
