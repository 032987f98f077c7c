"""Runs inside a peer's environment: the cases, or the overhead loop, with that peer on. Prints JSON as its last line.

    play.py PEER cases BASE_URL     each case once; what its spans say
    play.py PEER loop               for each line "KIND COUNT" of standard input, makes the calls and says microseconds a call

PEER is a row of `PEERS`, or `bare` for nobody. Nothing of this checkout is imported, but for the peer `fastagentic` itself.
"""

import asyncio
import contextlib
import gc
import json
import os
import sys
import threading
import time

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

MODEL = "openai/gpt-4o-mini"
QUESTION = [{"role": "user", "content": "What did the run cost?"}]
WITH_USAGE = {"stream_options": {"include_usage": True}}
PIECES = 40


class Kept(SpanExporter):
    """Keeps spans for the cases, and lets them go in the loop."""

    def __init__(self) -> None:
        self.spans = []
        self.keeps = True

    def export(self, spans) -> SpanExportResult:
        if self.keeps:
            self.spans.extend(spans)
        return SpanExportResult.SUCCESS


# --- the peers: how each is switched on, as its own documentation says ---------------------------------------------------


def fastagentic(provider) -> None:
    import fastagentic

    fastagentic.instrument(destinations=[], tracer_provider=provider, meter_provider=metrics.get_meter_provider())


def openinference(provider) -> None:
    from openinference.instrumentation.litellm import LiteLLMInstrumentor
    from openinference.instrumentation.portkey import PortkeyInstrumentor

    LiteLLMInstrumentor().instrument(tracer_provider=provider)
    PortkeyInstrumentor().instrument(tracer_provider=provider)


def openllmetry(provider) -> None:
    from opentelemetry.instrumentation.litellm import LiteLLMInstrumentor

    LiteLLMInstrumentor().instrument(tracer_provider=provider)


def openlit(provider) -> None:
    import openlit

    # Its price list is fetched from the network by default, which there is not here: the same prices from a file.
    prices = {
        "gpt-4o-mini": {"promptPrice": 0.00015, "completionPrice": 0.0006},
        "gpt-4.1-mini": {"promptPrice": 0.0004, "completionPrice": 0.0016},
    }
    with open("openlit-prices.json", "w") as file:
        json.dump({"chat": {**prices, **{f"openai/{name}": price for name, price in prices.items()}}}, file)
    openlit.init(pricing_json=os.path.abspath("openlit-prices.json"))


def logfire(provider) -> None:
    import logfire

    logfire.instrument_litellm()


def official(provider) -> None:
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    from opentelemetry.instrumentation.genai.portkey import PortkeyInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)
    PortkeyInstrumentor().instrument(tracer_provider=provider, skip_dep_check=True)


def litellm_otel(provider) -> None:
    import litellm

    litellm.callbacks = ["otel"]


PEERS = {
    "bare": lambda provider: None,
    "fastagentic": fastagentic,
    "openinference": openinference,
    "openllmetry": openllmetry,
    "openlit": openlit,
    "logfire": logfire,
    "official": official,
    "litellm-otel": litellm_otel,
}

# --- the cases -----------------------------------------------------------------------------------------------------------


