"""Frameworks that reach models through LiteLLM, unmodified: their calls are one trace, one row a request, at the right cost.

Each runs its program (`programs/`) in an environment of its own, against a stand-in provider that speaks its format.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .environments import Environment
from .scripted import ScriptedStandIn, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .scripted import Script

pytestmark = pytest.mark.slow

# gpt-4o-mini, USD per million tokens, typed by hand on 2026-11-23: input 0.15, cached input 0.075, output 0.60.
INPUT, CACHED, OUTPUT = Decimal("0.15"), Decimal("0.075"), Decimal("0.60")


MCP = "mcp==2.3.0"
"""LiteLLM 1.106 imports it for a call with tools (facts/clients.md, 13)."""


def messages_of(body: dict[str, Any]) -> str:
    return str(body["messages"])


def dspy_says(body: dict[str, Any]) -> str:
    """The fields that the signature asks for, in the format of DSPy's chat adapter."""
    asked = messages_of(body)
    tool = "finish" if "rain in Kiel" in asked else "weather"
    fields = {
        "reasoning": "It is autumn.",
        "next_thought": "Look.",
        "next_tool_name": tool,
        "next_tool_args": '{"city": "Kiel"}' if tool == "weather" else "{}",
        "answer": "It rains.",
    }
    wanted = [name for name in fields if f"[[ ## {name} ## ]]" in str(body["messages"][-1])]
    return "\n\n".join(f"[[ ## {name} ## ]]\n{fields[name]}" for name in wanted) + "\n\n[[ ## completed ## ]]"


def smolagents_says(body: dict[str, Any]) -> str | ToolCall:
    """Code for the code agent, tool calls for the other; `final_answer` once the tool has said what it knows."""
    is_known = "rain in" in messages_of(body)
    if "Bonn" in messages_of(body):
        return ToolCall("final_answer", {"answer": "It rains."}) if is_known else ToolCall("weather", {"city": "Bonn"})
    code = "final_answer('It rains.')" if is_known else "print(weather(city='Kiel'))"
    return f"Thought: look.\n<code>\n{code}\n</code>"


def calls_the_tool_once(body: dict[str, Any]) -> ToolCall | None:
    """The tool, where there is one and it was not called yet; else whatever the stand-in says."""
    return ToolCall("weather", {"city": "Kiel"}) if body.get("tools") and "rain in" not in messages_of(body) else None


@dataclass(slots=True, frozen=True)
class Framework:
    """A row: where it is installed, its user's program, what a model must say to it, how many requests that makes."""

    environment: Environment
    program: str
    script: Script
    requests: int

    def __str__(self) -> str:
        return self.environment.name


# CrewAI is not among them: 1.15 asks for pydantic below 2.13 and a regex of January 2026, and the lock has later ones of both.
FRAMEWORKS = (
    Framework(Environment("dspy", ("dspy==3.4.1", "litellm")), "dspy_program.py", dspy_says, 9),
    Framework(Environment("smolagents", ("smolagents[litellm]==1.26.0", MCP)), "smolagents_program.py", smolagents_says, 6),
    # openai-agents 0.21 and later ask for openai 3, which LiteLLM (1.106: below 3) refuses.
    Framework(
        Environment("openai-agents", ("openai-agents[litellm]==0.20.0",)), "openai_agents_program.py", calls_the_tool_once, 7
    ),
    Framework(
        Environment("langchain", ("langchain-litellm==0.11.2", "litellm")), "langchain_program.py", calls_the_tool_once, 8
    ),
)


@dataclass(slots=True)
class Played:
    """A program that has run: what it printed, what the provider was asked, and the store."""

    framework: Framework
    printed: dict[str, Any]
    exchanges: list[Any]
    store: sqlite3.Connection

    def rows(self, question: str) -> list[Any]:
        return self.store.execute(question).fetchall()

    def calls(self) -> list[Any]:
        return self.rows(
            "SELECT calls.*, attributes ->> '$.\"gen_ai.response.id\"' AS id FROM calls JOIN spans USING (trace_id, span_id)"
        )


@pytest.fixture(scope="module", params=FRAMEWORKS, ids=str)
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    framework: Framework = request.param
    home = tmp_path_factory.mktemp("home")
    with ScriptedStandIn(framework.script) as provider:
        printed = framework.environment.run(
            Path(__file__).parent / "programs" / framework.program,
            home=home,
            OPENAI_API_KEY="sk-stand-in",
            OPENAI_BASE_URL=provider.url(),
            OPENAI_API_BASE=provider.url(),
            OPENAI_AGENTS_DISABLE_TRACING="1",  # it reports to its maker otherwise
        )
        with closing(sqlite3.connect(home / "store.db")) as store:
            store.row_factory = sqlite3.Row
            yield Played(framework, printed, provider.exchanges, store)


def cost_of(call: sqlite3.Row) -> Decimal:
    cached = call["cache_read_tokens"] or 0
    return (INPUT * (call["input_tokens"] - cached) + CACHED * cached + OUTPUT * call["output_tokens"]) / 1_000_000


def test_the_program_gets_its_answers(played: Played) -> None:
    said = played.printed["said"]
    assert len(played.exchanges) == played.framework.requests
    assert {exchange.status for exchange in played.exchanges} == {200}
    assert all(said)
    assert "It rains." in said or "rain in Kiel" in said or said[0] == played.exchanges[1].text


def test_each_request_is_one_call_with_the_usage_that_the_provider_stated(played: Played) -> None:
    stated = {one.answer_id: one.usage for one in played.exchanges if one.usage is not None}
    calls = played.calls()
    assert sorted(call["id"] for call in calls) == sorted(one.answer_id for one in played.exchanges)
    counted = {call["id"]: (call["input_tokens"], call["output_tokens"]) for call in calls if not call["is_estimated"]}
    assert counted == {at: (usage["prompt_tokens"], usage["completion_tokens"]) for at, usage in stated.items()}


def test_each_call_has_the_right_cost(played: Played) -> None:
    calls = played.calls()
    assert [call["cost_usd"] for call in calls] == [pytest.approx(float(cost_of(call)), rel=1e-9) for call in calls]


def test_the_whole_run_is_one_trace(played: Played) -> None:
    ((run_id, name, user),) = played.rows("SELECT run_id, name, user_id FROM runs")
    assert name.endswith("-report")
    assert user == "u-42"
    assert {tuple(row) for row in played.rows("SELECT trace_id, run_id, user_id FROM calls")} == {(run_id, run_id, "u-42")}
    assert {tuple(row) for row in played.rows("SELECT trace_id FROM spans")} == {(run_id,)}


def test_every_call_hangs_below_the_run(played: Played) -> None:
    ((root,),) = played.rows("SELECT span_id FROM spans WHERE parent_span_id IS NULL")
    parents = played.rows("SELECT parent_span_id FROM spans JOIN calls USING (trace_id, span_id)")
    assert {parent for (parent,) in parents} == {root}


def test_the_run_in_the_program_knows_the_same_total(played: Played) -> None:
    assert played.printed["calls"] == len(played.exchanges)
    assert played.printed["cost"] == pytest.approx(sum(call["cost_usd"] for call in played.calls()), rel=1e-9)


def test_a_streamed_call_was_read_to_its_end_and_is_estimated_only_where_no_usage_was_asked_for(played: Played) -> None:
    streamed = {one.answer_id: one.usage is None for one in played.exchanges if one.body.get("stream")}
    assert streamed
    found = {call["id"]: (call["stream_end"], bool(call["is_estimated"])) for call in played.calls() if call["is_stream"]}
    assert found == {at: ("exhausted", is_silent) for at, is_silent in streamed.items()}
