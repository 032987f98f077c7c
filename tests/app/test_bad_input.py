"""What is wrong with a request, or goes wrong in it: the right status, a problem as its body, and the run with its error."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from pydantic import BaseModel
from starlette.exceptions import HTTPException

import fastagentic
from fastagentic import App, agent_endpoint
from fastagentic.context import UserInfo
from fastagentic.hooks import Hook, HookContext, HookResult, hook

from .serving import asking, is_problem, post, served

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

SECRET = "sk-this-must-not-leak"


class Question(BaseModel):
    text: str
    tries: int = 1


def asker(app: App | None = None, **told: Any) -> App:
    """An App with `/ask`, which does what the question's text says."""
    app = app or App(instrument=False)

    @agent_endpoint("/ask", **told)
    async def ask(question: Question) -> str:
        if question.text == "fail":
            raise RuntimeError(SECRET)
        if question.text == "refuse":
            raise fastagentic.HookRejected("not today")
        if question.text == "teapot":
            raise HTTPException(418, "short and stout", headers={"x-tea": "green"})
        if question.text == "hang":
            await asyncio.Event().wait()
        if question.text == "wrong":
            return {"no": "text"}  # type: ignore[return-value]
        return question.text

    app.include(ask)
    return app


def told(memory: Memory) -> tuple[str, Any, Any]:
    """Name, error type and status of the only run."""
    (span,) = [span for span in memory.spans if span.name.startswith("invoke_agent")]
    attributes = span.attributes or {}
    assert span.status.is_ok is False
    return span.name, attributes.get("error.type"), attributes.get("http.response.status_code")


BODIES = [
    pytest.param({"content": b"{"}, 400, "MalformedJSON", id="malformed JSON"),
    pytest.param({"content": b""}, 400, "MalformedJSON", id="no body"),
    pytest.param({"content": b"\xff\xfe{}"}, 400, "MalformedJSON", id="no UTF-8"),
    pytest.param({"content": b"[" * 100_000}, 400, "MalformedJSON", id="nested without end"),
    pytest.param({"json": {"text": 3}}, 422, "InvalidBody", id="wrong type"),
    pytest.param({"json": {}}, 422, "InvalidBody", id="field missing"),
    pytest.param({"json": [1, 2]}, 422, "InvalidBody", id="no object"),
    pytest.param({"data": {"text": "hi"}}, 415, "NotJSON", id="a form"),
    pytest.param({"json": {"text": "x" * 10_000_000}}, 413, "BodyTooLarge", id="10 MB"),
]


@pytest.mark.parametrize(("sent", "status", "error"), BODIES)
async def test_a_bad_body_is_a_problem_and_the_runs_error(
    sent: dict[str, Any], status: int, error: str, observed: Memory
) -> None:
    async with asking(asker()) as client:
        answer = await client.post("/ask", **sent)

    document = is_problem(answer, status)
    assert document["run_id"] == answer.headers["x-run-id"] == format(observed.span.context.trace_id, "032x")
    assert told(observed) == ("invoke_agent ask", error, status)


async def test_a_problem_says_where_and_why_but_not_what_was_sent() -> None:
    answer = await post(asker(), "/ask", {"text": "hi", "tries": SECRET})

    document = is_problem(answer, 422)
    assert document["errors"] == [
        {
            "loc": ["tries"],
            "msg": "Input should be a valid integer, unable to parse string as an integer",
            "type": "int_parsing",
        }
    ]
    assert SECRET not in answer.text


async def test_a_body_that_does_not_end_is_read_within_reason() -> None:
    sent = 0

    async def without_end() -> Any:
        nonlocal sent
        while True:
            sent += 1
            yield b"x" * 1000

    async with asking(asker(App(instrument=False, max_body="5kB"))) as client:
        is_problem(await client.post("/ask", content=without_end()), 413)

    assert sent < 40