class Cases:
    """Each method is a case; what it does with the client is all that the case is."""

    def __init__(self, base_url: str, early_completion) -> None:
        import litellm

        self.litellm = litellm
        self.base_url = base_url
        self.early_completion = early_completion

    def to(self, segment: str = "ok", **more):
        """Where a call goes, and by which name the provider's log knows it."""
        return {
            "api_base": f"{self.base_url}/{segment}/v1",
            "api_key": "sk-x",
            "messages": QUESTION,
            "extra_headers": {"x-demo-call": self.name},
            **more,
        }

    def plain(self):
        self.litellm.completion(model=MODEL, **self.to())

    def asynchronous(self):
        async def ask() -> None:
            await self.litellm.acompletion(model=MODEL, **self.to())
            await asyncio.sleep(0.3)  # a service's loop goes on; some report from it

        asyncio.run(ask())

    def imported_before(self):
        self.early_completion(model=MODEL, **self.to())

    def positional(self):
        self.litellm.completion(MODEL, **self.to())

    def stream(self):
        for _ in self.litellm.completion(model=MODEL, stream=True, **WITH_USAGE, **self.to()):
            pass

    def stream_without_usage(self):
        for _ in self.litellm.completion(model=MODEL, stream=True, **self.to()):
            pass

    def stream_left(self):
        stream = self.litellm.completion(model=MODEL, stream=True, **WITH_USAGE, **self.to())
        next(stream), next(stream)
        del stream
        gc.collect()

    def stream_never_read(self):
        stream = self.litellm.completion(model=MODEL, stream=True, **WITH_USAGE, **self.to())
        del stream
        gc.collect()

    def stream_cancelled(self):
        async def read() -> None:
            stream = await self.litellm.acompletion(model=MODEL, stream=True, **WITH_USAGE, **self.to("slow-200ms"))
            async for _ in stream:
                raise asyncio.CancelledError

        with contextlib.suppress(asyncio.CancelledError):
            asyncio.run(read())

    def cache_hit(self):
        from litellm.caching.caching import Cache

        self.litellm.cache = Cache(type="local")
        try:
            for _ in range(2):
                self.litellm.completion(model=MODEL, caching=True, **self.to())
                time.sleep(0.3)  # LiteLLM writes its cache from a thread
        finally:
            self.litellm.cache = None

    def fallback(self):
        second = {"model": "openai/gpt-4.1-mini", "api_base": f"{self.base_url}/ok/v1", "api_key": "sk-x"}
        self.litellm.completion(model=MODEL, fallbacks=[second], num_retries=0, **self.to("fail-503"))

    def router(self):
        def deployment(segment: str) -> dict:
            params = {
                "model": MODEL,
                "api_base": f"{self.base_url}/{segment}/v1",
                "api_key": "sk-x",
                "order": 1 if segment != "ok" else 2,
            }
            return {"model_name": "small", "litellm_params": params}

        router = self.litellm.Router(
            [deployment("fail-503"), deployment("ok")], num_retries=2, retry_after=0, disable_cooldowns=True
        )
        router.completion(model="small", messages=QUESTION, extra_headers={"x-demo-call": self.name})

    def error(self):
        with contextlib.suppress(self.litellm.exceptions.APIError):
            self.litellm.completion(model=MODEL, num_retries=0, max_retries=0, **self.to("fail-500"))

    def unpriced(self):
        self.litellm.completion(model="openai/acme-70b", **self.to())

    def in_a_thread(self):
        thread = threading.Thread(target=self.plain)
        thread.start()
        thread.join()

    def portkey(self):
        self._portkey().chat.completions.create(
            model="gpt-4o-mini", messages=QUESTION, extra_headers={"x-demo-call": self.name}
        )

    def portkey_stream(self):
        for _ in self._portkey().chat.completions.create(
            model="gpt-4o-mini", messages=QUESTION, stream=True, **WITH_USAGE, extra_headers={"x-demo-call": self.name}
        ):
            pass

    def portkey_cache_hit(self):
        client = self._portkey(config={"provider": "openai", "cache": {"mode": "simple"}})
        for _ in range(2):
            client.chat.completions.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": "Cache this."}],
                extra_headers={"x-demo-call": self.name},
            )

    def _portkey(self, **more):
        import portkey_ai

        return portkey_ai.Portkey(api_key="pk", base_url=f"{self.base_url}/portkey/v1", provider="openai", **more)

    @property
    def names(self) -> list[str]:
        return [name for name, value in vars(Cases).items() if callable(value) and not name.startswith("_") and name != "to"]


