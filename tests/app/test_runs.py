"""A request is a run: its span, its ids in and out, and what the endpoint's calls have of it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import fastagentic
from fastagentic import App, agent_endpoint
from fastagentic.context import AgentContext  # noqa: TC001  # read from an annotation
from fastagentic.store.location import store_path
from tests.store.build import count

from .serving import asking, post

if TYPE_CHECKING:
    from tests.spans import Memory

TRACE = "0190b5a27c1e7abc8def0123456789ab"
CALLER = f"00-{TRACE}-00f067aa0ba902b7-01"


class Question(BaseModel):
    text: str


async def ask(text: str) -> str:
    import litellm

    messages = [{"role": "user", "content": text}]
    answer: Any = await litellm.acompletion("gpt-4o-mini", messages, mock_response="four cents")
    return str(answer.choices[0].message.content)


def asker(**told: Any) -> App:
    app = App(instrument=False)

    @agent_endpoint("/ask", **told)
    async def support(question: Question) -> str:
        return await ask(question.text)

    return app


async def test_a_request_is_one_run_with_its_calls_below_it(observed: Memory) -> None:
    answer = await post(asker(), "/ask", {"text": "hi"})

    (root, parent, found), (call, above, _) = observed.tree
    assert (root, parent, call, above) == ("invoke_agent support", None, "chat gpt-4o-mini", "invoke_agent support")
    assert found == {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "support",
        "fastagentic.run.id": answer.headers["x-run-id"],
        "fastagentic.run.calls": 1,
        "fastagentic.run.cost": found["fastagentic.run.cost"],
    }
    assert found["fastagentic.run.cost"] > 0


async def test_the_run_is_named_as_the_endpoint_says(observed: Memory) -> None:
    await post(asker(name="helpdesk"), "/ask", {"text": "hi"})

    assert observed.spans[-1].name == "invoke_agent helpdesk"


async def test_the_answer_says_the_runs_id_and_span(observed: Memory) -> None:
    answer = await post(asker(), "/ask", {"text": "hi"})

    context = observed.spans[-1].context
    assert answer.headers["x-run-id"] == format(context.trace_id, "032x")
    assert answer.headers["traceparent"] == f"00-{context.trace_id:032x}-{context.span_id:016x}-01"


async def test_the_callers_trace_goes_on(observed: Memory) -> None:
    answer = await post(asker(), "/ask", {"text": "hi"}, headers={"traceparent": CALLER})

    root = observed.spans[-1]
    assert root.parent is not None
    assert (format(root.context.trace_id, "032x"), format(root.parent.span_id, "016x")) == (TRACE, "00f067aa0ba902b7")
    assert answer.headers["x-run-id"] == TRACE
    assert re.fullmatch(f"00-{TRACE}-[0-9a-f]{{16}}-01", answer.headers["traceparent"])


async def test_the_run_id_of_the_client_is_taken() -> None:
    fastagentic.instrument(destinations=[])

    async with asking(asker()) as client:
        digits = await client.post("/ask", json={"text": "hi"}, headers={"x-run-id": TRACE})
        text = await client.post("/ask", json={"text": "hi"}, headers={"x-run-id": "order-42"})
        unusable = await client.post("/ask", json={"text": "hi"}, headers={"x-run-id": "order 42; drop"})

    assert digits.headers["x-run-id"] == TRACE
    assert text.headers["x-run-id"] == "3bf8b157c4238eefe5ae4a66eca81c6b"
    assert re.fullmatch("[0-9a-f]{32}", unusable.headers["x-run-id"])


async def test_the_session_of_the_client_is_on_the_run(observed: Memory) -> None:
    await post(asker(), "/ask", {"text": "hi"}, headers={"x-session-id": "s-7"})

    assert {(span.attributes or {})["session.id"] for span in observed.spans} == {"s-7"}


async def test_the_endpoint_sees_what_its_run_has_used(observed: Memory) -> None:
    app = App(instrument=False)

    @agent_endpoint("/usage")
    async def usage(ctx: AgentContext) -> list[int]:
        before = ctx.usage.total_tokens
        await ask("hi")
        return [before, ctx.usage.total_tokens]

    before, after = (await post(app, "/usage")).json()

    assert before == 0
    assert after > 0


@pytest.mark.parametrize("how", ["sync", "async"])
async def test_calls_made_in_a_function_that_blocks_belong_to_the_run_too(how: str, observed: Memory) -> None:
    app = App(instrument=False)

    def blocks() -> str:
        import litellm

        litellm.completion("gpt-4o-mini", [{"role": "user", "content": "hi"}], mock_response="ho")
        return "ho"

    async def waits() -> str:
        return await ask("hi")

    app.include(agent_endpoint("/ask")(blocks if how == "sync" else waits))
    answer = await post(app, "/ask")

    assert {(span.attributes or {})["fastagentic.run.id"] for span in observed.spans} == {answer.headers["x-run-id"]}
    assert len(observed.spans) == 2


async def test_runs_at_once_are_kept_apart(observed: Memory) -> None:
    import asyncio

    app = asker()

    answers = await asyncio.gather(*(post(app, "/ask", {"text": f"{number}"}) for number in range(20)))

    assert len({answer.headers["x-run-id"] for answer in answers}) == 20
    assert [(span.attributes or {}).get("fastagentic.run.calls") for span in observed.spans if span.parent is None] == [1] * 20


async def test_a_run_is_in_the_store() -> None:
    app = App()

    @agent_endpoint("/ask")
    async def support(question: Question) -> str:
        return await ask(question.text)

    async with app.fastapi.router.lifespan_context(app.fastapi):
        await post(app, "/ask", {"text": "hi"})
        await post(app, "/ask", {"no": 1})

    assert (count(store_path(), "runs"), count(store_path(), "calls")) == (2, 1)  # flushed as the App has ended


async def test_without_telemetry_everything_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    app = App()

    @agent_endpoint("/ask")
    async def support(question: Question) -> str:
        return await ask(question.text)

    answer = await post(app, "/ask", {"text": "hi"})

    assert answer.json() == "four cents"
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-run-id"])


async def test_fastapis_own_telemetry_is_off(observed: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import trace

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", observed.tracer_provider)

    await post(asker(), "/ask", {"text": "hi"})

    assert [span.name for span in observed.spans] == ["chat gpt-4o-mini", "invoke_agent support"]


async def test_inside_the_span_of_another_instrumentation_its_trace_goes_on(observed: Memory) -> None:
    with observed.tracer_provider.get_tracer("theirs").start_as_current_span("POST /ask"):
        await post(asker(), "/ask", {"text": "hi"}, headers={"traceparent": CALLER})

    run, theirs = observed.spans[-2:]
    assert run.parent is not None
    assert run.parent.span_id == theirs.context.span_id


async def test_a_program_that_has_instrumented_itself_stays_as_it_is(
    observed: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    async with asking(App()) as client:
        await client.get("/health")
    assert not caplog.records

    async with asking(App(telemetry={"service_name": "shop"})) as client:
        await client.get("/health")
    assert "service_name is not taken up" in caplog.text


async def test_what_a_hook_brings_is_a_destination_of_the_apps() -> None:
    from fastagentic import _api
    from fastagentic.integrations.langfuse import LangfuseHook

    langfuse = LangfuseHook("pk-lf-1", "sk-lf-1", host="http://127.0.0.1:9")

    async with asking(App(hooks=[langfuse])) as client:
        await client.get("/health")

    assert _api._current is not None
    assert _api._current.destinations.delivery("langfuse") is not None
    assert _api._current.destinations.local is not None