async def test_an_unknown_endpoint_is_a_404_and_a_wrong_method_a_405() -> None:
    async with asking(asker()) as client:
        is_problem(await client.post("/unknown", json={}), 404)
        answer = await client.get("/ask")

    is_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [
        ("fail", 500, "RuntimeError"),
        ("refuse", 403, "HookRejected"),
        ("teapot", 418, "HTTPException"),
        ("wrong", 500, "InvalidAnswer"),
    ],
)
async def test_what_an_endpoint_raises_is_a_problem_and_the_runs_error(
    text: str, status: int, error: str, observed: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await post(asker(), "/ask", {"text": text})

    is_problem(answer, status)
    assert told(observed) == ("invoke_agent ask", error, status)
    assert SECRET not in answer.text
    assert SECRET not in caplog.text
    assert answer.headers.get("x-tea") == ("green" if text == "teapot" else None)


async def test_the_log_says_where_an_endpoint_failed(caplog: pytest.LogCaptureFixture) -> None:
    answer = await post(asker(), "/ask", {"text": "fail"})

    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.name == "fastagentic"
    assert answer.headers["x-run-id"] in record.getMessage()
    assert "RuntimeError" in record.getMessage()
    assert "raise RuntimeError(SECRET)" in record.getMessage()


async def test_an_endpoint_that_takes_too_long_is_a_504(observed: Memory) -> None:
    answer = await post(asker(timeout=0.02), "/ask", {"text": "hang"})

    assert is_problem(answer, 504)["detail"] == "no answer within 0.02 s"
    assert told(observed) == ("invoke_agent ask", "RunTimedOut", 504)


async def test_a_timeout_of_the_endpoints_own_is_its_own() -> None:
    app = App(instrument=False)

    @agent_endpoint("/ask", timeout=5)
    async def ask() -> str:
        raise TimeoutError

    is_problem(await post(app, "/ask"), 500)


# --- users ----------------------------------------------------------------------------------------


def by_token(request: Any) -> UserInfo | None:
    who = request.headers.get("authorization")
    return None if who is None else UserInfo(who, scopes=["read"], token=SECRET, metadata={"tenant": "acme", "session": "s-7"})


async def by_token_later(request: Any) -> UserInfo | None:
    return by_token(request)


@pytest.mark.parametrize("authenticate", [by_token, by_token_later])
async def test_nobody_is_a_401_and_somebody_is_on_the_run(authenticate: Callable[..., Any], observed: Memory) -> None:
    app = App(instrument=False, authenticate=authenticate)

    @agent_endpoint("/who", scopes=["read"])
    async def who(ctx: Any) -> list[Any]:
        run = fastagentic.current_run()
        assert run is not None
        return [ctx.user.id, run.user, run.tenant, run.session]

    nobody = await post(app, "/who")
    is_problem(nobody, 401)
    assert nobody.headers["www-authenticate"] == "Bearer"
    assert told(observed)[1:] == ("NotAuthenticated", 401)

    somebody = await post(app, "/who", headers={"authorization": "u-42"})
    assert somebody.json() == ["u-42", "u-42", "acme", "s-7"]
    attributes = observed.spans[-1].attributes or {}
    assert (attributes["user.id"], attributes["fastagentic.tenant.id"], attributes["session.id"]) == ("u-42", "acme", "s-7")
    assert SECRET not in str(attributes)


async def test_a_missing_scope_is_a_403() -> None:
    app = App(instrument=False, authenticate=by_token)

    @agent_endpoint("/admin", scopes=["read", "write"])
    async def admin() -> str:
        return "done"

    document = is_problem(await post(app, "/admin", headers={"authorization": "u-42"}), 403)

    assert document["detail"] == "the scope 'write' is missing"


async def test_scopes_without_anybody_who_authenticates_let_nobody_in() -> None:
    app = App(instrument=False)

    @agent_endpoint("/admin", scopes=["write"])
    async def admin() -> str:
        return "done"

    is_problem(await post(app, "/admin"), 401)


@pytest.mark.parametrize("failure", [RuntimeError(SECRET), "u-42"], ids=["raises", "returns rubbish"])
async def test_an_authentication_that_fails_lets_nobody_in(failure: Any) -> None:
    def authenticate(request: Any) -> Any:
        if isinstance(failure, Exception):
            raise failure
        return failure

    answer = await post(asker(App(instrument=False, authenticate=authenticate)), "/ask", {"text": "hi"})

    is_problem(answer, 500)
    assert SECRET not in answer.text


# --- hooks ----------------------------------------------------------------------------------------


async def test_a_hook_that_raises_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    @hook("on_request")
    async def broken(ctx: HookContext) -> None:
        raise RuntimeError(SECRET)

    app = asker()
    assert (await post(app, "/ask", {"text": "hi"})).json() == "hi"
    assert (await post(app, "/ask", {"text": "hi"})).json() == "hi"
    (record,) = [record for record in caplog.records if "broken" in record.getMessage()]
    assert SECRET not in record.getMessage()


async def test_a_hook_that_may_not_fail_is_a_403() -> None:
    @hook("on_request", on_failure="reject")
    async def broken(ctx: HookContext) -> None:
        raise RuntimeError(SECRET)

    answer = await post(asker(), "/ask", {"text": "hi"})

    is_problem(answer, 403)
    assert SECRET not in answer.text


@pytest.mark.parametrize(("on_failure", "status"), [("warn", 200), ("reject", 403)])
async def test_a_hook_that_hangs_is_left_behind(on_failure: str, status: int) -> None:
    @hook("on_request", timeout=0.02, on_failure=on_failure)
    async def hangs(ctx: HookContext) -> None:
        await asyncio.Event().wait()

    assert (await post(asker(), "/ask", {"text": "hi"})).status_code == status


async def test_a_hook_that_hangs_for_ever_ends_with_the_endpoints_timeout(observed: Memory) -> None:
    @hook("on_request")
    async def hangs(ctx: HookContext) -> None:
        await asyncio.Event().wait()

    is_problem(await post(asker(timeout=0.05), "/ask", {"text": "hi"}), 504)
    assert told(observed) == ("invoke_agent ask", "RunTimedOut", 504)


@pytest.mark.parametrize("rubbish", [3, "reject", {"action": "reject"}, [None]], ids=str)
async def test_a_hook_that_returns_rubbish_is_as_if_it_had_said_proceed(rubbish: Any, caplog: pytest.LogCaptureFixture) -> None:
    @hook("on_request")
    async def says(ctx: HookContext) -> Any:
        return rubbish

    assert (await post(asker(), "/ask", {"text": "hi"})).json() == "hi"
    assert "it goes on as proceed" in caplog.text


# --- the model's side -----------------------------------------------------------------------------


def calling(base_url: str, **told: Any) -> App:
    app = App(instrument=False)

    @agent_endpoint("/ask", **told)
    async def ask(text: str) -> str:
        from portkey_ai import AsyncPortkey

        client = AsyncPortkey(api_key=SECRET, base_url=base_url, provider="openai")
        answer = await client.with_options(max_retries=0).chat.completions.create(
            model="gpt-4o-mini", messages=[{"role": "user", "content": text}]
        )
        return str(answer.choices[0].message.content)

    app.include(ask)
    return app


async def test_a_gateway_that_is_down_is_a_502(observed: Memory) -> None:
    answer = await post(calling("http://127.0.0.1:9/v1"), "/ask", "hi")

    document = is_problem(answer, 502)
    assert document["detail"] == "the model's side cannot be reached"
    assert told(observed)[2] == 502
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("behaviour", "status", "retry_after"),
    [("fail-500", 502, None), ("fail-401", 502, None), ("fail-503", 503, None), ("busy-9-429-2500ms", 503, "3")],
)
async def test_what_the_models_side_answers_becomes_a_gateways_status(
    behaviour: str, status: int, retry_after: str | None, stand_in: StandIn, observed: Memory
) -> None:
    answer = await post(calling(stand_in.url(behaviour)), "/ask", "hi")

    is_problem(answer, status)
    assert answer.headers.get("retry-after") == retry_after
    assert told(observed)[2] == status


