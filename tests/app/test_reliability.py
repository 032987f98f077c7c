"""The built-in reliability: retry, a chain of models, limits, a timeout; each visible as spans and at `on_retry`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic import App, agent_endpoint
from fastagentic.app import rate_limits, reliability
from fastagentic.context import UserInfo
from fastagentic.hooks import HookContext, hook

from .serving import asking, events, is_problem, post

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

QUICK = {"attempts": 3, "wait": 0.001}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited between attempts, without waiting."""
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(reliability, "sleep", sleep)
    return waited


def calling(url: str, model: str = "openai/gpt-4o-mini", **told: Any) -> App:
    """An App with `/ask`, which asks the stand-in through LiteLLM once."""
    app = App(instrument=False)

    @agent_endpoint("/ask", **told)
    async def ask(text: str) -> str:
        import litellm

        messages = [{"role": "user", "content": text}]
        answer: Any = await litellm.acompletion(model, messages, api_base=url, api_key="sk-none", max_retries=0)
        return str(answer.choices[0].message.content)

    app.include(ask)
    return app


def attempts(memory: Memory) -> list[tuple[str, Any, Any]]:
    """(name, model, error type) of each attempt."""
    return [
        (name, found.get("fastagentic.attempt.model"), found.get("error.type"))
        for name, _, found in memory.tree
        if name.startswith("attempt")
    ]


def models(memory: Memory) -> list[Any]:
    """The model that each call asked for."""
    return [found["gen_ai.request.model"] for name, _, found in memory.tree if name.startswith("chat")]


# --- retry ----------------------------------------------------------------------------------------


async def test_an_endpoint_is_tried_again_until_it_answers(stand_in: StandIn, observed: Memory, waits: list[float]) -> None:
    seen: list[tuple[int, str]] = []

    @hook("on_retry")
    def note(ctx: HookContext) -> None:
        seen.append((ctx.retry_count, type(ctx.error).__name__))

    answer = await post(calling(stand_in.url("flaky-2-503"), retry=3), "/ask", "hi")

    assert answer.status_code == 200
    assert attempts(observed) == [
        ("attempt 1", None, "ServiceUnavailableError"),
        ("attempt 2", None, "ServiceUnavailableError"),
        ("attempt 3", None, None),
    ]
    assert seen == [(1, "ServiceUnavailableError"), (2, "ServiceUnavailableError")]
    assert len(stand_in.log.as_json()) == 3
    assert "error.type" not in (observed.spans[-1].attributes or {})


async def test_the_calls_of_an_attempt_are_below_it(stand_in: StandIn, observed: Memory, waits: list[float]) -> None:
    await post(calling(stand_in.url("flaky-1-503"), retry=2), "/ask", "hi")

    assert [(name, parent) for name, parent, _ in observed.tree] == [
        ("invoke_agent ask", None),
        ("attempt 1", "invoke_agent ask"),
        ("chat openai/gpt-4o-mini", "attempt 1"),
        ("attempt 2", "invoke_agent ask"),
        ("chat openai/gpt-4o-mini", "attempt 2"),
    ]


async def test_the_waits_grow_and_are_half_chance(stand_in: StandIn, waits: list[float]) -> None:
    retry = {"attempts": 5, "wait": 1, "max_wait": 3}

    is_problem(await post(calling(stand_in.url("fail-500"), retry=retry), "/ask", "hi"), 502)

    assert [low <= wait <= high for wait, (low, high) in zip(waits, [(0.5, 1), (1, 2), (1.5, 3), (1.5, 3)], strict=True)] == [
        True
    ] * 4


async def test_what_the_models_side_says_in_retry_after_is_waited_for(stand_in: StandIn, waits: list[float]) -> None:
    await post(calling(stand_in.url("busy-1-429-1500ms"), retry=2), "/ask", "hi")

    assert waits == [1.5]


@pytest.mark.parametrize("behaviour", ["fail-400", "fail-401", "fail-404"])
async def test_what_will_not_go_better_is_not_tried_again(behaviour: str, stand_in: StandIn, waits: list[float]) -> None:
    await post(calling(stand_in.url(behaviour), retry=3), "/ask", "hi")

    assert len(stand_in.log.as_json()) == 1
    assert waits == []