def play_cases(cases: Cases, provider, kept: Kept) -> dict:
    told = {}
    tracer = trace.get_tracer("the user's own")
    for name in cases.names:
        cases.name = name
        kept.spans.clear()
        error = None
        with tracer.start_as_current_span("the user's own") as parent:
            try:
                getattr(cases, name)()
            except Exception as failure:  # noqa: BLE001  # what the user would see
                error = f"{type(failure).__name__}: {failure}"[:300]
            settle(provider, kept)  # inside: some write on the caller's span, some time later
        settle(provider, kept)
        told[name] = {
            "error": error,
            "trace": trace.format_trace_id(parent.get_span_context().trace_id),
            "spans": list(map(as_data, kept.spans)),
        }
    return told


def as_data(span) -> dict:
    return {
        "id": trace.format_span_id(span.context.span_id),
        "parent": trace.format_span_id(span.parent.span_id) if span.parent else None,
        "name": span.name,
        "trace": trace.format_trace_id(span.context.trace_id),
        "status": span.status.status_code.name,
        "attributes": {key: list(value) if isinstance(value, tuple) else value for key, value in span.attributes.items()},
    }


def settle(provider, kept: Kept) -> None:
    """Some report from threads, some time later: until nothing has come for a while."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 0.5:
        provider.force_flush()
        if len(kept.spans) != seen:
            seen, since = len(kept.spans), time.monotonic()
        time.sleep(0.02)


# --- the loop ------------------------------------------------------------------------------------------------------------


class Canned:
    """LiteLLM with the OpenAI SDK below it and canned bytes below that: every peer finds its place to look."""

    def __init__(self) -> None:
        import httpx
        import litellm
        import openai

        usage = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
        base = {"id": "chatcmpl-1", "created": 1764000000, "model": "gpt-4o-mini-2024-07-18"}
        message = {"role": "assistant", "content": "Four cents."}
        whole = {
            **base,
            "object": "chat.completion",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": usage,
        }

        def piece(delta: dict, reason: str | None = None) -> dict:
            return {
                **base,
                "object": "chat.completion.chunk",
                "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
            }

        pieces = [piece(message), *(piece({"content": "a word "}) for _ in range(PIECES)), piece({}, "stop")]
        pieces.append({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
        streamed = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in pieces) + b"data: [DONE]\n\n"

        def answer(request: httpx.Request) -> httpx.Response:
            if b'"stream":true' in request.content.replace(b" ", b""):
                return httpx.Response(200, content=streamed, headers={"content-type": "text/event-stream"})
            return httpx.Response(200, json=whole)

        self.completion = litellm.completion
        self.client = openai.OpenAI(api_key="sk-x", http_client=httpx.Client(transport=httpx.MockTransport(answer)))

    def plain(self) -> None:
        self.completion(model=MODEL, messages=QUESTION, client=self.client)

    def stream(self) -> None:
        for _ in self.completion(model=MODEL, messages=QUESTION, client=self.client, stream=True, **WITH_USAGE):
            pass


def loop(provider, kept: Kept) -> None:
    """Blocks of calls at the parent's word, so that all peers' blocks take turns on the same machine."""
    kept.keeps = False
    canned = Canned()
    for line in sys.stdin:
        kind, count = line.split()
        call = getattr(canned, kind)
        caller, total = time.thread_time(), time.process_time()
        for _ in range(int(count)):
            call()
        caller = time.thread_time() - caller
        provider.force_flush()
        total = time.process_time() - total
        print(json.dumps([caller / int(count) * 1e6, total / int(count) * 1e6]), flush=True)


def main() -> None:
    peer, what = sys.argv[1:3]
    import litellm

    litellm.suppress_debug_info = True
    from litellm import completion as early_completion

    kept = Kept()
    if peer == "logfire":  # makes the provider itself
        import logfire as theirs

        theirs.configure(send_to_logfire=False, console=False, additional_span_processors=[BatchSpanProcessor(kept)])
    else:
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(kept))
        trace.set_tracer_provider(provider)
        metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
    provider = trace.get_tracer_provider()
    PEERS[peer](provider)
    if what == "loop":
        return loop(provider, kept)
    print()
    print(json.dumps(play_cases(Cases(sys.argv[3], early_completion), provider, kept)), flush=True)
    os._exit(0)  # whatever threads a peer has left, their word is in


if __name__ == "__main__":
    main()
