"""`@fastagentic.tool`: a span, and what hooks may do before and after it."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from fastagentic.hooks import HookContext, HookResult, hook

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.spans import Memory

    from .conftest import Told


def made(is_async: bool, ran: list[Any], **terms: Any) -> Callable[..., Any]:
    """A tool that notes what it was called with; called from sync code in any case."""
    if not is_async:

        @fastagentic.tool(name="weather", **terms)
        def weather(city: str, days: int = 1) -> str:
            """The weather of a city.

            Of several days.
            """
            ran.append((city, days))
            return f"rain in {city}"

        return weather

    @fastagentic.tool(name="weather", **terms)
    async def weather_too(city: str, days: int = 1) -> str:
        """The weather of a city."""
        ran.append((city, days))
        await asyncio.sleep(0)
        return f"rain in {city}"

    return lambda *args, **kwargs: asyncio.run(weather_too(*args, **kwargs))


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def weather(request: pytest.FixtureRequest, ran: list[Any]) -> Callable[..., Any]:
    return made(request.param, ran)


@pytest.fixture
def ran() -> list[Any]:
    return []


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


def test_a_tool_is_a_span_of_its_run(weather: Callable[..., Any], recorded: Memory) -> None:
    with fastagentic.run("report", user="u-42") as run:
        assert weather("Paris") == "rain in Paris"
    assert recorded.tree[1] == (
        "execute_tool weather",
        "invoke_workflow report",
        {
            "fastagentic.run.id": run.run_id,
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.description": "The weather of a city.",
            "gen_ai.tool.name": "weather",
            "gen_ai.tool.type": "function",
            "user.id": "u-42",
        },
    )


def test_the_function_keeps_its_name_signature_and_kind() -> None:
    @fastagentic.tool
    async def search(query: str, limit: int = 10) -> list[str]:
        """Search."""
        return []

    assert search.__name__ == "search"
    assert list(inspect.signature(search).parameters) == ["query", "limit"]
    assert inspect.iscoroutinefunction(search)


def test_a_tool_that_fails_says_so_and_raises(recorded: Memory) -> None:
    @fastagentic.tool
    def broken() -> None:
        raise ValueError("what the user said")

    with pytest.raises(ValueError, match="what the user said"):
        broken()
    assert (recorded.span.attributes or {})["error.type"] == "ValueError"
    assert "what the user said" not in recorded.span.to_json()


def test_arguments_and_result_stay_out(weather: Callable[..., Any], recorded: Memory) -> None:
    weather("Paris")
    assert "Paris" not in recorded.span.to_json()


def test_captured_they_are_redacted(weather: Callable[..., Any], memory: Memory) -> None:
    fastagentic.instrument(
        destinations=[],
        tracer_provider=memory.tracer_provider,
        capture_content=True,
        redact=lambda text: text.replace("Paris", "[city]"),
    )
    weather("Paris", days=2)
    found = dict(memory.span.attributes or {})
    assert json.loads(str(found["gen_ai.tool.call.arguments"])) == {"city": "[city]", "days": 2}
    assert json.loads(str(found["gen_ai.tool.call.result"])) == "rain in [city]"
    assert found["fastagentic.content"] == ("gen_ai.tool.call.arguments", "gen_ai.tool.call.result")


def test_the_model_s_id_of_a_call(recorded: Memory) -> None:
    @fastagentic.tool
    def add(one: int, other: int) -> int:
        return one + other

    assert fastagentic.tool(add, call_id="call_1")(1, other=2) == 3
    found = dict(recorded.span.attributes or {})
    assert (found["gen_ai.tool.call.id"], found["gen_ai.tool.name"]) == ("call_1", "add")


def test_without_instrumenting_it_works_and_hooks_fire(
    weather: Callable[..., Any], register: Callable[..., None], told: Told
) -> None:
    register("on_tool_call")
    register("on_tool_result")
    assert weather("Paris") == "rain in Paris"
    assert told.names == ["on_tool_call", "on_tool_result"]


@pytest.mark.parametrize("what", [7, "name"], ids=str)
def test_what_is_no_function_is_refused(what: Any) -> None:
    with pytest.raises(TypeError, match=r"fastagentic\.tool"):
        fastagentic.tool(what)


def test_a_generator_is_refused() -> None:
    with pytest.raises(TypeError, match="in one piece"):

        @fastagentic.tool
        def pieces() -> Any:
            yield 1


def test_hooks_are_told_of_the_tool(
    weather: Callable[..., Any], recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_tool_call")
    register("on_tool_result")
    with fastagentic.run("report", user="u-42", tenant="acme") as run:
        weather("Paris", days=2)
    before, after = told.of("on_tool_call"), told.of("on_tool_result")
    assert (before.tool_name, before.tool_input, before.tool_output) == ("weather", {"city": "Paris", "days": 2}, None)
    assert before.tool_args == before.tool_input
    assert (after.tool_output, after.tool_result) == ("rain in Paris", "rain in Paris")
    assert (after.run_id, after.endpoint, after.tenant) == (run.run_id, "report", "acme")
    assert after.user is not None
    assert after.duration_ms is not None


def test_what_a_hook_writes_into_metadata_reaches_the_run(weather: Callable[..., Any], recorded: Memory) -> None:
    @hook("on_tool_call")
    def note(ctx: HookContext) -> None:
        ctx.metadata["tool"] = ctx.tool_name

    with fastagentic.run("report") as run:
        weather("Paris")
    assert run.metadata == {"tool": "weather"}


# --- the table ------------------------------------------------------------------------------------


def test_modify_replaces_the_input(
    weather: Callable[..., Any], ran: list[Any], recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_tool_call", HookResult.modify({"city": "Rome", "days": 3}))
    register("on_tool_call", name="second")
    assert weather("Paris") == "rain in Rome"
    assert ran == [("Rome", 3)]
    assert told.of("second").tool_input == {"city": "Rome", "days": 3}


@pytest.mark.parametrize("data", [{"town": "Rome"}, {"days": 2}, "Rome", None], ids=str)
def test_an_input_that_the_tool_does_not_take_is_one_warning(
    data: Any, weather: Callable[..., Any], ran: list[Any], recorded: Memory, register: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    register("on_tool_call", HookResult.modify(data))
    weather("Paris")
    weather("Paris")
    assert ran == [("Paris", 1)] * 2
    assert len(warnings(caplog)) == 1


def test_modify_reaches_every_kind_of_argument(recorded: Memory, register: Callable[..., None]) -> None:
    class Shelf:
        @fastagentic.tool
        def find(self, title: str, /, *words: str, limit: int = 1, **more: Any) -> Any:
            return title, words, limit, more

    register("on_tool_call", HookResult.modify({"title": "b", "words": ("x", "y"), "limit": 2, "shelf": 4}))
    assert Shelf().find("a") == ("b", ("x", "y"), 2, {"shelf": 4})


def test_skip_leaves_the_tool_out_and_the_hooks_output_is_its_result(
    weather: Callable[..., Any], ran: list[Any], recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    @hook("on_tool_call")
    def from_yesterday(ctx: HookContext) -> HookResult:
        ctx.tool_output = "sun"
        return HookResult.skip()

    register("on_tool_result")
    assert weather("Paris") == "sun"
    assert (ran, told.names) == ([], [])


@pytest.mark.parametrize("event", ["on_tool_call", "on_tool_result"])
def test_reject_raises_in_the_calling_code(
    event: str, weather: Callable[..., Any], ran: list[Any], recorded: Memory, register: Callable[..., None]
) -> None:
    register(event, HookResult.reject("not in this city"))
    with pytest.raises(fastagentic.HookRejected, match="not in this city") as raised:
        weather("Paris")
    assert raised.value.event == event
    assert len(ran) == (event == "on_tool_result")
    assert (recorded.span.attributes or {})["error.type"] == "HookRejected"


def test_modify_replaces_the_output(
    weather: Callable[..., Any], recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_tool_result", HookResult.modify("sun"))
    register("on_tool_result", name="second")
    assert weather("Paris") == "sun"
    assert told.of("second").tool_output == "sun"


def test_skip_afterwards_leaves_out_the_hooks_that_follow(
    weather: Callable[..., Any], recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_tool_result", HookResult.skip())
    register("on_tool_result", name="second")
    assert weather("Paris") == "rain in Paris"
    assert told.names == ["on_tool_result"]


def test_retry_runs_the_tool_again(
    weather: Callable[..., Any], ran: list[Any], recorded: Memory, register: Callable[..., None], told: Told
) -> None:
    register("on_tool_result", HookResult.retry(2))
    register("on_retry")
    assert weather("Paris") == "rain in Paris"
    assert len(ran) == 3
    assert [ctx.retry_count for name, ctx in told.seen if name == "on_retry"] == [1, 2]
    assert (recorded.span.attributes or {})["fastagentic.retries"] == 2


def test_retry_before_it_ran_is_one_warning(
    weather: Callable[..., Any], ran: list[Any], recorded: Memory, register: Callable[..., None],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    register("on_tool_call", HookResult.retry())
    weather("Paris")
    weather("Paris")
    assert (len(ran), len(warnings(caplog))) == (2, 1)


def test_a_hook_that_uses_a_tool_is_not_called_for_it(recorded: Memory) -> None:
    @fastagentic.tool
    def look_up(key: str) -> str:
        return key.upper()

    @hook("on_tool_call")
    def uses(ctx: HookContext) -> HookResult:
        return HookResult.modify({"key": look_up("from the hook")})

    assert look_up("mine") == "FROM THE HOOK"
    assert [name for name, *_ in recorded.tree] == ["execute_tool look_up"] * 2
