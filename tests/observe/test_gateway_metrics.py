"""Metrics of the gateway: what was rescued and how, from which target to which, and how the load was to be split."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import litellm
import pytest
from portkey_ai import Portkey

import fastagentic
from fastagentic.integrations.portkey import PortkeyGateway
from fastagentic.observe import metrics
from tests.clients.doors import MESSAGES, MODEL

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

KEYED = {"provider": "openai", "api_key": "sk-test"}
ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL,
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "hello"}}],
    "usage": {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12},
}  # fmt: skip
SPLIT = {"strategy": {"mode": "loadbalance"}, "targets": [{"name": "eu", "weight": 3, **KEYED}, {"name": "us", **KEYED}]}


def ask_portkey(headers: dict[str, str], **options: Any) -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps(ANSWER), headers={"content-type": "application/json", **headers})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    client = Portkey(**{"api_key": "pk-test", "base_url": "http://127.0.0.1:9/v1", "http_client": http, **options})
    client.chat.completions.create(model=MODEL, messages=MESSAGES)


def router(stand_in: StandIn, *deployments: tuple[str, str, dict[str, Any]], **more: Any) -> litellm.Router:
    def deployment(name: str, segment: str, of: str, **weights: Any) -> dict[str, Any]:
        params = {"model": f"openai/{MODEL}", "api_base": stand_in.url(segment), "api_key": "sk-test", **weights}
        return {"model_name": name, "litellm_params": params, "model_info": {"id": of}}

    listed = [deployment(name, segment, f"{name}-{at}", **weights) for at, (name, segment, weights) in enumerate(deployments)]
    return litellm.Router(model_list=listed, num_retries=0, **more)


def weights(recorded: Memory) -> dict[str, float]:
    points = recorded.metrics.get("fastagentic.gateway.target.weight", [])
    return {labels["fastagentic.target.name"]: share for labels, share in points}


def fallbacks(recorded: Memory) -> list[tuple[str | None, str | None, int]]:
    return [
        (labels.get("fastagentic.fallback.from"), labels.get("fastagentic.fallback.to"), count)
        for labels, count in recorded.metrics["fastagentic.gateway.fallbacks"]
    ]


def outcomes(recorded: Memory) -> dict[str, int]:
    counted: dict[str, int] = {}
    for labels, count in recorded.metrics["fastagentic.gateway.requests"]:
        outcome = labels["fastagentic.outcome"]
        counted[outcome] = counted.get(outcome, 0) + count
    return counted


def test_rescued_calls_are_requests_by_their_outcome(recorded: Memory) -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [KEYED, KEYED]}
    at = "x-portkey-last-used-option-index"
    ask_portkey({at: "config.targets[0]"}, config=config)
    ask_portkey({at: "config.targets[0]", "x-portkey-retry-attempt-count": "2"}, config=config)
    for _ in range(2):
        ask_portkey({at: "config.targets[1]"}, config=config)

    assert outcomes(recorded) == {"ok": 1, "rescued_by_retry": 1, "rescued_by_fallback": 2}


def test_a_fallback_of_portkeys_is_counted_by_the_names_of_its_targets(recorded: Memory) -> None:
    config = {"strategy": {"mode": "fallback"}, "targets": [{"name": "azure", **KEYED}, KEYED, {"name": "openai", **KEYED}]}
    for answering in (2, 1, 2):
        ask_portkey({"x-portkey-last-used-option-index": f"config.targets[{answering}]"}, config=config)

    assert sorted(fallbacks(recorded)) == [("azure", "config.targets[1]", 1), ("azure", "openai", 2)]
    assert {(span.attributes or {}).get("fastagentic.target.name") for span in recorded.spans} == {"openai", None}


def test_a_fallback_of_a_routers_is_counted_by_its_model_groups(stand_in: StandIn, recorded: Memory) -> None:
    two = router(stand_in, ("first", "fail-500", {}), ("second", "ok", {}), fallbacks=[{"first": ["second"]}])
    for is_stream in (False, True):
        answer = two.completion(model="first", messages=MESSAGES, stream=is_stream)
        if is_stream:
            list(answer)

    assert fallbacks(recorded) == [("first", "second", 1)] * 2  # two, as a stream does not say which provider answers
    assert outcomes(recorded) == {"rescued_by_fallback": 2}


def test_a_fallback_between_models_is_counted_by_the_models(stand_in: StandIn, recorded: Memory) -> None:
    winner = {"model": MODEL, "api_base": stand_in.url("ok")}
    here = {"api_base": stand_in.url("fail-500"), "api_key": "sk-test", "max_retries": 0}
    litellm.completion(model="gpt-4o", messages=MESSAGES, fallbacks=[winner], **here)

    assert fallbacks(recorded) == [("gpt-4o", MODEL, 1)]


def test_the_weights_of_a_config_are_stated_as_shares_whoever_sent_it(recorded: Memory) -> None:
    ask_portkey({}, config=SPLIT)
    expected = {"eu": 0.75, "us": 0.25}
    assert weights(recorded) == expected
    ((labels, _), *_) = recorded.metrics["fastagentic.gateway.target.weight"]
    assert labels == {"fastagentic.gateway": "portkey", "fastagentic.target.name": "eu"}
    ask_portkey({})
    assert weights(recorded) == expected, "a gauge stays at what it was"


def test_the_weights_of_a_gateway_that_a_run_lends_are_stated(recorded: Memory) -> None:
    gateway = PortkeyGateway(api_key="pk-test", config=SPLIT, base_url="http://127.0.0.1:9/v1")
    with fastagentic.run("lent", gateway=gateway):
        ask_portkey({})

    assert weights(recorded) == {"eu": 0.75, "us": 0.25}


def test_the_latest_request_says_what_a_target_is_to_have(recorded: Memory) -> None:
    ask_portkey({}, config=SPLIT)
    ask_portkey({}, config={**SPLIT, "targets": [{"name": "eu", "weight": 1, **KEYED}, {"name": "us", "weight": 1, **KEYED}]})

    assert weights(recorded) == {"eu": 0.5, "us": 0.5}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"weight": 3}, {"weight": 1}, {"split-0": 0.75, "split-1": 0.25}),
        ({"weight": 1, "rpm": 9}, {"rpm": 1}, {"split-0": 1.0, "split-1": 0.0}),
        ({"rpm": 9}, {"rpm": 1}, {"split-0": 0.9, "split-1": 0.1}),
        ({}, {}, {"split-0": 0.5, "split-1": 0.5}),
    ],
    ids=["weights", "weights before rates", "rates", "neither"],
)
def test_the_shares_of_a_routers_deployments_are_those_by_which_it_draws(
    first: dict[str, Any], second: dict[str, Any], expected: dict[str, float], stand_in: StandIn, recorded: Memory
) -> None:
    both = router(stand_in, ("split", "ok", first), ("split", "ok", second), ("alone", "ok", {}))
    both.completion(model="split", messages=MESSAGES)

    assert weights(recorded) == pytest.approx(expected)
    (labels, _) = recorded.metrics["fastagentic.gateway.requests"][0]
    assert labels["fastagentic.target.name"] in expected


def test_a_router_that_draws_by_something_else_states_no_shares(stand_in: StandIn, recorded: Memory) -> None:
    routed = router(stand_in, ("one", "ok", {}), ("one", "ok", {}), routing_strategy="least-busy")
    routed.completion(model="one", messages=MESSAGES)

    assert weights(recorded) == {}


def test_a_program_that_names_targets_without_end_makes_no_series_without_end(
    recorded: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "MOST_TARGETS", 3)
    for at in range(5):
        ask_portkey({}, config={**SPLIT, "targets": [{"name": f"t{at}", **KEYED}]})

    assert weights(recorded) == {"t0": 1.0, "t1": 1.0, "t2": 1.0}


def test_no_weight_is_stated_when_nothing_is_observed_any_more(recorded: Memory) -> None:
    ask_portkey({}, config=SPLIT)
    fastagentic.uninstrument()

    assert weights(recorded) == {}
