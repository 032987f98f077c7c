"""A LangChain user's program: a chain, a batch in threads, a bound tool, structured output, streams, all on ChatLiteLLM."""

import asyncio
import json

from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.tools import tool
from langchain_litellm import ChatLiteLLM

import fastagentic

fastagentic.instrument()


@tool
def weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


model = ChatLiteLLM(model="gpt-4o-mini")
chain = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "{question}")]) | model | StrOutputParser()


async def later() -> list[str]:
    pieces = [piece async for piece in chain.astream({"question": "Later, in pieces?"})]
    return [await chain.ainvoke({"question": "Later?"}), "".join(pieces)]


with fastagentic.run("langchain-report", user="u-42") as run:
    answers = [chain.invoke({"question": "Does it rain?"})]
    answers += chain.batch([{"question": f"Number {at}?"} for at in range(3)])
    answers.append("".join(chain.stream({"question": "In pieces?"})))
    (asked,) = model.bind_tools([weather]).invoke("Is it raining in Kiel?").tool_calls
    answers.append(weather.invoke(asked["args"]))
    answers += asyncio.run(later())

print(json.dumps({"said": answers, "calls": run.usage.calls, "cost": run.usage.cost}))
