"""A user's program on the OpenAI Agents SDK with LiteLLM: an agent with a tool, several at once, and a streamed one."""

import asyncio
import json

from agents import Agent, ModelSettings, Runner, function_tool
from agents.extensions.models.litellm_model import LitellmModel

import fastagentic

fastagentic.instrument()


@function_tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


model = LitellmModel(model="openai/gpt-4o-mini")
forecaster = Agent(name="Forecaster", instructions="Use the tool.", model=model, tools=[weather])
poet = Agent(name="Poet", instructions="Write.", model=model, model_settings=ModelSettings(include_usage=True))


async def streamed(question: str) -> str:
    result = Runner.run_streamed(poet, question)
    async for _ in result.stream_events():
        pass
    return result.final_output


async def report() -> list[str]:
    answers = [(await Runner.run(forecaster, "Is it raining in Kiel?")).final_output]
    together = await asyncio.gather(*(Runner.run(poet, f"Line {at}.") for at in range(3)))
    return [*answers, *(result.final_output for result in together), await streamed("A poem, in pieces.")]


with fastagentic.run("agents-report", user="u-42") as run:
    answers = [*asyncio.run(report()), Runner.run_sync(poet, "One more.").final_output]

print(json.dumps({"said": answers, "calls": run.usage.calls, "cost": run.usage.cost}))
