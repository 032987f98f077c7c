"""`OTEL_SDK_DISABLED=true`: no spans, no metrics, no store; hooks work on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import litellm
import pytest
from portkey_ai import Portkey

import fastagentic
from fastagentic.hooks import HookResult
from tests.clients.doors import MESSAGES, MODEL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

    from .conftest import Told

MOCKED = {"model": MODEL, "messages": MESSAGES, "mock_response": "It does."}


@pytest.fixture(autouse=True)
def disabled(monkeypatch: pytest.MonkeyPatch, memory: Memory) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    fastagentic.instrument(tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)


def test_nothing_is_told_and_nothing_stored(memory: Memory, own_environment: Path) -> None:
    with fastagentic.run("report"):
        litellm.completion(**MOCKED)
    assert fastagentic.flush()
    assert memory.spans == []
    assert memory.metrics == {}
    assert not list(own_environment.rglob("*.db*"))


def test_hooks_fire_and_the_run_counts(register: Callable[..., None], told: Told) -> None:
    register("on_llm_start", HookResult.modify({"mock_response": "changed"}))
    register("on_llm_end")
    with fastagentic.run("report") as run:
        litellm.completion(**MOCKED)
    ctx = told.of("on_llm_end")
    assert ctx.response.choices[0].message.content == "changed"
    assert (ctx.run_id, run.usage.calls) == (run.run_id, 1)
    assert ctx.metadata["litellm"]["cost"] == run.usage.cost


def test_calls_outside_any_run_do_not_share_an_id(stand_in: StandIn, register: Callable[..., None], told: Told) -> None:
    register("on_llm_end")
    portkey = Portkey(api_key="pk-test", base_url=stand_in.url("ok"), provider="openai")
    for _ in range(2):
        portkey.chat.completions.create(model=MODEL, messages=MESSAGES)
    ids = [ctx.run_id for _, ctx in told.seen]
    assert len(set(ids)) == 2
    assert [one.headers["x-portkey-trace-id"] for one in stand_in.exchanges] == ids


def test_tools_run_and_have_their_hooks(register: Callable[..., None], told: Told) -> None:
    @fastagentic.tool
    def add(one: int, other: int) -> int:
        return one + other

    register("on_tool_result", HookResult.modify(4))
    assert add(1, 2) == 4
    assert told.of("on_tool_result").tool_name == "add"
