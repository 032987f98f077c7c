"""What each result of a hook does at each event of an endpoint, and at the calls and tools in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import fastagentic
from fastagentic import App, agent_endpoint
from fastagentic.hooks import Hook, HookContext, HookResult, hook

from .serving import asking, events, is_problem, post

if TYPE_CHECKING:
    from tests.spans import Memory


class Question(BaseModel):
    text: str


class Reply(BaseModel):
    text: str


class Says(Hook):
    """Answers at one event with one result; notes what it was told."""

    def __init__(self, event: str, result: HookResult, response: Any = None) -> None:
        self.result, self.response = result, response
        self.seen: list[HookContext] = []
        setattr(self, event, self._at)

    async def _at(self, ctx: HookContext) -> HookResult:
        self.seen.append(ctx)
        if self.response is not None:
            ctx.response = self.response
        return self.result


class Notes(Hook):
    """Every event, in order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.contexts: dict[str, HookContext] = {}

    def __getattribute__(self, name: str) -> Any:
        if name in {
            "on_request",
            "on_response",
            "on_llm_start",
            "on_llm_end",
            "on_error",
            "on_retry",
            "on_startup",
            "on_shutdown",
        }:
            return lambda ctx: self.note(name, ctx)
        return super().__getattribute__(name)

    def note(self, event: str, ctx: Any) -> None:
        self.events.append(event)
        self.contexts[event] = ctx


def asker(*hooks: Hook, failures: int = 0, **told: Any) -> tuple[App, list[str]]:
    """An App with `/ask`, which shouts, and fails the first times; and what it was asked."""
    app, asked = App(instrument=False), []

    @agent_endpoint("/ask", hooks=hooks, **told)
    async def ask(question: Question) -> Reply:
        asked.append(question.text)
        if len(asked) <= failures:
            raise RuntimeError("failed")
        return Reply(text=question.text.upper())

    app.include(ask)
    return app, asked


async def call(**more: Any) -> Any:
    import litellm

    return await litellm.acompletion("gpt-4o-mini", [{"role": "user", "content": "hi"}], mock_response="ho", **more)


# --- on_request -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [{"text": "instead"}, Question(text="instead")], ids=["plain", "model"])
async def test_on_request_modify_replaces_the_body(data: Any) -> None:
    app, asked = asker(Says("on_request", HookResult.modify(data)))

    assert (await post(app, "/ask", {"text": "hi"})).json() == {"text": "INSTEAD"}
    assert asked == ["instead"]


async def test_what_on_request_puts_in_its_place_is_validated_again() -> None:
    app, asked = asker(Says("on_request", HookResult.modify({"no": "text"})))

    is_problem(await post(app, "/ask", {"text": "hi"}), 422)
    assert asked == []


async def test_on_request_skip_answers_in_the_endpoints_place() -> None:
    app, asked = asker(Says("on_request", HookResult.skip(), response={"text": "from the hook"}))

    answer = await post(app, "/ask", {"text": "hi"})

    assert (answer.status_code, answer.json(), asked) == (200, {"text": "from the hook"}, [])
    assert "x-run-id" in answer.headers


async def test_on_request_skip_without_a_response_is_a_204() -> None:
    app, asked = asker(Says("on_request", HookResult.skip()))

    answer = await post(app, "/ask", {"text": "hi"})

    assert (answer.status_code, answer.content, asked) == (204, b"", [])


@pytest.mark.parametrize("event", ["on_request", "on_response"])
async def test_a_rejection_is_a_403(event: str) -> None:
    app, _ = asker(Says(event, HookResult.reject("not today")))

    assert is_problem(await post(app, "/ask", {"text": "hi"}), 403)["detail"] == "not today"


async def test_on_request_cannot_retry(caplog: pytest.LogCaptureFixture) -> None:
    app, asked = asker(Says("on_request", HookResult.retry()))

    assert (await post(app, "/ask", {"text": "hi"})).json() == {"text": "HI"}
    assert asked == ["hi"]
    assert "on_request cannot do here" in caplog.text


# --- on_response ----------------------------------------------------------------------------------


async def test_on_response_modify_replaces_the_answer() -> None:
    says = Says("on_response", HookResult.modify({"text": "instead"}))
    app, _ = asker(says)

    assert (await post(app, "/ask", {"text": "hi"})).json() == {"text": "instead"}


async def test_what_on_response_puts_in_its_place_is_validated_again() -> None:
    app, _ = asker(Says("on_response", HookResult.modify({"no": "text"})))

    is_problem(await post(app, "/ask", {"text": "hi"}), 500)


