"""Firing an event: each hook in its turn, with its timeout and its failures, and what its answer means.

What an event honours is a table. The order of things is written once, as a flow that two short loops drive, one of which
waits. Nothing that a hook does or returns raises in here: whoever fires decides what a rejection means.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import traceback
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from fastagentic.core.errors import HookRejected

from .base import HookContext, HookResult, HookResultAction
from .loop_thread import LOOP, in_thread, wait_for
from .once import warn_once
from .registry import FailureMode, HookMode

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from opentelemetry.context import Context

    from .chain import Chain
    from .registry import RegisteredHook

MODIFY, SKIP, REJECT, RETRY = (
    HookResultAction.MODIFY, HookResultAction.SKIP, HookResultAction.REJECT, HookResultAction.RETRY,
)  # fmt: skip

HONOURED: Final[Mapping[str, frozenset[HookResultAction]]] = {
    "on_request": frozenset({MODIFY, SKIP, REJECT}),
    "on_response": frozenset({MODIFY, SKIP, REJECT, RETRY}),
    "on_llm_start": frozenset({MODIFY, SKIP, REJECT}),
    "on_llm_end": frozenset({MODIFY, SKIP, REJECT, RETRY}),
    "on_tool_call": frozenset({MODIFY, SKIP, REJECT}),
    "on_tool_result": frozenset({MODIFY, SKIP, REJECT, RETRY}),
    "on_error": frozenset({SKIP, REJECT, RETRY}),
}
"""What an event does something with beside proceeding; the others only proceed."""

MODIFIED: Final = {
    "on_request": "request",
    "on_response": "response",
    "on_llm_end": "response",
    "on_tool_call": "tool_input",
    "on_tool_result": "tool_output",
}
"""Where `modify` puts its data, for the hooks that follow and for whoever fires."""

AFTERWARDS: Final = frozenset({"on_response", "on_llm_end", "on_tool_result"})
"""Where nothing is left to skip but the hooks that follow."""

INSIDE_KEY: Final = otel_context.create_key("fastagentic-inside-a-hook")


def is_inside_hook(context: Context) -> bool:
    """Whether this code runs in a hook: what it calls fires none, or it would call itself."""
    return INSIDE_KEY in context


def fire(event: str, ctx: Any, chain: Chain, honoured: frozenset[HookResultAction] | None = None) -> HookResult:
    """Fire an event from sync code; async hooks run on a loop of their own, and are waited for.

    Returns: what the hooks want together. `modify` has been written into `ctx`, and its data are in the result, those of
    `on_llm_start` joined into the arguments by name. `retry` comes no oftener than it allows, by `ctx.retry_count`.
    """
    flow = _flow(event, ctx, chain, honoured)
    answer = None
    try:
        while True:
            answer = _asked(flow.send(answer), ctx)
    except StopIteration as end:
        return _result(end)


async def afire(event: str, ctx: Any, chain: Chain, honoured: frozenset[HookResultAction] | None = None) -> HookResult:
    """Fire an event from async code; hooks run in the caller's task, one after the other."""
    flow = _flow(event, ctx, chain, honoured)
    answer = None
    try:
        while True:
            answer = await _aasked(flow.send(answer), ctx)
    except StopIteration as end:
        return _result(end)


def rejection(event: str, result: HookResult) -> HookRejected:
    """What is raised in the calling code where a hook refuses."""
    return HookRejected(result.message or f"refused by a hook at {event}", event=event)


def _result(end: StopIteration) -> HookResult:
    result: HookResult = end.value
    return result


def settle(timeout_s: float) -> bool:
    """Wait for the hooks that run in the background; False when time ran out before."""
    return LOOP.settle(timeout_s)


def _flow(
    event: str, ctx: Any, chain: Chain, honoured: frozenset[HookResultAction] | None
) -> Generator[RegisteredHook, Any, HookResult]:
    honoured = HONOURED.get(event, frozenset()) if honoured is None else honoured
    together = HookResult()
    for hook in chain.of(event):
        if hook.mode is HookMode.BACKGROUND:
            _start_in_background(hook, ctx)
            continue
        result = _understood(hook, (yield hook))
        if result.action is HookResultAction.PROCEED or (result.action is RETRY and _is_used_up(ctx, result)):
            continue
        if result.action not in honoured or (result.action is MODIFY and not _modify(event, ctx, together, result.data)):
            _warn_of(hook, result)
        elif result.action is SKIP and event in AFTERWARDS:
            return together
        elif result.action is not MODIFY:
            return result
    return together


