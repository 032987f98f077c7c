"""What another instrumentation writes on our spans does not leave by way of us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litellm
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanKind

import fastagentic
from fastagentic.core import names
from fastagentic.export.ours import leaving, leaving_events

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

    from tests.spans import Memory

FOREIGN = {
    "gen_ai.operation.name": "acompletion",
    "gen_ai.request.model": "theirs",
    "gen_ai.usage.total_tokens": 48,
    "gen_ai.input.messages": "the prompt",
    "gen_ai.system_instructions": "the prompt",
    "llm.openai.messages": "the prompt",
    "langfuse.observation.input": "the prompt",
    "input.value": "the prompt",
    "metadata.requester_metadata": "the prompt",
    "hidden_params": "{}",
    "error.message": "the prompt",
}


def ended(name: str, kind: SpanKind, attributes: dict[str, Any], **more: Any) -> ReadableSpan:
    span = TracerProvider().get_tracer("test").start_span(name, kind=kind, attributes=attributes)
    span.set_attributes(more.get("later", {}))
    span.end()
    return span  # type: ignore[return-value]


CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "openai/gpt-4o-mini", "fastagentic.gateway": "litellm"}
RUN = {"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "report", "fastagentic.run.calls": 1}
TOOL = {"gen_ai.operation.name": "execute_tool", "fastagentic.run.id": "1"}
ATTEMPT = {"fastagentic.attempt.number": 1, "fastagentic.attempt.model": "openai/gpt-4o-mini"}

SPANS = [
    pytest.param("chat openai/gpt-4o-mini", SpanKind.CLIENT, CALL, id="call"),
    pytest.param("invoke_workflow report", SpanKind.INTERNAL, RUN, id="run"),
    pytest.param("renamed by the user", SpanKind.INTERNAL, RUN, id="renamed-run"),
    pytest.param("execute_tool search", SpanKind.INTERNAL, TOOL, id="tool"),
    pytest.param("attempt 1", SpanKind.INTERNAL, ATTEMPT, id="attempt"),
]


@pytest.mark.parametrize(("name", "kind", "attributes"), SPANS)
def test_of_a_span_with_nothing_foreign_there_is_nothing_to_filter(name: str, kind: SpanKind, attributes: Any) -> None:
    assert leaving(ended(name, kind, attributes)) is None


@pytest.mark.parametrize(("name", "kind", "attributes"), SPANS)
def test_what_another_instrumentation_wrote_stays_here_and_what_it_wrote_over_is_restored(
    name: str, kind: SpanKind, attributes: Any
) -> None:
    assert leaving(ended(name, kind, attributes, later=FOREIGN)) == {
        key: value for key, value in {**CALL, **attributes}.items() if key in attributes
    }


def test_what_the_user_wrote_on_the_span_of_a_run_leaves_with_it() -> None:
    span = ended("invoke_workflow report", SpanKind.INTERNAL, {**RUN, "order.id": 7}, later=FOREIGN)
    assert leaving(span) == {**RUN, "order.id": 7}


def test_content_leaves_where_it_was_captured_by_us_and_nowhere_else() -> None:
    ours = {**CALL, names.OUTPUT_MESSAGES: "four cents", names.CONTENT: (names.OUTPUT_MESSAGES,)}
    assert leaving(ended("chat openai/gpt-4o-mini", SpanKind.CLIENT, ours)) is None
    assert leaving(ended("chat openai/gpt-4o-mini", SpanKind.CLIENT, ours, later=FOREIGN)) == ours


def test_every_attribute_of_a_call_of_ours_may_leave(memory: Memory) -> None:
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, capture_content=True)
    with fastagentic.run("report", user="ann", session="s", tenant="t", tags=["x"]):
        litellm.completion(
            "gpt-4o-mini",
            [{"role": "user", "content": "hi"}],
            mock_response="four cents",
            temperature=0,
            stop=["x"],
            stream=True,
        ).close()
        litellm.completion("gpt-4o-mini", [{"role": "user", "content": "hi"}], mock_response="four cents", max_tokens=5)
    assert [leaving(span) for span in memory.spans] == [None, None, None]


def test_events_that_others_record_on_a_call_s_span_stay_here_and_the_user_s_on_a_run_s_leave() -> None:
    provider = TracerProvider()
    tracer = provider.get_tracer(names.SCOPE)
    with tracer.start_as_current_span("chat gpt-4o", kind=SpanKind.CLIENT) as call:
        call.record_exception(ValueError("the prompt was: my secret"))
    with tracer.start_as_current_span("invoke_workflow nightly") as run:
        run.record_exception(ValueError("the prompt was: my secret"))
        run.add_event("gen_ai.user.message", {"content": "my secret"})
        run.add_event("page turned", {"number": 2})
    assert leaving_events(call) == ()
    assert [event.name for event in leaving_events(run) or ()] == ["page turned"]