async def test_a_bug_is_not_tried_again(waits: list[float]) -> None:
    app, calls = App(instrument=False), []

    @agent_endpoint("/ask", retry=3)
    async def ask() -> str:
        calls.append(1)
        raise ValueError

    is_problem(await post(app, "/ask"), 500)
    assert calls == [1]


async def test_a_gateway_that_is_down_is_tried_again_and_then_a_502(waits: list[float]) -> None:
    is_problem(await post(calling("http://127.0.0.1:9/v1", retry=3), "/ask", "hi"), 502)

    assert len(waits) == 2


async def test_what_the_app_says_holds_for_endpoints_that_do_not_say(waits: list[float]) -> None:
    app, calls = App(instrument=False, retry=2), []

    async def fails() -> str:
        calls.append(1)
        raise ConnectionError

    app.include(agent_endpoint("/app")(fails))
    await post(app, "/app")
    assert len(calls) == 2

    app.include(agent_endpoint("/own", retry=4)(fails))
    await post(app, "/own")
    assert len(calls) == 2 + 4


async def test_a_stream_is_tried_again_up_to_its_first_piece(waits: list[float]) -> None:
    app, calls = App(instrument=False), []

    @agent_endpoint("/stream", stream=True, retry=3)
    async def stream(text: str) -> Any:
        calls.append(1)
        if len(calls) < 3:
            raise ConnectionError
        yield text
        raise ConnectionError

    (_, first), (end, _) = events((await post(app, "/stream", "hi")).text)

    assert (first, end, len(calls)) == ("hi", "error", 3)


# --- a chain of models ----------------------------------------------------------------------------


async def test_the_models_of_the_chain_are_asked_in_turn(stand_in: StandIn, observed: Memory) -> None:
    seen: list[Any] = []

    @hook("on_retry")
    def note(ctx: HookContext) -> None:
        seen.append(ctx.retry_count)

    app = calling(stand_in.url("flaky-2-503"), fallback=["openai/gpt-4o", "openai/gpt-4.1-nano"])

    assert (await post(app, "/ask", "hi")).status_code == 200
    assert attempts(observed) == [
        ("attempt 1", None, "ServiceUnavailableError"),
        ("attempt 2", "openai/gpt-4o", "ServiceUnavailableError"),
        ("attempt 3", "openai/gpt-4.1-nano", None),
    ]
    assert models(observed) == ["openai/gpt-4o-mini", "openai/gpt-4o", "openai/gpt-4.1-nano"]
    assert seen == [1, 2]


async def test_each_model_has_its_attempts(stand_in: StandIn, observed: Memory, waits: list[float]) -> None:
    app = calling(stand_in.url("fail-503"), fallback=["openai/gpt-4o"], retry=2)

    is_problem(await post(app, "/ask", "hi"), 503)
    assert models(observed) == ["openai/gpt-4o-mini"] * 2 + ["openai/gpt-4o"] * 2
    assert len(stand_in.log.as_json()) == 4


async def test_the_chain_is_not_gone_through_for_what_will_not_go_better(stand_in: StandIn) -> None:
    await post(calling(stand_in.url("fail-400"), fallback=["openai/gpt-4o"]), "/ask", "hi")

    assert len(stand_in.log.as_json()) == 1


# --- limits ---------------------------------------------------------------------------------------


async def test_over_the_requests_a_minute_it_is_a_429_that_says_when_to_come_again(observed: Memory) -> None:
    app = App(instrument=False)

    @agent_endpoint("/ask", rate_limit={"rpm": 2})
    async def ask() -> str:
        return "done"

    async with asking(app) as client:
        found = [await client.post("/ask") for _ in range(3)]

    assert [answer.status_code for answer in found] == [200, 200, 429]
    is_problem(found[-1], 429)
    assert 1 <= int(found[-1].headers["retry-after"]) <= 60
    assert (observed.spans[-1].attributes or {})["error.type"] == "RateLimited"


