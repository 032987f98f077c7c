"""Names that people write already: where they are imported from, what they take, what they answer."""

from __future__ import annotations

import importlib
from dataclasses import fields

import pytest

import fastagentic
from fastagentic.context import AgentContext, RunContext, UsageInfo, UserInfo
from fastagentic.hooks import FailureMode, Hook, HookContext, HookMode, HookResult, HookResultAction

NAMES = ("BaseHook", "Hook", "HookContext", "HookResult", "HookResultAction", "get_registered_hooks", "hook", "reset_hooks")


@pytest.mark.parametrize("name", NAMES)
def test_the_old_path_has_the_same_objects(name: str) -> None:
    hooks, base = importlib.import_module("fastagentic.hooks"), importlib.import_module("fastagentic.hooks.base")
    assert getattr(hooks, name) is getattr(base, name)


@pytest.mark.parametrize("name", ["Hook", "HookContext", "HookResult", "hook"])
def test_the_package_has_them_too(name: str) -> None:
    assert getattr(fastagentic, name) is getattr(importlib.import_module("fastagentic.hooks"), name)


def test_results_are_made_by_name() -> None:
    assert HookResult().action == HookResult.proceed().action == "proceed"
    assert (HookResult.modify([1]).action, HookResult.modify([1]).data) == (HookResultAction.MODIFY, [1])
    assert (HookResult.skip().message, HookResult.skip("x").message, HookResult.reject("y").message) == (None, "x", "y")
    assert (HookResult.retry().max_retries, HookResult.retry(5).max_retries) == (3, 5)


def test_modes_are_their_words() -> None:
    assert [one.value for one in HookMode] == ["await", "background"]
    assert [one.value for one in FailureMode] == ["warn", "reject"]


OLD_FIELDS = {
    "run_id", "endpoint", "request", "response", "messages", "user", "usage", "tool_name", "tool_input", "tool_output", "model",
    "node_name", "node_input", "node_output", "error", "retry_count", "metadata", "memory_content", "memory_query",
    "memory_results",
}  # fmt: skip


def test_a_context_takes_what_it_took() -> None:
    ctx = HookContext("id", "endpoint", tool_input={"a": 1})
    assert {one.name for one in fields(HookContext)} - OLD_FIELDS == {"tenant", "started_at", "duration_ms", "budget"}
    assert {one.name for one in fields(HookContext)} >= OLD_FIELDS
    ctx.tool_args = {"a": 2}
    ctx.tool_result = "out"
    assert (ctx.tool_input, ctx.tool_output) == ({"a": 2}, "out")


def test_a_context_of_an_endpoint_shares_the_runs_metadata() -> None:
    run = RunContext("id", "support", UserInfo("u-42"), {"a": 1}, UsageInfo(input_tokens=3))
    ctx = HookContext.from_agent_context(AgentContext(run))
    ctx.metadata["b"] = 2
    assert run.metadata == {"a": 1, "b": 2}
    assert (ctx.run_id, ctx.endpoint, ctx.user, ctx.usage) == ("id", "support", run.user, run.usage)
    assert run.is_authenticated


def test_a_token_is_in_no_text() -> None:
    user = UserInfo("u-42", email="ada@example.org", token="t0ps3cret")
    assert "t0ps3cret" not in repr(user) + str(user) + str(user.to_safe_dict())


def test_every_event_has_its_method() -> None:
    from fastagentic.hooks.registry import EVENTS

    assert {name for name in vars(Hook) if name.startswith("on_")} == set(EVENTS)
