"""The OpenAI SDK through real gateways: a LiteLLM proxy and Portkey's from npm, and the stand-in in Portkey's headers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from fastagentic.gateways import recognise
from tests.clients.openai_sdk import KINDS, MODEL, USAGE, ask
from tests.proxy import USE_CACHE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.demo.provider import StandIn
    from tests.proxy import LiteLLMProxy
    from tests.spans import Memory

every_kind = pytest.mark.parametrize("kind", KINDS)
STREAMED = {"stream": True, "stream_options": USAGE}
plain_and_streamed = pytest.mark.parametrize("more", [{}, STREAMED], ids=["plain", "stream"])
slow = pytest.mark.slow


def cells(*gateways: str) -> list[Any]:
    """Gateway, kind and stream; those of the LiteLLM proxy, which takes half a minute of CPU to start, in the slow tier."""
    return [
        pytest.param(
            *(gateway, kind, more),
            id=f"{gateway}-{kind}-{'stream' if more else 'plain'}",
            marks=[slow] if gateway == PROXY else [],
        )
        for gateway in gateways
        for kind in KINDS
        for more in ({}, STREAMED)
    ]


PROXY = "litellm proxy"
ALL = (PROXY, "portkey from npm", "stand-in")


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    recognise.forget()


@pytest.fixture
def observed(memory: Memory) -> Memory:
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    return memory


@dataclass(frozen=True)
class Behind:
    """A gateway, what the client is told to reach it, and the provider behind it. `failing` reaches one that answers 503."""

    name: str
    options: dict[str, Any]
    failing: dict[str, Any]
    failing_model: str
    provider: StandIn


def _portkey(url: str, provider: StandIn, segment: str) -> dict[str, Any]:
    config = {"provider": "openai", "api_key": "sk-test", "custom_host": provider.url(segment)}
    return {"base_url": url, "default_headers": {"x-portkey-config": json.dumps(config)}}


def _through(name: str, request: pytest.FixtureRequest) -> Behind:
    if name == PROXY:
        proxy: LiteLLMProxy = request.getfixturevalue("litellm_proxy")
        return Behind("litellm", proxy.options, proxy.options, "broken", proxy.provider)
    provider: StandIn = request.getfixturevalue("stand_in")
    url = provider.url("portkey") if name == "stand-in" else request.getfixturevalue("portkey_gateway").url
    return Behind("portkey", _portkey(url, provider, "ok"), _portkey(url, provider, "fail-503"), MODEL, provider)


@pytest.fixture
def behind(request: pytest.FixtureRequest) -> Behind:
    return _through(request.param, request)


def found(memory: Memory) -> dict[str, Any]:
    fastagentic.flush()
    return dict(memory.span.attributes or {})


@pytest.mark.parametrize(("behind", "kind", "more"), cells(*ALL), indirect=["behind"])
def test_a_call_is_one_span_with_the_usage_that_the_provider_stated(
    kind: str, more: dict[str, Any], behind: Behind, observed: Memory, request: pytest.FixtureRequest
) -> None:
    ask(kind, request.node.nodeid, options=behind.options, temperature=0.2, **more)
    (asked,) = behind.provider.exchanges
    attributes = found(observed)
    assert observed.span.name == "chat gpt-4o-mini"
    assert {
        "fastagentic.gateway": behind.name,
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": MODEL,
        "gen_ai.response.model": MODEL,
        "gen_ai.request.temperature": 0.2,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": asked.usage["prompt_tokens"],
        "gen_ai.usage.output_tokens": asked.usage["completion_tokens"],
        "fastagentic.cache.hit": False,
        "fastagentic.retries": 0,
    }.items() <= attributes.items()
    # gpt-4o-mini, USD per million tokens, typed by hand on 2026-11-23: input 0.15, output 0.60; nothing is cached here.
    usd = (0.15 * asked.usage["prompt_tokens"] + 0.60 * asked.usage["completion_tokens"]) / 1e6
    assert attributes["gen_ai.usage.cost"] == pytest.approx(usd, rel=1e-9)
    is_stated = behind.name == "litellm" and not more
    assert attributes["fastagentic.cost.source"] == ("gateway" if is_stated else "price_table")
    assert attributes.get("fastagentic.stream.end") == ("exhausted" if more else None)
    assert "fastagentic.usage.estimated" not in attributes
    ((_, (count, _)),) = observed.metrics["gen_ai.client.operation.duration"]
    assert count == 1


@pytest.mark.parametrize(("behind", "kind", "more"), cells(*ALL), indirect=["behind"])
def test_an_error_is_one_span_with_its_class(
    kind: str, more: dict[str, Any], behind: Behind, observed: Memory, request: pytest.FixtureRequest
) -> None:
    with pytest.raises(Exception, match="asked to answer 503") as caught:
        ask(kind, request.node.nodeid, model=behind.failing_model, options=behind.failing, **more)
    attributes = found(observed)
    assert attributes["error.type"] == type(caught.value).__qualname__ == "InternalServerError"
    assert attributes["fastagentic.gateway"] == behind.name
    assert "gen_ai.usage.cost" not in attributes
    ((labels, count),) = observed.metrics["fastagentic.gateway.requests"]
    assert (labels["fastagentic.outcome"], count) == ("error", 1)


class TestLiteLLMProxy:
    """What the real proxy says of its own."""

    @pytest.mark.parametrize(("proxy", "kind", "more"), cells(PROXY))
    def test_a_hit_in_its_cache_costs_nothing_and_saves_what_the_first_call_cost(
        self,
        proxy: str,
        kind: str,
        more: dict[str, Any],
        litellm_proxy: LiteLLMProxy,
        observed: Memory,
        request: pytest.FixtureRequest,
    ) -> None:
        with fastagentic.run("cached") as run:
            for _ in range(2):
                ask(kind, request.node.nodeid, options=litellm_proxy.options, **USE_CACHE, **more)
        fastagentic.flush()
        assert len(litellm_proxy.provider.exchanges) == 1
        first, second = (dict(span.attributes or {}) for span in observed.spans if span.name.startswith("chat"))
        assert "fastagentic.cache.status" not in first  # a first call and one without a cache look alike
        assert (second["fastagentic.cache.status"], second["fastagentic.cache.hit"]) == ("hit", True)
        assert second["gen_ai.usage.cost"] == 0.0
        assert second["fastagentic.cost.saved"] == pytest.approx(first["gen_ai.usage.cost"])
        assert (run.usage.calls, run.usage.cache_hits) == (2, 1)
        assert run.usage.cost == pytest.approx(first["gen_ai.usage.cost"])

    @slow
    @plain_and_streamed
    def test_a_fallback_of_its_own_is_told_and_priced_by_the_model_that_answered(
        self, more: dict[str, Any], litellm_proxy: LiteLLMProxy, observed: Memory, request: pytest.FixtureRequest
    ) -> None:
        ask("sync", request.node.nodeid, model="first", options=litellm_proxy.options, **more)
        attributes = found(observed)
        assert [exchange.status for exchange in litellm_proxy.provider.exchanges] == [503, 200]
        assert attributes["fastagentic.fallback.used"] is True
        assert attributes["fastagentic.target.name"] == "deployment-second"
        assert (attributes["gen_ai.request.model"], attributes["gen_ai.response.model"]) == ("first", MODEL)
        assert attributes["gen_ai.usage.cost"] > 0
        ((labels, count),) = observed.metrics["fastagentic.gateway.requests"]
        assert (labels["fastagentic.outcome"], count) == ("rescued_by_fallback", 1)

    @slow
    def test_litellm_in_front_of_the_proxy_is_one_call(
        self, litellm_proxy: LiteLLMProxy, observed: Memory, request: pytest.FixtureRequest
    ) -> None:
        import litellm

        from tests.clients.openai_sdk import messages

        url, key = litellm_proxy.options.values()
        litellm.completion(f"litellm_proxy/{MODEL}", messages(request.node.nodeid), api_base=url, api_key=key)
        assert found(observed)["fastagentic.gateway"] == "litellm"


class TestPortkeyGateway:
    """What the real gateway from npm says of its own."""

    @every_kind
    def test_a_fallback_is_told_by_the_strategy_that_was_sent(
        self, kind: str, portkey_gateway: Any, stand_in: StandIn, observed: Memory
    ) -> None:
        targets = [
            {"provider": "openai", "api_key": "sk-test", "custom_host": stand_in.url(segment)} for segment in ("fail-429", "ok")
        ]
        config = {"strategy": {"mode": "fallback"}, "targets": targets}
        headers = {"x-portkey-config": json.dumps(config)}
        ask(kind, options={"base_url": portkey_gateway.url, "default_headers": headers})
        attributes = found(observed)
        assert attributes["fastagentic.fallback.used"] is True
        assert attributes["fastagentic.target.path"] == "config.targets[1]"

    def test_the_run_id_reaches_it(self, portkey_gateway: Any, stand_in: StandIn, observed: Memory) -> None:
        from openai import OpenAI

        from tests.clients.openai_sdk import messages

        with (
            fastagentic.run("lent") as run,
            OpenAI(api_key="sk-test", **_portkey(portkey_gateway.url, stand_in, "ok")) as client,
        ):
            raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=messages("hi"))
        assert raw.headers["x-portkey-trace-id"] == run.run_id