def _is_used_up(ctx: Any, result: HookResult) -> bool:
    return isinstance(ctx, HookContext) and ctx.retry_count >= result.max_retries


def _modify(event: str, ctx: HookContext, together: HookResult, data: Any) -> bool:
    """Write it where the next hook sees it; False when this is nothing that the event can take."""
    if event == "on_llm_start":
        if not isinstance(data, (Mapping, list)):
            return False
        changes = {"messages": data} if isinstance(data, list) else dict(data)
        ctx.messages = changes.get("messages", ctx.messages)
        ctx.model = changes.get("model", ctx.model)  # type: ignore[assignment]  # as the hook gave it
        data = {**(together.data or {}), **changes}
    else:
        setattr(ctx, MODIFIED[event], data)
    together.action, together.data = MODIFY, data
    return True


def _understood(hook: RegisteredHook, answer: Any) -> HookResult:
    """The answer with its action as ours; anything that is no answer is proceed."""
    if answer is None:
        return HookResult()
    try:
        action = HookResultAction(answer.action)
        return HookResult(action, answer.data, answer.message, answer.retry_count, int(answer.max_retries))
    except Exception:  # noqa: BLE001  # whatever it is, it is no HookResult
        kind = type(answer).__qualname__
        warn_once((hook.name, hook.event), "hook %s (%s) returned a %s; it goes on as proceed", hook.name, hook.event, kind)
        return HookResult()


def _warn_of(hook: RegisteredHook, result: HookResult) -> None:
    said = (hook.name, hook.event, result.action.value, hook.event)
    warn_once((*said, "answer"), "hook %s (%s) returned %s, which %s cannot do here; it goes on as proceed", *said)


def _asked(hook: RegisteredHook, ctx: Any) -> Any:
    """What a hook answers, from sync code."""
    try:
        with _inside():
            answer = wait_for(in_thread(hook.function, ctx), hook.timeout) if _needs_thread(hook) else hook.function(ctx)
            return LOOP.result(answer, hook.timeout) if inspect.isawaitable(answer) else answer
    except Exception as error:  # noqa: BLE001  # a hook's failure is never the call's
        return _failed(hook, error)


async def _aasked(hook: RegisteredHook, ctx: Any) -> Any:
    """What a hook answers, from async code."""
    try:
        with _inside():
            if hook.timeout is None:
                answer = hook.function(ctx)
                return await answer if inspect.isawaitable(answer) else answer
            async with asyncio.timeout(hook.timeout):
                answer = await asyncio.wrap_future(in_thread(hook.function, ctx)) if _needs_thread(hook) else hook.function(ctx)
                return await answer if inspect.isawaitable(answer) else answer
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return _failed(hook, error)  # something in the hook was cancelled, not the caller
    except Exception as error:  # noqa: BLE001  # a hook's failure is never the call's
        return _failed(hook, error)


def _needs_thread(hook: RegisteredHook) -> bool:
    """A sync function can be left behind only where it has a thread of its own."""
    return hook.timeout is not None and not inspect.iscoroutinefunction(hook.function)


def _start_in_background(hook: RegisteredHook, ctx: Any) -> None:
    """Let it run on the loop thread, with the context as it is now."""

    async def run() -> None:
        answer = await _aasked(hook, kept)
        if answer is not None and _understood(hook, answer).action is not HookResultAction.PROCEED:
            _warn_of(hook, _understood(hook, answer))

    kept = copy.copy(ctx) if isinstance(ctx, HookContext) else ctx
    work = run()
    try:
        LOOP.submit(work)
    except RuntimeError as error:  # the interpreter is shutting down: no new threads
        work.close()
        _failed(hook, error)


def _failed(hook: RegisteredHook, error: BaseException) -> HookResult:
    """What a failure means; its class and stack are logged, not its text, which may echo a prompt."""
    kind = type(error).__qualname__
    stack = "".join(traceback.format_tb(error.__traceback__))
    warn_once((hook.name, hook.event, kind), "hook %s (%s) failed (%s)\n%s", hook.name, hook.event, kind, stack)
    if hook.on_failure is FailureMode.REJECT:
        return HookResult.reject(f"the hook {hook.name} failed ({kind})")
    return HookResult()


@contextmanager
def _inside() -> Iterator[None]:
    token = otel_context.attach(otel_context.set_value(INSIDE_KEY, True))
    try:
        yield
    finally:
        try:  # noqa: SIM105
            token.var.reset(token)
        except ValueError:  # a coroutine that was closed in another context
            pass