async def test_on_response_skip_leaves_out_the_hooks_that_follow() -> None:
    last = Says("on_response", HookResult.modify({"text": "never"}))
    app, _ = asker(Says("on_response", HookResult.skip()), last)

    assert (await post(app, "/ask", {"text": "hi"})).json() == {"text": "HI"}
    assert last.seen == []


async def test_on_response_retry_runs_the_endpoint_again_as_often_as_it_allows() -> None:
    notes = Notes()
    app, asked = asker(Says("on_response", HookResult.retry(2)), notes)

    assert (await post(app, "/ask", {"text": "hi"})).json() == {"text": "HI"}
    assert asked == ["hi"] * 3
    assert notes.events.count("on_retry") == 2


# --- on_error -------------------------------------------------------------------------------------


async def test_on_error_sees_the_error_and_lets_it_be() -> None:
    says = Says("on_error", HookResult.proceed())
    app, _ = asker(says, failures=9)

    is_problem(await post(app, "/ask", {"text": "hi"}), 500)
    assert isinstance(says.seen[0].error, RuntimeError)


async def test_on_error_skip_takes_the_error_as_handled(observed: Memory) -> None:
    app, _ = asker(Says("on_error", HookResult.skip(), response=Reply(text="sorry")), failures=9)

    answer = await post(app, "/ask", {"text": "hi"})

    assert (answer.status_code, answer.json()) == (200, {"text": "sorry"})
    assert "error.type" not in (observed.span.attributes or {})


async def test_on_error_skip_without_a_response_is_a_204() -> None:
    app, _ = asker(Says("on_error", HookResult.skip()), failures=9)

    assert (await post(app, "/ask", {"text": "hi"})).status_code == 204


async def test_on_error_reject_skips_the_hooks_that_follow() -> None:
    last = Says("on_error", HookResult.skip())
    app, _ = asker(Says("on_error", HookResult.reject("no")), last, failures=9)

    is_problem(await post(app, "/ask", {"text": "hi"}), 500)
    assert last.seen == []


async def test_on_error_retry_runs_the_endpoint_again() -> None:
    app, asked = asker(Says("on_error", HookResult.retry(3)), failures=2)

    assert (await post(app, "/ask", {"text": "hi"})).json() == {"text": "HI"}
    assert asked == ["hi"] * 3


async def test_on_error_retry_ends_where_it_says() -> None:
    app, asked = asker(Says("on_error", HookResult.retry(2)), failures=9)

    is_problem(await post(app, "/ask", {"text": "hi"}), 500)
    assert asked == ["hi"] * 3


