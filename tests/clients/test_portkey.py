"""Portkey: what the gateway's headers say is on the span, and the run id goes out with the request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from portkey_ai import Portkey

import fastagentic
from tests.clients.doors import MESSAGES, MODEL

if TYPE_CHECKING:
    from fastagentic.demo.gateway import LocalGateway
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

FALLBACK = {"strategy": {"mode": "fallback"}, "targets": [{"provider": "openai", "api_key": "sk-test"}] * 2}
ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini-2024-07-18",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
}  # fmt: skip


def client(headers: dict[str, str], seen: list[httpx.Request] | None = None, **options: Any) -> Portkey:
    """A real client whose wire ends in a canned answer with these headers."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        return httpx.Response(200, content=json.dumps(ANSWER), headers={"content-type": "application/json", **headers})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    return Portkey(api_key="pk-test", base_url="http://127.0.0.1:9/v1", http_client=http, **options)


def ask(portkey: Portkey, **more: Any) -> Any:
    return portkey.chat.completions.create(model=MODEL, messages=MESSAGES, **more)


def test_a_cache_hit_costs_nothing_and_records_what_it_saved(recorded: Memory) -> None:
    with fastagentic.run("cached") as run:
        ask(client({"x-portkey-cache-status": "HIT", "x-portkey-provider": "openai"}))
    found = dict(recorded.spans[0].attributes or {})
    assert found["fastagentic.cache.status"] == "hit"
    assert found["fastagentic.cache.hit"] is True
    assert found["gen_ai.usage.cost"] == 0.0
    assert found["fastagentic.cost.saved"] == pytest.approx(0.00027)
    assert found["gen_ai.usage.input_tokens"] == 1000
    assert (run.usage.cost, run.usage.saved, run.usage.cache_hits) == (0.0, pytest.approx(0.00027), 1)


@pytest.mark.parametrize(
    ("header", "status", "is_hit"),
    [
        ("SEMANTIC HIT", "semantic_hit", True),
        ("MISS", "miss", False),
        ("REFRESH", "refresh", False),
        ("DISABLED", "disabled", False),
    ],
)
def test_the_cache_status_is_the_gateways_word(header: str, status: str, is_hit: bool, recorded: Memory) -> None:
    ask(client({"x-portkey-cache-status": header}))
    found = dict(recorded.span.attributes or {})
    assert (found["fastagentic.cache.status"], found["fastagentic.cache.hit"]) == (status, is_hit)


def test_a_fallback_is_told_by_the_strategy_that_was_sent(recorded: Memory) -> None:
    second = {"x-portkey-last-used-option-index": "config.targets[1]", "x-portkey-provider": "azure-openai"}
    ask(client(second, config=FALLBACK))
    found = dict(recorded.span.attributes or {})
    assert found["fastagentic.fallback.used"] is True
    assert found["fastagentic.target.index"] == 1
    assert found["fastagentic.target.path"] == "config.targets[1]"
    assert found["fastagentic.target.provider"] == "azure-openai"
    assert found["gen_ai.provider.name"] == "azure.ai.openai"


@pytest.mark.parametrize("config", [{"strategy": {"mode": "loadbalance"}, "targets": []}, "pc-an-id", None])
def test_without_a_known_fallback_strategy_nothing_is_said_of_fallbacks(config: Any, recorded: Memory) -> None:
    options = {} if config is None else {"config": config}
    ask(client({"x-portkey-last-used-option-index": "config.targets[1]"}, **options))
    assert "fastagentic.fallback.used" not in (recorded.span.attributes or {})


def test_retries_are_counted_and_exhausted_ones_stay_unknown(recorded: Memory) -> None:
    ask(client({"x-portkey-retry-attempt-count": "2"}))
    ask(client({"x-portkey-retry-attempt-count": "-1"}))
    first, second = ((span.attributes or {}).get("fastagentic.retries") for span in recorded.spans)
    assert (first, second) == (2, None)


