"""A DSPy user's program: a chain of thought, an agent with a tool, threads, async, a stream, and DSPy's own cache."""

import asyncio
import json

import dspy

import fastagentic

fastagentic.instrument()

# OPENAI_BASE_URL is set, so DSPy asks through LiteLLM; without it, it would with engine="litellm" alone (docs/recipes/dspy.md).
dspy.configure(lm=dspy.LM("openai/gpt-4o-mini"))


def weather(city: str) -> str:
    """The weather in a city."""
    return f"rain in {city}"


async def later(question: str) -> str:
    return (await dspy.Predict("question -> answer").acall(question=question)).answer


async def streamed(question: str) -> str:
    program = dspy.streamify(
        dspy.Predict("question -> answer"),
        stream_listeners=[dspy.streaming.StreamListener(signature_field_name="answer")],
    )
    async for value in program(question=question):
        if isinstance(value, dspy.Prediction):
            return value.answer
    raise AssertionError("the stream ended without a prediction")


with fastagentic.run("dspy-report", user="u-42") as run:
    thought = dspy.ChainOfThought("question -> answer")
    answers = [thought(question="Does it rain?").answer, thought(question="Does it rain?").answer]  # the second from its cache
    answers.append(dspy.ReAct("question -> answer", tools=[weather], max_iters=3)(question="Which tool?").answer)
    simple = dspy.Predict("question -> answer")
    examples = [dspy.Example(question=f"Number {at}?").with_inputs("question") for at in range(3)]
    answers += [done.answer for done in dspy.Parallel(num_threads=3)([(simple, example) for example in examples])]
    answers.append(asyncio.run(later("And later?")))
    answers.append(asyncio.run(streamed("In pieces?")))

print(json.dumps({"said": answers, "calls": run.usage.calls, "cost": run.usage.cost}))
