"""A smolagents user's program: a code agent that streams what it writes, and a tool-calling agent."""

import json

from smolagents import CodeAgent, LiteLLMModel, ToolCallingAgent, tool

import fastagentic

fastagentic.instrument()

model = LiteLLMModel(model_id="openai/gpt-4o-mini")


@tool
def weather(city: str) -> str:
    """The weather in a city.

    Args:
        city: the city's name
    """
    return f"rain in {city}"


with fastagentic.run("smolagents-report", user="u-42") as run:
    answers = [
        CodeAgent(tools=[weather], model=model, verbosity_level=0).run("Is it raining in Kiel?"),
        CodeAgent(tools=[weather], model=model, stream_outputs=True, verbosity_level=0).run(
            "Is it raining in Kiel, in pieces?"
        ),
        ToolCallingAgent(tools=[weather], model=model, verbosity_level=0).run("Is it raining in Bonn?"),
    ]

print()  # the live display leaves its line open
print(json.dumps({"said": answers, "calls": run.usage.calls, "cost": run.usage.cost}))
