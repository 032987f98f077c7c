"""A user's service with a tracer provider of its own and another instrumentation: `side_by_side.py THEIRS STEP...`.

A step is `ours+`, `ours-`, `theirs+`, `theirs-`, or `play`: every client, plain and streamed, sync and async, once in a run
of its own. Prints, for each `play`, what the user got and which spans had arrived at the user's exporter.
"""

import asyncio
import json
import os
import sys
import time

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import fastagentic

MODEL = "gpt-4o-mini"
USAGE = {"include_usage": True}

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)


class Nobody:
    """No other instrumentation: the user's provider alone."""

    def instrument(self) -> None: ...

    def uninstrument(self) -> None: ...


class LiteLLMsOwn:
    """LiteLLM's `otel` callback."""

    def instrument(self) -> None:
        import litellm

        litellm.callbacks = ["otel"]

    def uninstrument(self) -> None:
        import litellm

        for name in ("callbacks", "input_callback", "success_callback", "failure_callback", "service_callback"):
            getattr(litellm, name).clear()
        litellm._async_success_callback.clear()
        litellm._async_failure_callback.clear()


class Several:
    """Instrumentors together."""

    def __init__(self, *instrumentors) -> None:
        self.instrumentors = instrumentors

    def instrument(self) -> None:
        for one in self.instrumentors:
            one.instrument(skip_dep_check=True)

    def uninstrument(self) -> None:
        for one in self.instrumentors:
            one.uninstrument()


def openinference() -> Several:
    from openinference.instrumentation.litellm import LiteLLMInstrumentor
    from openinference.instrumentation.openai import OpenAIInstrumentor

    return Several(LiteLLMInstrumentor(), OpenAIInstrumentor())


def openllmetry() -> Several:
    from opentelemetry.instrumentation.litellm import LiteLLMInstrumentor
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor

    return Several(LiteLLMInstrumentor(), OpenAIInstrumentor())


def official() -> Several:
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    from opentelemetry.instrumentation.genai.portkey import PortkeyInstrumentor

    return Several(OpenAIInstrumentor(), PortkeyInstrumentor())


THEIRS = {
    "nobody": Nobody,
    "litellm-otel": LiteLLMsOwn,
    "openinference": openinference,
    "openllmetry": openllmetry,
    "official": official,
}


def question(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def said(answer) -> str:
    return answer.choices[0].message.content


def piece_of(chunk) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


def play_litellm() -> dict[str, list[str]]:
    import litellm

    def plain():
        answer = litellm.completion(MODEL, question("litellm plain"))
        return type(answer).__name__, said(answer)

    def streamed():
        stream = litellm.completion(MODEL, question("litellm stream"), stream=True, stream_options=USAGE)
        return "stream", "".join(map(piece_of, stream))

    async def later():
        answer = await litellm.acompletion(MODEL, question("litellm async"))
        return type(answer).__name__, said(answer)

    async def streamed_later():
        stream = await litellm.acompletion(MODEL, question("litellm async stream"), stream=True, stream_options=USAGE)
        return "stream", "".join([piece_of(chunk) async for chunk in stream])

    def embedded():
        answer = litellm.embedding("text-embedding-3-small", ["litellm embedding"])
        return type(answer).__name__, str(len(answer.data))

    return {
        "litellm plain": plain(),
        "litellm stream": streamed(),
        "litellm async": asyncio.run(later()),
        "litellm async stream": asyncio.run(streamed_later()),
        "litellm embedding": embedded(),
    }


def play_sdk(name: str, client, async_client) -> dict[str, list[str]]:
    """The Portkey SDK, or the OpenAI SDK."""

    def plain():
        answer = client().chat.completions.create(model=MODEL, messages=question(f"{name} plain"))
        return type(answer).__name__, said(answer)

    def streamed():
        with client().chat.completions.create(
            model=MODEL, messages=question(f"{name} stream"), stream=True, stream_options=USAGE
        ) as stream:
            return "stream", "".join(map(piece_of, stream))

    async def later():
        answer = await async_client().chat.completions.create(model=MODEL, messages=question(f"{name} async"))
        return type(answer).__name__, said(answer)

    async def streamed_later():
        stream = await async_client().chat.completions.create(
            model=MODEL, messages=question(f"{name} async stream"), stream=True, stream_options=USAGE
        )
        return "stream", "".join([piece_of(chunk) async for chunk in stream])

    return {
        f"{name} plain": plain(),
        f"{name} stream": streamed(),
        f"{name} async": asyncio.run(later()),
        f"{name} async stream": asyncio.run(streamed_later()),
    }


def play() -> dict:
    import openai
    import portkey_ai

    gateway = os.environ["GATEWAY_URL"]
    portkey = {"api_key": "pk", "base_url": gateway, "config": {"provider": "openai"}}
    headers = {"x-portkey-api-key": "pk", "x-portkey-provider": "openai"}
    via_openai = {"api_key": "sk", "base_url": gateway, "default_headers": headers}
    with fastagentic.run("side-by-side") as run:
        got = {
            **play_litellm(),
            **play_sdk("portkey", lambda: portkey_ai.Portkey(**portkey), lambda: portkey_ai.AsyncPortkey(**portkey)),
            **play_sdk("openai", lambda: openai.OpenAI(**via_openai), lambda: openai.AsyncOpenAI(**via_openai)),
        }
    assert fastagentic.flush()
    settle()
    spans = [(span.instrumentation_scope.name, span.name, in_hex(span)) for span in exporter.get_finished_spans()]
    exporter.clear()
    return {"got": got, "spans": spans, "run": run.run_id, "calls": run.usage.calls}


def in_hex(span) -> str:
    return trace.format_trace_id(span.context.trace_id)


def settle() -> None:
    """LiteLLM reports to its callbacks from threads, some time later: wait until nothing has come for a while."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 0.4:
        now = len(exporter.get_finished_spans())
        if now != seen:
            seen, since = now, time.monotonic()
        time.sleep(0.02)


theirs = THEIRS[sys.argv[1]]()
STEPS = {
    "ours+": fastagentic.instrument,
    "ours-": fastagentic.uninstrument,
    "theirs+": theirs.instrument,
    "theirs-": theirs.uninstrument,
    "play": play,
}

played = [result for result in [STEPS[step]() for step in sys.argv[2:]] if result is not None]
print()
print(json.dumps(played))
