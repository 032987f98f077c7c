"""A support agent in two plans: `/premium` by Portkey with a fallback, `/standard` by LiteLLM with a chain of models, streamed.

fastagentic serve examples.support_agent.main:app
"""

from collections.abc import AsyncIterator  # FastAPI reads the annotation at run time
from typing import Any

import litellm
from portkey_ai import AsyncPortkey
from pydantic import BaseModel, Field

import fastagentic
from fastagentic import App, agent_endpoint
from fastagentic.context import AgentContext, UserInfo
from fastagentic.hooks import Hook, HookContext, HookResult, hook
from fastagentic.integrations.litellm import LiteLLMGateway
from fastagentic.integrations.portkey import PortkeyGateway

from .places import Places

places = Places.found()

ORDERS = {"42": "shipped on Monday", "43": "waiting for payment"}


class Question(BaseModel):
    """What a customer asks."""

    question: str = Field(min_length=1, max_length=2_000, examples=["Where is order 42?"])


class Answer(BaseModel):
    """What the agent answers, and what it found out on the way."""

    text: str
    facts: list[str] = []
    cost: float = Field(description="USD, of the whole run")


class Budget(Hook):
    """No more than so many USD a run: the call that would come next is refused."""

    def __init__(self, usd: float) -> None:
        self.usd = usd

    async def on_llm_start(self, ctx: HookContext) -> HookResult:
        """Ask the run what it has cost so far."""
        run = fastagentic.current_run()
        if run is not None and run.usage.cost > self.usd:
            return HookResult.reject(f"the run has cost more than ${self.usd}")
        return HookResult.proceed()


@hook("on_llm_end", mode="background")
async def log_cost(ctx: HookContext) -> None:
    """What each call cost, for whoever reads along."""
    said = ctx.metadata.get("portkey") or ctx.metadata.get("litellm") or {}
    print(
        f"{ctx.endpoint}: {said.get('model', ctx.model)} cost ${said.get('cost', 0):.6f}, fallback {said.get('fallback_used')}"
    )


@fastagentic.tool
async def look_up_order(number: str) -> str:
    """Where an order is."""
    return ORDERS.get(number, "unknown")


async def facts_for(question: str) -> list[str]:
    """What is known of the orders that a question speaks of."""
    numbers = [word.strip("?.,!#") for word in question.split() if word.strip("?.,!#").isdigit()]
    return [f"order {number}: {await look_up_order(number)}" for number in numbers]


def messages(question: str, facts: list[str]) -> list[dict[str, str]]:
    """The conversation so far."""
    known = "; ".join(facts) or "nothing"
    return [
        {"role": "system", "content": f"You answer customers in one sentence. Known: {known}."},
        {"role": "user", "content": question},
    ]


def who(request: Any) -> UserInfo:
    """The customer, by a header; a real application checks a token here."""
    return UserInfo(request.headers.get("x-customer", "guest"), metadata={"tenant": "acme"})


app = App(
    title="Support agent",
    version="1.0.0",
    description="Answers customers, in two plans.",
    authenticate=who,
    hooks=[Budget(usd=0.50)],
    timeout=60,
    telemetry={"service_name": "support-agent"},
    lifespan=places.open,
)


@agent_endpoint(
    "/premium",
    llm_gateway=PortkeyGateway(
        api_key=places.portkey_key,
        base_url=places.portkey_url,
        config={
            "strategy": {"mode": "fallback", "on_status_codes": [429, 500, 502, 503]},
            "targets": places.targets,
        },
        metadata={"plan": "premium", "_user": lambda ctx: ctx.user.id},
    ),
    rate_limit={"rpm": 600, "by": "user"},
)
async def premium(body: Question, ctx: AgentContext) -> Answer:
    """The best model there is, and another provider when it fails."""
    facts = await facts_for(body.question)
    completion: Any = await AsyncPortkey().chat.completions.create(model="gpt-4o", messages=messages(body.question, facts))
    return Answer(text=completion.choices[0].message.content, facts=facts, cost=ctx.usage.cost)


@agent_endpoint(
    "/standard",
    llm_gateway=LiteLLMGateway(
        fallback_models=places.litellm_fallbacks,
        metadata={"plan": "standard"},
        api_base=places.openai_url,
        api_key=places.openai_key,
    ),
    rate_limit={"rpm": 60, "tpm": 100_000, "by": "user"},
    retry={"attempts": 2, "wait": 0.2},
    stream=True,
)
async def standard(body: Question) -> AsyncIterator[str]:
    """A small model, streamed as it answers."""
    facts = await facts_for(body.question)
    stream: Any = await litellm.acompletion(
        model="openai/gpt-4o-mini", messages=messages(body.question, facts), stream=True, num_retries=0
    )
    async for chunk in stream:
        if text := chunk.choices[0].delta.content:
            yield text