@pytest.mark.parametrize("path", ["/a", "/b"])
async def test_a_limit_is_the_endpoints_own(path: str) -> None:
    app = App(instrument=False)

    async def ask() -> str:
        return "done"

    app.include(agent_endpoint("/a", rate_limit=1)(ask))
    app.include(agent_endpoint("/b", rate_limit=1)(ask))

    assert [(await post(app, path)).status_code for _ in range(2)] == [200, 429]


async def test_an_apps_limit_is_shared_by_the_endpoints_that_have_none() -> None:
    app = App(instrument=False, rate_limit=2)

    async def ask() -> str:
        return "done"

    for path, told in (("/a", {}), ("/b", {}), ("/own", {"rate_limit": 9})):
        app.include(agent_endpoint(path, **told)(ask))

    assert [(await post(app, path)).status_code for path in ("/a", "/b", "/a", "/b", "/own")] == [200, 200, 429, 429, 200]


async def test_a_limit_by_user_is_each_users_own() -> None:
    app = App(instrument=False, authenticate=lambda request: UserInfo(request.headers["authorization"]))

    @agent_endpoint("/ask", rate_limit={"rpm": 1, "by": "user"})
    async def ask() -> str:
        return "done"

    async def status(user: str) -> int:
        return (await post(app, "/ask", headers={"authorization": user})).status_code

    assert [await status(user) for user in ("a", "b", "a")] == [200, 200, 429]


async def test_a_limit_by_what_a_function_says() -> None:
    app = App(instrument=False)

    @agent_endpoint("/ask", rate_limit={"rpm": 1, "by": lambda request, user: request.headers["x-plan"]})
    async def ask() -> str:
        return "done"

    assert [(await post(app, "/ask", headers={"x-plan": plan})).status_code for plan in ("a", "b", "a")] == [200, 200, 429]


async def test_over_the_tokens_a_minute_the_next_request_is_a_429(stand_in: StandIn, observed: Memory) -> None:
    app = calling(stand_in.url(), rate_limit={"tpm": 5})

    first, second = await post(app, "/ask", "how many tokens are in this?"), await post(app, "/ask", "hi")

    assert (first.status_code, second.status_code) == (200, 429)
    assert 1 <= int(second.headers["retry-after"]) <= 120


async def test_within_the_tokens_a_minute_they_go_on(stand_in: StandIn, observed: Memory) -> None:
    app = calling(stand_in.url(), rate_limit={"tpm": 100_000, "rpm": 100})

    assert {(await post(app, "/ask", "hi")).status_code for _ in range(5)} == {200}


async def test_a_storage_that_is_down_lets_requests_through(swallows_failures: Any) -> None:
    app = App(instrument=False)

    @agent_endpoint("/ask", rate_limit={"rpm": 1, "storage": "redis://127.0.0.1:9"})
    async def ask() -> str:
        return "done"

    assert [(await post(app, "/ask")).status_code for _ in range(2)] == [200, 200]
    assert [what for what, _ in swallows_failures] == ["count a request against its rate limit"]


def test_the_password_of_a_storage_is_in_no_text() -> None:
    limit = rate_limits.rate_limit_of({"rpm": 1, "storage": "redis://:s3cret@127.0.0.1:9"}, "here")

    assert "s3cret" not in repr(limit)


# --- timeout --------------------------------------------------------------------------------------


async def test_the_timeout_is_for_all_attempts_together(observed: Memory) -> None:
    app, calls = App(instrument=False), []

    @agent_endpoint("/ask", timeout=0.2, retry={"attempts": 50, "wait": 0.05, "max_wait": 0.05})
    async def ask() -> str:
        calls.append(1)
        await asyncio.sleep(0)
        raise ConnectionError

    is_problem(await post(app, "/ask"), 504)
    assert 1 < len(calls) < 20
    assert (observed.spans[-1].attributes or {})["error.type"] == "RunTimedOut"


async def test_a_function_that_blocks_is_left_behind() -> None:
    import threading

    app, end = App(instrument=False), threading.Event()

    @agent_endpoint("/ask", timeout=0.02)
    def ask() -> str:
        end.wait(30)
        return "late"

    is_problem(await post(app, "/ask"), 504)
    end.set()