async def test_on_error_cannot_modify(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = asker(Says("on_error", HookResult.modify({"text": "instead"})), failures=9)

    is_problem(await post(app, "/ask", {"text": "hi"}), 500)
    assert "on_error cannot do here" in caplog.text


# --- which hooks, in which order ------------------------------------------------------------------


async def test_hooks_fire_in_order_those_of_all_runs_first_then_the_apps_then_the_endpoints() -> None:
    order: list[str] = []

    class Named(Hook):
        def __init__(self, name: str) -> None:
            self.name = name

        async def on_request(self, ctx: HookContext) -> HookResult:
            order.append(self.name)
            return HookResult.proceed()

    app = App(instrument=False, hooks=[Named("app")])

    @agent_endpoint("/ask", hooks=[Named("endpoint")], pre_hooks=[lambda ctx: order.append("pre")])
    async def ask() -> str:
        order.append("run")
        return "done"

    @hook("on_request")
    def first(ctx: HookContext) -> None:
        order.append("all")

    app.add_hook(Named("added"))
    await post(app, "/ask")

    assert order == ["all", "app", "added", "endpoint", "pre", "run"]


async def test_pre_and_post_hooks_stand_before_and_after_the_endpoint() -> None:
    app = App(instrument=False)

    def louder(ctx: HookContext) -> HookResult:
        return HookResult.modify({"text": ctx.request.text + "!"})

    async def quoted(ctx: HookContext) -> HookResult:
        return HookResult.modify({"text": f"<{ctx.response.text}>"})

    @agent_endpoint("/ask", pre_hooks=[louder], post_hooks=[quoted])
    async def ask(question: Question) -> Reply:
        return Reply(text=question.text)

    assert (await post(app, "/ask", {"text": "hi"})).json() == {"text": "<hi!>"}


async def test_the_events_of_a_request_with_a_call(observed: Memory) -> None:
    notes = Notes()
    app = App(instrument=False, hooks=[notes])

    @agent_endpoint("/ask")
    async def ask(text: str) -> str:
        await call()
        return text

    async with app.fastapi.router.lifespan_context(app.fastapi):
        answer = await post(app, "/ask", "hi")

    assert notes.events == ["on_startup", "on_request", "on_llm_start", "on_llm_end", "on_response", "on_shutdown"]
    assert notes.contexts["on_startup"] is app
    done = notes.contexts["on_response"]
    assert (done.run_id, done.endpoint, done.request, done.response) == (answer.headers["x-run-id"], "ask", "hi", "hi")
    assert done.usage is not None
    assert done.usage.total_tokens > 0
    assert done.metadata["litellm"]["cost"] == pytest.approx((observed.spans[-1].attributes or {})["fastagentic.run.cost"])


async def test_what_hooks_write_into_metadata_the_endpoint_reads_and_the_other_way_round() -> None:
    app = App(instrument=False)

    @hook("on_request")
    def before(ctx: HookContext) -> None:
        ctx.metadata["plan"] = "premium"

    after: list[Any] = []

    @hook("on_response")
    def behind(ctx: HookContext) -> None:
        after.append(ctx.metadata["said"])

    @agent_endpoint("/ask")
    async def ask(ctx: Any) -> str:
        ctx.metadata["said"] = "done"
        return str(ctx.metadata["plan"])

    assert (await post(app, "/ask")).json() == "premium"
    assert after == ["done"]


@pytest.mark.parametrize("event", ["on_llm_start", "on_llm_end"])
async def test_a_rejection_at_a_call_that_nobody_catches_is_a_403(event: str, observed: Memory) -> None:
    app = App(instrument=False)

    @agent_endpoint("/ask", hooks=[Says(event, HookResult.reject("too dear"))])
    async def ask() -> str:
        await call()
        return "never"

    assert is_problem(await post(app, "/ask"), 403)["detail"] == "too dear"


async def test_one_that_the_endpoint_catches_is_its_own_business(observed: Memory) -> None:
    app = App(instrument=False)

    @agent_endpoint("/ask", hooks=[Says("on_llm_start", HookResult.reject("too dear"))])
    async def ask() -> str:
        try:
            await call()
        except fastagentic.HookRejected as rejected:
            return str(rejected)
        return "never"

    assert (await post(app, "/ask")).json() == "too dear"


# --- streams --------------------------------------------------------------------------------------


def streamer(*hooks: Hook, fails_after: int | None = None) -> App:
    app = App(instrument=False)

    @agent_endpoint("/stream", stream=True, hooks=hooks)
    async def pieces(text: str) -> Any:
        for number, piece in enumerate(text.split()):
            if number == fails_after:
                raise RuntimeError("failed")
            yield piece

    app.include(pieces)
    return app


async def test_before_a_stream_hooks_do_what_they_do_everywhere() -> None:
    async with asking(streamer(Says("on_request", HookResult.modify("c d")))) as client:
        assert [data for _, data in events((await client.post("/stream", json="a b")).text)[:-1]] == ["c", "d"]
    is_problem(await post(streamer(Says("on_request", HookResult.reject("no"))), "/stream", "a b"), 403)
    assert (await post(streamer(Says("on_request", HookResult.skip(), response="whole")), "/stream", "a")).json() == "whole"


async def test_after_a_stream_on_response_sees_its_pieces_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    says = Says("on_response", HookResult.modify("other"))

    answer = await post(streamer(says), "/stream", "a b")

    assert [data for _, data in events(answer.text)[:-1]] == ["a", "b"]
    assert says.seen[0].response == ["a", "b"]
    assert "on_response cannot do here" in caplog.text


async def test_a_stream_that_fails_before_its_first_piece_is_tried_again() -> None:
    failed = 0
    app = App(instrument=False)

    @agent_endpoint("/stream", stream=True, hooks=[Says("on_error", HookResult.retry(2))])
    async def pieces() -> Any:
        nonlocal failed
        if failed < 2:
            failed += 1
            raise RuntimeError("failed")
        yield "done"

    answer = await post(app, "/stream")

    assert events(answer.text)[0] == ("", "done")


async def test_one_that_fails_later_is_not(caplog: pytest.LogCaptureFixture) -> None:
    says = Says("on_error", HookResult.retry(2))

    answer = await post(streamer(says, fails_after=1), "/stream", "a b c")

    (name, data), (end, problem) = events(answer.text)
    assert (name, data, end, problem["status"]) == ("", "a", "error", 500)
    assert len(says.seen) == 1
    assert "on_error cannot do here" in caplog.text
