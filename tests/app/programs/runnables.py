"""Runnables of LangChain, LangGraph and PydanticAI behind endpoints; prints what each answered, as JSON."""

import asyncio
import json
from typing import Any, TypedDict

import httpx
from langchain_core.language_models import FakeListChatModel
from langchain_core.prompts import ChatPromptTemplate
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

from fastagentic import App, agent_endpoint


class Question(BaseModel):
    question: str


class Reply(BaseModel):
    text: str


class State(TypedDict, total=False):
    question: str
    text: str


def graph() -> Any:
    builder = StateGraph(State)
    builder.add_node("shout", lambda state: {"text": state["question"].upper()})
    builder.add_edge(START, "shout")
    builder.add_edge("shout", END)
    return builder.compile()


chain = ChatPromptTemplate.from_template("Answer: {question}") | FakeListChatModel(responses=["four cents"])
agent = Agent(TestModel(custom_output_text="from the agent"))

app = App(instrument=False)


@agent_endpoint("/langchain", runnable=chain)
async def langchain(body: Question) -> Reply: ...


@agent_endpoint("/langgraph", runnable=graph())
async def langgraph(body: Question) -> Reply: ...


@agent_endpoint("/pydantic-ai", runnable=agent)
async def pydantic_ai(body: Question) -> Reply: ...


@agent_endpoint("/langchain-stream", runnable=chain, stream=True)
async def langchain_stream(body: Question) -> str: ...


@agent_endpoint("/pydantic-ai-stream", runnable=agent, stream=True)
async def pydantic_ai_stream(body: Question) -> str: ...


async def main() -> dict[str, Any]:
    found = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        for path in ("/langchain", "/langgraph", "/pydantic-ai"):
            found[path] = (await client.post(path, json={"question": "what does it cost?"})).json()
        for path in ("/langchain-stream", "/pydantic-ai-stream"):
            text = (await client.post(path, json={"question": "what does it cost?"})).text
            pieces = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
            found[path] = "".join(piece for piece in pieces if isinstance(piece, str))
    return found


print(json.dumps(asyncio.run(main())))