def test_a_header_with_rubbish_in_it_is_ignored_with_one_warning(recorded: Memory, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        ask(client({"x-portkey-retry-attempt-count": "many", "x-portkey-cache-status": "MAYBE"}))
    assert "fastagentic.retries" not in (recorded.spans[0].attributes or {})
    assert sorted(record.getMessage().split(":")[0] for record in caplog.records if record.name == "fastagentic") == [
        "ignored the header x-portkey-cache-status",
        "ignored the header x-portkey-retry-attempt-count",
    ]


def test_the_run_id_goes_out_as_portkeys_trace_id(recorded: Memory) -> None:
    seen: list[httpx.Request] = []
    with fastagentic.run("lent") as run:
        ask(client({}, seen))
    assert seen[0].headers["x-portkey-trace-id"] == run.run_id


@pytest.mark.parametrize("where", ["client", "call"])
def test_a_trace_id_of_the_users_own_is_left_alone(where: str, recorded: Memory) -> None:
    seen: list[httpx.Request] = []
    options = {"trace_id": "mine"} if where == "client" else {}
    more = {"extra_headers": {"X-Portkey-Trace-Id": "mine"}} if where == "call" else {}
    ask(client({}, seen, **options), **more)
    assert seen[0].headers.get_list("x-portkey-trace-id") == ["mine"]


def test_nothing_is_lent_when_propagation_is_off(memory: Memory) -> None:
    fastagentic.instrument(destinations=[], propagate=False, tracer_provider=memory.tracer_provider)
    seen: list[httpx.Request] = []
    ask(client({}, seen))
    assert "x-portkey-trace-id" not in seen[0].headers


def test_the_sdks_own_http_retries_are_one_call(stand_in: StandIn, recorded: Memory) -> None:
    Portkey(api_key="pk-test", base_url=stand_in.url("flaky-1-500"), provider="openai").chat.completions.create(
        model=MODEL, messages=MESSAGES
    )
    assert len(stand_in.exchanges) == 2
    assert recorded.span.name == "chat gpt-4o-mini"


def test_headers_and_get_headers_of_the_answer_are_untouched(recorded: Memory) -> None:
    answer = ask(client({"x-portkey-cache-status": "MISS"}))
    assert answer.get_headers()["cache-status"] == "MISS"


class TestRealGateway:
    """The same through the real Portkey gateway from npm."""

    def test_a_fallback_through_the_gateway_is_one_call_of_the_second_target(
        self, portkey_gateway: LocalGateway, stand_in: StandIn, recorded: Memory
    ) -> None:
        targets = [
            {"provider": "openai", "api_key": "sk-test", "custom_host": stand_in.url(segment)} for segment in ("fail-429", "ok")
        ]
        portkey = Portkey(
            api_key="pk-test", base_url=portkey_gateway.url, config={"strategy": {"mode": "fallback"}, "targets": targets}
        )
        ask(portkey)
        found = dict(recorded.span.attributes or {})
        assert len(stand_in.exchanges) == 2
        assert found["fastagentic.fallback.used"] is True
        assert found["fastagentic.target.index"] == 1
        assert found["gen_ai.provider.name"] == "openai"
        assert found["fastagentic.cache.status"] == "disabled"
        assert found["gen_ai.usage.input_tokens"] == stand_in.exchanges[-1].usage["prompt_tokens"]
        ((labels, count),) = recorded.metrics["fastagentic.gateway.fallbacks"]
        assert (labels["fastagentic.target.name"], count) == ("config.targets[1]", 1)

    def test_a_stream_through_the_gateway_has_the_gateways_facts(
        self, portkey_gateway: LocalGateway, stand_in: StandIn, recorded: Memory
    ) -> None:
        target = {"provider": "openai", "api_key": "sk-test", "custom_host": stand_in.url()}
        portkey = Portkey(api_key="pk-test", base_url=portkey_gateway.url, config=target)
        for _ in ask(portkey, stream=True, stream_options={"include_usage": True}):
            pass
        found = dict(recorded.span.attributes or {})
        assert found["fastagentic.target.provider"] == "openai"
        assert found["gen_ai.usage.output_tokens"] == stand_in.exchanges[0].usage["completion_tokens"]

    def test_a_refused_config_is_an_error_with_the_users_own_exception(
        self, portkey_gateway: LocalGateway, recorded: Memory
    ) -> None:
        with pytest.raises(Exception, match="400"):
            ask(Portkey(api_key="pk-test", base_url=portkey_gateway.url, config={"strategy": {"mode": "round-robin"}}))
        assert (recorded.span.attributes or {})["error.type"] == "BadRequestError"