async def test_a_model_that_does_not_answer_in_time_is_a_504(stand_in: StandIn, observed: Memory) -> None:
    app = App(instrument=False)

    @agent_endpoint("/ask")
    async def ask(text: str) -> str:
        import litellm

        model = {"model": "openai/gpt-4o-mini", "api_base": stand_in.url("slow-5000ms"), "api_key": SECRET}
        await litellm.acompletion(**model, messages=[{"role": "user", "content": text}], timeout=0.05, num_retries=0)
        return "never"

    is_problem(await post(app, "/ask", "hi"), 504)


# --- too many -------------------------------------------------------------------------------------


async def test_more_runs_than_may_be_are_a_503(observed: Memory) -> None:
    begun, end = asyncio.Event(), asyncio.Event()
    app = App(instrument=False, max_concurrent=1)

    @agent_endpoint("/wait")
    async def wait() -> str:
        begun.set()
        await end.wait()
        return "done"

    first = asyncio.create_task(post(app, "/wait"))
    await begun.wait()
    second = await post(app, "/wait")
    end.set()

    is_problem(second, 503)
    assert second.headers["retry-after"] == "1"
    assert (await first).json() == "done"
    assert (await post(app, "/wait")).json() == "done"


# --- over a real socket ---------------------------------------------------------------------------


def test_the_same_over_a_socket(observed: Memory) -> None:
    with served(asker()) as url, httpx.Client(base_url=url) as client:
        assert client.post("/ask", json={"text": "hi"}).json() == "hi"
        is_problem(client.post("/ask", content=b"{"), 400)
        is_problem(client.post("/ask", json={"text": "fail"}), 500)
        is_problem(client.post("/unknown"), 404)
        is_problem(client.post("/ask", content=b"x" * 10_000_001), 413)
        assert client.post("/ask", json={"text": "still there"}).json() == "still there"


class Refuse(Hook):
    async def on_request(self, ctx: HookContext) -> HookResult:
        return HookResult.reject("not today")


async def test_a_hooks_rejection_is_a_403_that_says_why(observed: Memory) -> None:
    document = is_problem(await post(asker(hooks=[Refuse()]), "/ask", {"text": "hi"}), 403)

    assert document["detail"] == "not today"
    assert told(observed) == ("invoke_agent ask", "HookRejected", 403)
