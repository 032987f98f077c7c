"""How hooks are called: in which order, for how long, on which thread, with whose context variables; and when they fail."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core.errors import ConfigError
from fastagentic.hooks import Hook, HookContext, HookResult, HookResultAction, RegisteredHook, get_registered_hooks, hook
from fastagentic.hooks.chain import NONE, Chain
from fastagentic.hooks.dispatch import HONOURED, afire, fire, settle
from fastagentic.hooks.registry import EVENTS, registered

if TYPE_CHECKING:
    from collections.abc import Callable

WHO: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")
PROMPT = "what somebody asked"
ANSWERS = {
    "modify": HookResult.modify({"temperature": 0}),
    "skip": HookResult.skip("left out"),
    "reject": HookResult.reject("refused"),
    "retry": HookResult.retry(2),
}


def told(**more: Any) -> HookContext:
    return HookContext("0" * 32, "report", **more)


def both(event: str, ctx: Any = None, chain: Chain = NONE) -> list[HookResult]:
    """What comes of firing from sync and from async code."""
    ctx = told() if ctx is None else ctx
    return [fire(event, ctx, chain), asyncio.run(afire(event, ctx, chain))]


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    return lambda: [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


# --- what an event honours ------------------------------------------------------------------------


@pytest.mark.parametrize("action", ANSWERS)
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_honours_what_the_table_says_and_warns_once_of_the_rest(
    event: str, action: str, warnings: Callable[[], list[str]]
) -> None:
    hook(event)(lambda ctx: ANSWERS[action])
    is_honoured = HookResultAction(action) in HONOURED.get(event, ())
    skips_hooks_alone = action == "skip" and event in ("on_response", "on_llm_end", "on_tool_result")
    for result in both(event):
        expected = HookResultAction(action) if is_honoured and not skips_hooks_alone else HookResultAction.PROCEED
        assert result.action is expected
    assert len(warnings()) == (0 if is_honoured else 1)
    assert all("goes on as proceed" in warning for warning in warnings())


TABLE = {
    "on_request": "modify skip reject",
    "on_llm_start": "modify skip reject",
    "on_tool_call": "modify skip reject",
    "on_llm_end": "modify skip reject retry",
    "on_tool_result": "modify skip reject retry",
    "on_response": "modify skip reject retry",
    "on_error": "skip reject retry",
}


def test_the_table_is_that_of_the_specification() -> None:
    assert {event: set(cells.split()) for event, cells in TABLE.items()} == {
        event: {action.value for action in actions} for event, actions in HONOURED.items()
    }


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ("on_request", "request"), ("on_response", "response"), ("on_llm_end", "response"), ("on_tool_call", "tool_input"),
        ("on_tool_result", "tool_output"),
    ],
)  # fmt: skip
def test_what_one_hook_modifies_the_next_one_sees(event: str, field: str) -> None:
    seen = []
    hook(event)(lambda ctx: HookResult.modify("new"))
    hook(event)(lambda ctx: seen.append(getattr(ctx, field)))
    for result in both(event):
        assert (result.action, result.data) == (HookResultAction.MODIFY, "new")
    assert seen == ["new", "new"]


def test_changes_of_several_hooks_are_joined() -> None:
    hook("on_llm_start")(lambda ctx: HookResult.modify({"model": "a", "seed": 1}))
    hook("on_llm_start")(lambda ctx: HookResult.modify([{"role": "user", "content": "x"}]))
    hook("on_llm_start")(lambda ctx: HookResult.modify({"seed": 2}))
    for result in both("on_llm_start"):
        assert result.data == {"model": "a", "seed": 2, "messages": [{"role": "user", "content": "x"}]}


def test_what_was_modified_stays_so_when_the_other_hooks_are_skipped() -> None:
    hook("on_response")(lambda ctx: HookResult.modify("new"))
    hook("on_response")(lambda ctx: HookResult.skip())
    assert [result.data for result in both("on_response")] == ["new", "new"]


def test_a_retry_that_is_used_up_is_proceed() -> None:
    later = []
    hook("on_response")(lambda ctx: HookResult.retry(1))
    hook("on_response")(later.append)
    assert both("on_response", told(retry_count=0))[0].action is HookResultAction.RETRY
    assert later == []
    assert {result.action for result in both("on_response", told(retry_count=1))} == {HookResultAction.PROCEED}
    assert len(later) == 2


# --- order and forms ------------------------------------------------------------------------------


def test_hooks_of_all_runs_come_first_then_a_run_s_own_each_once() -> None:
    seen: list[str] = []

    class Own(Hook):
        async def on_llm_end(self, ctx: HookContext) -> HookResult:
            seen.append("class")
            return HookResult.proceed()

    class Ducks:
        def on_llm_end(self, ctx: HookContext) -> None:
            seen.append("duck")

    own = Own()
    hook("on_llm_end")(lambda ctx: seen.append("global"))
    function = get_registered_hooks("on_llm_end")[0]
    chain = Chain((own, RegisteredHook("on_llm_end", lambda ctx: seen.append("registered")), Ducks(), own, function))
    fire("on_llm_end", told(), chain)
    assert seen == ["global", "class", "registered", "duck"]


def test_a_method_that_is_not_written_is_not_called() -> None:
    assert list(Chain((Hook(),)).of("on_llm_end")) == []


async def test_a_hook_as_it_stands_proceeds_everywhere() -> None:
    for event in {*EVENTS[2:]} - {"on_budget"}:
        assert (await getattr(Hook(), event)(told())).action is HookResultAction.PROCEED
    assert await Hook().on_startup(None) is None
    assert await Hook().on_shutdown(None) is None
    assert await Hook().on_budget(told()) is None


def test_an_object_that_is_called_may_be_async() -> None:
    class Called:
        async def __call__(self, ctx: HookContext) -> HookResult:
            return HookResult.reject("no")

    hook("on_request")(Called())
    assert {result.message for result in both("on_request")} == {"no"}


def test_the_decorator_hands_back_the_function() -> None:
    def mine(ctx: HookContext) -> None: ...

    assert hook("on_llm_end")(mine) is mine
    assert get_registered_hooks("on_llm_end") == [mine]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"event": "on_llm_finish"}, "on_llm"),
        ({"event": "on_llm_end", "mode": "later"}, "'await' or 'background'"),
        ({"event": "on_llm_end", "on_failure": "raise"}, "'warn' or 'reject'"),
    ],
)
def test_a_mistake_in_registering_names_what_is_accepted(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        hook(**arguments)


def test_an_event_of_the_old_package_is_said_to_never_fire(warnings: Callable[[], list[str]]) -> None:
    hook("on_node_enter")(lambda ctx: None)
    assert "never fires" in warnings()[0]


# --- failures -------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async-def"])
def test_a_hook_that_raises_is_one_warning(is_async: bool, warnings: Callable[[], list[str]]) -> None:
    def broken(ctx: HookContext) -> None:
        raise ValueError(PROMPT)

    async def broken_too(ctx: HookContext) -> None:
        broken(ctx)

    later: list[HookContext] = []
    hook("on_llm_end")(broken_too if is_async else broken)
    hook("on_llm_end")(later.append)
    assert {result.action for result in both("on_llm_end")} == {HookResultAction.PROCEED}
    assert len(later) == 2
    (warning,) = warnings()
    assert "broken" in warning
    assert "ValueError" in warning
    assert PROMPT not in warning


def test_a_hook_that_raises_may_mean_reject() -> None:
    def guard(ctx: HookContext) -> None:
        raise ValueError

    hook("on_llm_start", on_failure="reject")(guard)
    for result in both("on_llm_start"):
        assert result.action is HookResultAction.REJECT
        assert "guard failed (ValueError)" in (result.message or "")


@pytest.mark.parametrize("answer", ["proceed", {"action": "reject"}, True, 7, object()])
def test_rubbish_is_one_warning(answer: Any, warnings: Callable[[], list[str]]) -> None:
    hook("on_llm_start")(lambda ctx: answer)
    assert {result.action for result in both("on_llm_start")} == {HookResultAction.PROCEED}
    (warning,) = warnings()
    assert type(answer).__qualname__ in warning


def test_an_action_may_be_written_as_its_word() -> None:
    hook("on_llm_start")(lambda ctx: HookResult("reject", message="no"))  # type: ignore[arg-type]
    assert {result.action for result in both("on_llm_start")} == {HookResultAction.REJECT}


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async-def"])
@pytest.mark.parametrize("on_failure", ["warn", "reject"])
def test_a_hook_that_hangs_is_left_behind_when_its_time_is_over(
    on_failure: str, is_async: bool, warnings: Callable[[], list[str]]
) -> None:
    over = threading.Event()

    def hangs(ctx: HookContext) -> None:
        over.wait(60)

    async def hangs_too(ctx: HookContext) -> None:
        await asyncio.Event().wait()

    hook("on_llm_start", timeout=0.05, on_failure=on_failure)(hangs_too if is_async else hangs)
    expected = HookResultAction.REJECT if on_failure == "reject" else HookResultAction.PROCEED
    assert {result.action for result in both("on_llm_start")} == {expected}
    assert ["TimeoutError" in warning for warning in warnings()] == [True]
    over.set()


async def test_something_cancelled_in_a_hook_does_not_cancel_the_caller(warnings: Callable[[], list[str]]) -> None:
    @hook("on_llm_end")
    async def cancels_itself(ctx: HookContext) -> None:
        raise asyncio.CancelledError

    assert (await afire("on_llm_end", told(), NONE)).action is HookResultAction.PROCEED
    assert (await asyncio.to_thread(fire, "on_llm_end", told(), NONE)).action is HookResultAction.PROCEED
    assert len(warnings()) == 1


async def test_a_caller_that_is_cancelled_is_cancelled_in_the_hook_too() -> None:
    inside = asyncio.Event()

    @hook("on_llm_end")
    async def waits(ctx: HookContext) -> None:
        inside.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(afire("on_llm_end", told(), NONE))
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("term", ["hook_mode", "hook_on_failure"])
def test_terms_of_a_class_that_do_not_exist_are_one_warning(term: str, warnings: Callable[[], list[str]]) -> None:
    class Mine(Hook):
        def on_llm_end(self, ctx: HookContext) -> HookResult:  # type: ignore[override]
            return HookResult.retry()

    own = Mine()
    setattr(own, term, "sometimes")
    assert {result.action for result in both("on_llm_end", chain=Chain((own,)))} == {HookResultAction.RETRY}
    assert len(warnings()) == 1


def test_terms_of_a_class_count() -> None:
    class Mine(Hook):
        hook_timeout = 0.05
        hook_on_failure = "reject"

        async def on_llm_start(self, ctx: HookContext) -> HookResult:
            await asyncio.Event().wait()
            return HookResult.proceed()

    assert {one.action for one in both("on_llm_start", chain=Chain((Mine(),)))} == {HookResultAction.REJECT}


# --- where they run -------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout", [None, 30])
@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async-def"])
@pytest.mark.parametrize("from_async", [False, True], ids=["from-sync", "from-async"])
def test_the_callers_context_variables_are_there(from_async: bool, is_async: bool, timeout: float | None) -> None:
    seen = []

    def look(ctx: HookContext) -> None:
        seen.append(WHO.get())

    async def look_too(ctx: HookContext) -> None:
        await asyncio.sleep(0)
        look(ctx)

    hook("on_llm_end", timeout=timeout)(look_too if is_async else look)

    def from_here(who: str) -> None:
        WHO.set(who)
        asyncio.run(afire("on_llm_end", told(), NONE)) if from_async else fire("on_llm_end", told(), NONE)

    for who in ("ada", "bob"):
        contextvars.copy_context().run(from_here, who)
    assert seen == ["ada", "bob"]


async def test_async_hooks_of_sync_code_do_not_need_the_loop_that_the_code_holds_up() -> None:
    loops = set()

    @hook("on_llm_end")
    async def look(ctx: HookContext) -> HookResult:
        await asyncio.sleep(0)
        loops.add(asyncio.get_running_loop())
        return HookResult.retry()

    assert fire("on_llm_end", told(), NONE).action is HookResultAction.RETRY
    assert len(loops) == 1
    assert asyncio.get_running_loop() not in loops


def test_all_async_hooks_of_sync_code_run_on_one_thread() -> None:
    threads = []

    @hook("on_llm_end")
    async def look(ctx: HookContext) -> None:
        threads.append(threading.current_thread())

    callers = [threading.Thread(target=fire, args=("on_llm_end", told(), NONE)) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(threads) == 8
    assert {thread.name for thread in threads} == {"fastagentic-hooks"}
    assert len(set(threads)) == 1


@pytest.mark.parametrize("is_async", [False, True], ids=["def", "async-def"])
def test_nobody_waits_for_a_hook_in_the_background(is_async: bool, warnings: Callable[[], list[str]]) -> None:
    may_end, seen = threading.Event(), []

    def slow(ctx: HookContext) -> HookResult:
        seen.append((ctx.tool_output, WHO.get()))
        return HookResult.reject("too late")

    async def slow_too(ctx: HookContext) -> HookResult:
        await asyncio.to_thread(may_end.wait, 60)
        return slow(ctx)

    hook("on_tool_result", mode="background", timeout=60)(slow_too if is_async else slow)
    hook("on_tool_result")(lambda ctx: HookResult.modify("changed since"))

    def call() -> None:
        WHO.set("ada")
        for result in both("on_tool_result", told(tool_output="as it was")):
            assert result.action is HookResultAction.MODIFY
            may_end.set()
            assert settle(30)

    contextvars.copy_context().run(call)
    assert sorted(seen) == [("as it was", "ada"), ("changed since", "ada")]
    assert len(warnings()) == 1


def test_background_hooks_that_fail_are_one_warning(warnings: Callable[[], list[str]]) -> None:
    @hook("on_llm_end", mode="background")
    async def broken(ctx: HookContext) -> None:
        raise ValueError

    both("on_llm_end")
    assert settle(30)
    assert len(warnings()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_a_loop_of_its_own() -> None:
    @hook("on_llm_start")
    async def look(ctx: HookContext) -> HookResult:
        return HookResult.reject("here")

    assert fire("on_llm_start", told(), NONE).message == "here"
    child = os.fork()
    if child == 0:
        os._exit(0 if fire("on_llm_start", told(), NONE).message == "here" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_startup_and_shutdown_are_told_the_app() -> None:
    seen = []
    hook("on_startup")(seen.append)
    hook("on_shutdown")(seen.append)
    app = object()
    fire("on_startup", app, NONE)
    asyncio.run(afire("on_shutdown", app, NONE))
    assert seen == [app, app]


def test_a_chain_is_true_where_there_is_a_hook() -> None:
    assert not NONE
    assert Chain((Hook(),))
    hook("on_llm_end")(lambda ctx: None)
    assert NONE
    registered.clear()
