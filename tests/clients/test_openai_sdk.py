"""The OpenAI SDK: observed where a gateway answers, left alone everywhere else unless it is named."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import openai._base_client as base
import pytest
from portkey_ai._vendor.openai import _base_client as vendored

import fastagentic
from fastagentic.gateways import _values, recognise
from tests.clients.doors import MESSAGES
from tests.clients.openai_sdk import KINDS, MODEL, USAGE, ask, canned, messages, with_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

every_kind = pytest.mark.parametrize("kind", KINDS)
plain_and_streamed = pytest.mark.parametrize("more", [{}, {"stream": True, "stream_options": USAGE}], ids=["plain", "stream"])

PATCHED = ("request", "_process_response")
ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL,
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    recognise.forget()
    _values.warned.clear()


@pytest.fixture
def observed(memory: Memory) -> Memory:
    """Instrumented as by default, with the real clock: a span may be made after the call that it is of."""
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    return memory


def found(memory: Memory) -> dict[str, Any]:
    fastagentic.flush()
    return dict(memory.span.attributes or {})


def texts(answer: Any) -> list[str | None]:
    if isinstance(answer, list):
        return [chunk.choices[0].delta.content for chunk in answer if chunk.choices]
    return [answer.choices[0].message.content]


def to(kind: str, headers: dict[str, str], **options: Any) -> dict[str, Any]:
    return {"base_url": "http://127.0.0.1:9/v1", "http_client": canned(kind, ANSWER, headers), **options}


class TestWhoAnswers:
    """What tells a gateway, and what does not."""

    @every_kind
    @plain_and_streamed
    def test_a_call_that_no_gateway_answers_leaves_nothing(
        self, kind: str, more: dict[str, Any], stand_in: StandIn, observed: Memory
    ) -> None:
        with fastagentic.run("plain") as run:
            ask(kind, options={"base_url": stand_in.url()}, **more)
        fastagentic.flush()
        assert [span.name for span in observed.spans] == ["invoke_workflow plain"]
        assert run.usage.calls == 0
        assert set(observed.metrics) <= {"fastagentic.drain"}

    @every_kind
    def test_an_error_that_no_gateway_answers_leaves_nothing(self, kind: str, stand_in: StandIn, observed: Memory) -> None:
        with pytest.raises(Exception, match="503"):
            ask(kind, options={"base_url": stand_in.url("fail-503")})
        with pytest.raises(Exception, match="Connection error"):
            ask(kind, options={"base_url": "http://127.0.0.1:1/v1"})
        assert observed.spans == []

    @every_kind
    @plain_and_streamed
    @pytest.mark.parametrize("chosen", ["argument", "environment"])
    def test_every_call_is_observed_when_openai_is_named(
        self,
        kind: str,
        more: dict[str, Any],
        chosen: str,
        stand_in: StandIn,
        memory: Memory,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        if chosen == "environment":
            monkeypatch.setenv("FASTAGENTIC_CLIENTS", "openai")
        clients = ["openai"] if chosen == "argument" else None
        fastagentic.instrument(destinations=[], clients=clients, tracer_provider=memory.tracer_provider)
        ask(kind, options={"base_url": stand_in.url()}, **more)
        attributes = found(memory)
        assert attributes["gen_ai.provider.name"] == "openai"
        assert attributes["gen_ai.usage.input_tokens"] == stand_in.exchanges[0].usage["prompt_tokens"]
        assert attributes["gen_ai.usage.cost"] > 0
        assert "fastagentic.gateway" not in attributes

    @every_kind
    @pytest.mark.parametrize(
        ("headers", "gateway"), [({"X-LiteLLM-Call-Id": "1"}, "litellm"), ({"X-Portkey-Trace-Id": ""}, "portkey")]
    )
    def test_the_response_headers_tell(self, kind: str, headers: dict[str, str], gateway: str, observed: Memory) -> None:
        ask(kind, options=to(kind, headers))
        assert found(observed)["fastagentic.gateway"] == gateway

    @pytest.mark.parametrize(
        "options",
        [
            {"default_headers": {"X-Portkey-Provider": "openai"}},
            {"base_url": "https://api.portkey.ai/v1"},
            {"base_url": "https://eu.portkey.ai/v1"},
        ],
        ids=["header", "host", "other host"],
    )
    @every_kind
    def test_the_request_tells_whatever_is_answered(self, kind: str, options: dict[str, Any], observed: Memory) -> None:
        ask(kind, options=to(kind, {}, **options))
        assert found(observed)["fastagentic.gateway"] == "portkey"

    def test_the_headers_of_one_call_tell_too(self, observed: Memory) -> None:
        ask("sync", options=to("sync", {}), extra_headers={"x-portkey-provider": "mistral-ai"})
        attributes = found(observed)
        assert (attributes["fastagentic.gateway"], attributes["gen_ai.provider.name"]) == ("portkey", "mistral_ai")

    @pytest.mark.parametrize("url", ["https://notportkey.ai/v1", "https://portkey.ai.example/v1", "https://example/portkey.ai"])
    def test_a_host_that_only_looks_like_portkeys_is_left_alone(self, url: str, observed: Memory) -> None:
        ask("sync", options=to("sync", {}, base_url=url))
        assert observed.spans == []

    @every_kind
    def test_where_a_gateway_has_answered_the_next_failure_is_observed(self, kind: str, observed: Memory) -> None:
        ask(kind, options=to(kind, {"x-litellm-call-id": "1"}))
        with pytest.raises(Exception, match="Connection error"):
            ask(kind, options={"base_url": "http://127.0.0.1:9/v1"})
        _, failed = observed.spans
        assert (failed.attributes or {})["error.type"] == "APIConnectionError"
        assert (failed.attributes or {})["fastagentic.gateway"] == "litellm"

    @every_kind
    def test_an_error_that_a_gateway_answers_is_observed(self, kind: str, observed: Memory) -> None:
        refused = canned(
            kind, {"error": {"message": "no"}}, {"x-litellm-call-id": "1", "x-litellm-response-cost": "0"}, status=429
        )
        with pytest.raises(Exception, match="no") as caught:
            ask(kind, options={"base_url": "http://127.0.0.1:9/v1", "http_client": refused})
        attributes = found(observed)
        assert attributes["error.type"] == type(caught.value).__qualname__ == "RateLimitError"
        assert "gen_ai.usage.cost" not in attributes


class TestStartedAfterwards:
    """A span that is made when the response has told who answered."""

    def test_it_has_the_start_and_the_parent_of_the_call(self, stand_in: StandIn, observed: Memory) -> None:
        with fastagentic.run("late") as run:
            ask("sync", options={"base_url": stand_in.url("portkey")}, extra_headers={"x-demo-behaviour": "portkey"})
            ask("sync", options={"base_url": stand_in.url("portkey")})
        first, second, root = observed.spans
        for span in (first, second):
            assert span.parent is not None
            assert span.parent.span_id == root.context.span_id
            assert root.start_time <= span.start_time < span.end_time <= root.end_time
        assert run.usage.calls == 2

    def test_its_start_is_the_calls_own(self, stand_in: StandIn, observed: Memory) -> None:
        stand_in.delay_s = 0.05
        ask("sync", options={"base_url": stand_in.url("portkey")})
        span = observed.span
        assert span.end_time - span.start_time >= 50_000_000
        ((_, (count, seconds)),) = observed.metrics["gen_ai.client.operation.duration"]
        assert (count, seconds >= 0.05) == (1, True)

    def test_outside_any_run_it_is_a_trace_of_its_own(self, stand_in: StandIn, observed: Memory) -> None:
        ask("sync", options={"base_url": stand_in.url("portkey")})
        span = observed.span
        assert span.parent is None
        assert (span.attributes or {})["fastagentic.run.id"] == format(span.context.trace_id, "032x")

    def test_until_then_no_processor_has_seen_it(self, observed: Memory) -> None:
        open_on_the_wire: list[list[str]] = []

        def look(request: httpx.Request) -> httpx.Response:
            open_on_the_wire.append(list(observed.keeper.open.values()))
            return httpx.Response(200, json=ANSWER, headers={"x-litellm-call-id": "1"})

        from tests.clients.openai_sdk import httpx

        for _ in range(2):
            http = httpx.Client(transport=httpx.MockTransport(look))
            ask("sync", options={"base_url": "http://127.0.0.1:9/v1", "http_client": http})
        assert open_on_the_wire == [[], ["chat gpt-4o-mini"]]  # the second time it is known who answers there


class TestTheRunId:
    """Lent to Portkey, and to nobody else."""

    def sent(self, seen: list[httpx.Request]) -> list[str]:
        return seen[0].headers.get_list("x-portkey-trace-id")

    @every_kind
    def test_it_goes_out_as_portkeys_trace_id(self, kind: str, observed: Memory) -> None:
        seen: list[httpx.Request] = []
        with fastagentic.run("lent") as run:
            ask(
                kind,
                options=to(
                    kind, {}, default_headers={"x-portkey-provider": "openai"}, http_client=canned(kind, ANSWER, {}, seen=seen)
                ),
                extra_headers={"x-own": "kept"},
            )
        assert self.sent(seen) == [run.run_id]
        assert seen[0].headers["x-own"] == "kept"

    @pytest.mark.parametrize("where", ["client", "call"])
    def test_a_trace_id_of_the_users_own_is_left_alone(self, where: str, observed: Memory) -> None:
        seen: list[httpx.Request] = []
        own = {"X-Portkey-Trace-Id": "mine"}
        options = to("sync", {}, base_url="https://api.portkey.ai/v1", http_client=canned("sync", ANSWER, {}, seen=seen))
        if where == "client":
            ask("sync", options={**options, "default_headers": own})
        else:
            ask("sync", options=options, extra_headers=own)
        assert self.sent(seen) == ["mine"]

    @pytest.mark.parametrize("named", [True, False], ids=["named", "default"])
    @pytest.mark.parametrize("headers", [{}, {"x-litellm-call-id": "1"}], ids=["plain", "litellm"])
    def test_nobody_else_gets_it(self, named: bool, headers: dict[str, str], memory: Memory) -> None:
        fastagentic.instrument(
            destinations=[], clients=["openai"] if named else None, tracer_provider=memory.tracer_provider
        )  # fmt: skip
        for _ in range(2):
            seen: list[httpx.Request] = []
            ask("sync", options=to("sync", headers, http_client=canned("sync", ANSWER, headers, seen=seen)))
            assert self.sent(seen) == []

    def test_nothing_is_lent_when_propagation_is_off(self, memory: Memory) -> None:
        fastagentic.instrument(destinations=[], propagate=False, tracer_provider=memory.tracer_provider)
        seen: list[httpx.Request] = []
        ask(
            "sync",
            options=to("sync", {}, base_url="https://api.portkey.ai/v1", http_client=canned("sync", ANSWER, {}, seen=seen)),
        )
        assert self.sent(seen) == []


class TestOneCall:
    """A logical call is counted once, whoever else is on the way."""

    @pytest.mark.parametrize("clients", [None, ["openai", "litellm"]], ids=["default", "both named"])
    @pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
    @every_kind
    def test_litellm_over_the_openai_sdk_is_one_call_of_litellms(
        self, kind: str, stream: bool, clients: list[str] | None, stand_in: StandIn, memory: Memory
    ) -> None:
        from tests.clients.doors import litellm_async, litellm_sync

        fastagentic.instrument(destinations=[], clients=clients, tracer_provider=memory.tracer_provider)
        ask_litellm = litellm_sync if kind == "sync" else litellm_async
        ask_litellm(stand_in.url("portkey"), stream=stream)  # in a gateway's headers
        assert found(memory)["fastagentic.gateway"] == "litellm"

    def test_litellm_is_seen_by_the_openai_sdk_when_that_alone_is_named(self, stand_in: StandIn, memory: Memory) -> None:
        from tests.clients.doors import litellm_sync

        fastagentic.instrument(destinations=[], clients=["openai"], tracer_provider=memory.tracer_provider)
        litellm_sync(stand_in.url())
        assert found(memory)["gen_ai.usage.input_tokens"] == stand_in.exchanges[0].usage["prompt_tokens"]

    def test_portkeys_vendored_copy_of_the_sdk_is_not_touched(self, stand_in: StandIn, memory: Memory) -> None:
        from tests.clients.doors import portkey_sync

        doors = [vars(kind)[name] for kind in (vendored.SyncAPIClient, vendored.AsyncAPIClient) for name in PATCHED]
        fastagentic.instrument(destinations=[], clients=["openai"], tracer_provider=memory.tracer_provider)
        assert doors == [vars(kind)[name] for kind in (vendored.SyncAPIClient, vendored.AsyncAPIClient) for name in PATCHED]
        portkey_sync(stand_in.url("portkey"))
        assert memory.spans == []

    def test_a_call_of_portkeys_own_sdk_is_one_call(self, stand_in: StandIn, observed: Memory) -> None:
        from tests.clients.doors import portkey_sync

        portkey_sync(stand_in.url("portkey"))
        assert found(observed)["fastagentic.gateway"] == "portkey"

    def test_the_sdks_own_retries_are_counted_and_the_call_is_one(self, stand_in: StandIn, observed: Memory) -> None:
        options = {
            "base_url": stand_in.url("flaky-1-500"),
            "max_retries": 1,
            "default_headers": {"x-portkey-provider": "openai"},
        }
        ask("sync", options=options)
        assert len(stand_in.exchanges) == 2
        assert found(observed)["fastagentic.retries"] == 1

    def test_inside_suppress_nothing_is_observed(self, stand_in: StandIn, observed: Memory) -> None:
        with fastagentic.suppress():
            ask("sync", options={"base_url": stand_in.url("portkey")})
        assert observed.spans == []

    def test_afterwards_the_sdk_is_what_it_was(self) -> None:
        patched = [(kind, name) for kind in (base.SyncAPIClient, base.AsyncAPIClient) for name in PATCHED]
        before = [vars(kind)[name] for kind, name in patched]
        fastagentic.instrument(destinations=[])
        during = [vars(kind)[name] for kind, name in patched]
        fastagentic.uninstrument()
        assert all(one is not other for one, other in zip(before, during, strict=True))
        assert all(vars(kind)[name] is one for (kind, name), one in zip(patched, before, strict=True))

    async def test_a_cancelled_call_ends_as_cancelled(self, stand_in: StandIn, observed: Memory) -> None:
        import asyncio

        from openai import AsyncOpenAI

        headers = {"x-portkey-provider": "openai"}
        async with AsyncOpenAI(api_key="sk", base_url=stand_in.url("slow-9000ms"), default_headers=headers) as client:
            task = asyncio.create_task(client.chat.completions.create(model=MODEL, messages=messages("late")))
            while not stand_in.exchanges:  # noqa: ASYNC110  # the request is the event
                await asyncio.sleep(0.001)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert found(observed)["error.type"] == "CancelledError"


RUBBISH = {
    "x-litellm-response-cost": "a lot", "x-litellm-attempted-retries": "-2", "x-litellm-attempted-fallbacks": "9" * 40,
    "x-litellm-model-name": "/", "x-litellm-model-id": "",
}  # fmt: skip


class TestNeverInTheWay:
    """Whatever stands in a header, and whatever fails in our code."""

    def test_rubbish_in_headers_is_one_warning_each_and_breaks_nothing(
        self, observed: Memory, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(2):
            assert ask("sync", options=to("sync", RUBBISH)).id == "chatcmpl-1"
        attributes = dict(observed.spans[0].attributes or {})
        assert not {"fastagentic.retries", "fastagentic.fallback.used"} & attributes.keys()
        assert attributes["fastagentic.cost.source"] == "price_table"
        said = [record.getMessage() for record in caplog.records if record.name == "fastagentic"]
        assert sorted(message.split(":")[0] for message in said) == [
            "ignored the header x-litellm-attempted-fallbacks",
            "ignored the header x-litellm-attempted-retries",
            "ignored the header x-litellm-response-cost",
        ]
        assert "a lot" not in caplog.text

    @every_kind
    @plain_and_streamed
    @pytest.mark.parametrize("broken", ["is_llm_call", "read_request", "read_answered_by", "read_response", "lower"])
    def test_a_failure_of_our_own_leaves_the_call_as_it_was(
        self,
        kind: str,
        more: dict[str, Any],
        broken: str,
        stand_in: StandIn,
        observed: Memory,
        monkeypatch: pytest.MonkeyPatch,
        swallows_failures: Any,
    ) -> None:
        from fastagentic.clients import openai as reader

        def raising(*_: Any, **__: Any) -> Any:
            raise RuntimeError("ours")

        bare = ask(kind, options={"base_url": stand_in.url("portkey")}, **more)
        recognise.forget()
        stand_in.reset()
        monkeypatch.setattr(reader, broken, raising)
        assert texts(ask(kind, options={"base_url": stand_in.url("portkey")}, **more)) == texts(bare)
        fastagentic.flush()
        assert swallows_failures

    def test_the_price_table_loads_while_the_sdk_is_in_use(self) -> None:
        """As it loads it imports httpx2, which the SDK would use half imported: AttributeErrors for the user's calls."""
        program = """
            import sys, time, httpx, openai, fastagentic
            fastagentic.instrument(destinations=[])
            answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini", "choices": []}
            wire = httpx.MockTransport(lambda _: httpx.Response(200, json=answer, headers={"x-portkey-provider": "openai"}))
            client = openai.OpenAI(api_key="sk", http_client=httpx.Client(transport=wire), max_retries=0)
            calls = 0
            while calls < 20 or "genai_prices.data_snapshot" not in sys.modules:
                client.chat.completions.create(model="gpt-4o-mini", messages=[])
                calls += 1
                time.sleep(0.0005)  # let the importing thread have its turn
            print("all answered", openai._httpx2._loaded_httpx2.__class__.__name__)
        """
        done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "all answered function", done.stderr

    @every_kind
    def test_nothing_of_prompt_answer_or_key_is_on_the_span(self, kind: str, stand_in: StandIn, observed: Memory) -> None:
        config = json.dumps({"provider": "openai", "api_key": "sk-in-the-config"})
        options = {"api_key": "sk-secret", "base_url": stand_in.url("portkey"), "default_headers": {"x-portkey-config": config}}
        answer = ask(kind, "zebra-in-the-prompt", options=options)
        written = repr(observed.tree)
        for secret in ("zebra", "sk-", answer.choices[0].message.content):
            assert secret not in written


def test_a_response_read_by_with_options_and_by_a_custom_path_is_observed(stand_in: StandIn, observed: Memory) -> None:
    def use(client: Any) -> Any:
        other = client.with_options(default_headers={"x-portkey-provider": "openai"})
        body = {"model": MODEL, "messages": MESSAGES}
        return other.post("chat/completions", body=body, cast_to=object)

    assert with_client("sync", use, base_url=stand_in.url())["object"] == "chat.completion"
    assert found(observed)["gen_ai.usage.output_tokens"] == stand_in.exchanges[0].usage["completion_tokens"]
