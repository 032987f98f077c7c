"""What the real gateway does with a PortkeyGateway's config: what the span says of it is what the provider saw."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from portkey_ai import AsyncPortkey, Portkey

import fastagentic
from fastagentic.integrations.portkey import PortkeyGateway

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.gateway import LocalGateway
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

    Target = Callable[..., dict[str, Any]]

MESSAGES = [{"role": "user", "content": "What follows from the second clause?"}]


@dataclass
class Row:
    """A config, what is asked, and what must be seen: segments and statuses at the provider, facts on the span."""

    config: Callable[[Target], dict[str, Any]]
    seen: list[tuple[str, int]]
    facts: dict[str, Any]
    asked: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    error: str | None = None


def fallback(*targets: Any, **strategy: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "fallback", **strategy}, "targets": list(targets)}


def by(query: dict[str, Any], **more: Any) -> Callable[[Target], dict[str, Any]]:
    """Requests that this query matches go to `ok_paid`, all others to `ok_free`."""

    def config(target: Target) -> dict[str, Any]:
        return {
            "strategy": {"mode": "conditional", "conditions": [{"query": query, "then": "paid"}], "default": "free", **more},
            "targets": [{"name": "paid", **target("ok_paid")}, {"name": "free", **target("ok_free")}],
        }

    return config


PAID = {"seen": [("ok_paid", 200)], "facts": {"target.path": "config.targets[0]", "target.index": 0}}
FREE = {"seen": [("ok_free", 200)], "facts": {"target.path": "config.targets[1]", "target.index": 1}}
NO_FALLBACK = {"fallback.used": None}

ROWS = {
    "a flat target": Row(lambda target: target(), [("ok", 200)], {"target.path": "config", **NO_FALLBACK}),
    "one target without a strategy": Row(
        lambda target: {"targets": [target()]}, [("ok", 200)], {"target.path": "config.targets[0]", **NO_FALLBACK}
    ),
    "several targets without a strategy fall back": Row(
        lambda target: {"targets": [target("fail-500"), target()]},
        [("fail-500", 500), ("ok", 200)],
        {"target.index": 1, "fallback.used": True},
    ),
    "any failure falls back": Row(
        lambda target: fallback(target("fail-429"), target()),
        [("fail-429", 429), ("ok", 200)],
        {"target.index": 1, "target.path": "config.targets[1]", "fallback.used": True, "retries": 0},
    ),
    "nobody there falls back": Row(
        lambda target: fallback(target() | {"custom_host": "http://127.0.0.1:9/v1"}, target()),
        [("ok", 200)],
        {"target.index": 1, "fallback.used": True},
    ),
    "another failure than those named does not fall back": Row(
        lambda target: fallback(target("fail-400"), target(), on_status_codes=[429]),
        [("fail-400", 400)],
        {"target.index": 0, "fallback.used": False, "error.type": "BadRequestError"},
        error="400",
    ),
    "a target's own model": Row(
        lambda target: fallback(target("fail-503"), target("ok", override_params={"model": "gpt-4o"})),
        [("fail-503", 503), ("ok", 200)],
        {"fallback.used": True, "gen_ai.request.model": "gpt-4o-mini"},
    ),
    "load balancing alone never falls back": Row(
        lambda target: {
            "strategy": {"mode": "loadbalance", "on_status_codes": [400]},
            "targets": [target("fail-400", weight=1), target("ok", weight=0)],
        },
        [("fail-400", 400)],
        {"target.index": 0, "error.type": "BadRequestError", **NO_FALLBACK},
        error="400",
    ),
    "a retry": Row(
        lambda target: target("flaky-1-429", retry={"attempts": 2, "on_status_codes": [429]}),
        [("flaky-1-429", 429), ("flaky-1-429", 200)],
        {"retries": 1},
    ),
    "Retry-After is honoured": Row(
        lambda target: target("busy-1-429-1ms", retry={"attempts": 2, "use_retry_after_header": True}),
        [("busy-1-429-1ms", 429), ("busy-1-429-1ms", 200)],
        {"retries": 1},
    ),
    "codes that the failure is not among": Row(
        lambda target: target("fail-400", retry={"attempts": 3, "on_status_codes": [429]}),
        [("fail-400", 400)],
        {"retries": 0, "error.type": "BadRequestError"},
        error="400",
    ),
    "retries before the fallback": Row(
        lambda target: fallback(target("fail-429", retry={"attempts": 1, "on_status_codes": [429]}), target()),
        [("fail-429", 429), ("fail-429", 429), ("ok", 200)],
        {"target.index": 1, "fallback.used": True, "retries": 0},
    ),
    "targets below targets": Row(
        lambda target: fallback(fallback(target("fail-429"), target("fail-429")), target()),
        [("fail-429", 429), ("fail-429", 429), ("ok", 200)],
        {"target.index": 1, "fallback.used": True},
    ),
    "$eq": Row(by({"metadata.tier": {"$eq": "paid"}}), **PAID, metadata={"tier": "paid"}),
    "$eq of another": Row(by({"metadata.tier": {"$eq": "paid"}}), **FREE, metadata={"tier": "free"}),
    "a bare value": Row(by({"metadata.tier": "paid"}), **PAID, metadata={"tier": "paid"}),
    "the model, in short": Row(by({"model": "gpt-4o-mini"}), **PAID),
    "another model, in short": Row(by({"model": "gpt-4o"}), **FREE),
    "$regex": Row(by({"params.user": {"$regex": "^u-"}}), **PAID, asked={"user": "u-42"}),
    "$in": Row(by({"metadata.tier": {"$in": ["paid", "gold"]}}), **PAID, metadata={"tier": "gold"}),
    "$ne": Row(by({"metadata.tier": {"$ne": "free"}}), **FREE, metadata={"tier": "free"}),
    "$and": Row(by({"$and": [{"metadata.tier": "paid"}, {"model": "gpt-4o-mini"}]}), **PAID, metadata={"tier": "paid"}),
    "the path": Row(by({"url.pathname": "/v1/chat/completions"}), **PAID),
    "no match and no default": Row(
        by({"metadata.tier": "paid"}, default=None),
        [],
        {"error.type": "BadRequestError"},
        error="Query router did not resolve to any valid target",
    ),
}


def facts(memory: Memory) -> dict[str, Any]:
    (span,) = [span for span in memory.spans if span.name.startswith("chat")]
    return {name.removeprefix("fastagentic."): value for name, value in (span.attributes or {}).items()}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_the_span_says_what_the_gateway_did(
    row: Row, portkey_gateway: LocalGateway, target: Target, stand_in: StandIn, recorded: Memory
) -> None:
    gateway = PortkeyGateway(base_url=portkey_gateway.url, config=row.config(target), metadata=row.metadata)
    with fastagentic.run("wire") as run:
        run.gateway = gateway
        create = Portkey().chat.completions.create
        if row.error is None:
            create(model="gpt-4o-mini", messages=MESSAGES, **row.asked)
        else:
            with pytest.raises(Exception, match=row.error):
                create(model="gpt-4o-mini", messages=MESSAGES, **row.asked)
    assert [(exchange.segment, exchange.status) for exchange in stand_in.exchanges] == row.seen
    found = facts(recorded)
    assert {name: found.get(name) for name in row.facts} == row.facts
    if row.error is None:
        answered = stand_in.exchanges[-1]
        assert found["gen_ai.response.model"] == answered.model
        assert found["gen_ai.usage.input_tokens"] == answered.usage["prompt_tokens"]


def test_a_timeout_of_the_gateways_is_the_users_exception(
    portkey_gateway: LocalGateway, target: Target, stand_in: StandIn, recorded: Memory
) -> None:
    with fastagentic.run("slow") as run:
        run.gateway = PortkeyGateway(base_url=portkey_gateway.url, config=target("slow-3000ms", request_timeout=100))
        with pytest.raises(Exception, match="408"):
            Portkey().chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert facts(recorded)["error.type"] == "APIStatusError"


@pytest.mark.slow
async def test_a_thousand_calls_are_shared_as_the_weights_say(
    portkey_gateway: LocalGateway, target: Target, stand_in: StandIn, memory: Memory
) -> None:
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    weights, calls = {"ok_a": 50, "ok_b": 30, "ok_c": 20}, 1_000
    config = {"strategy": {"mode": "loadbalance"}, "targets": [target(name, weight=weight) for name, weight in weights.items()]}
    with fastagentic.run("shares") as run:
        run.gateway = PortkeyGateway(base_url=portkey_gateway.url, config=config)
        client = AsyncPortkey()
        for _ in range(calls):
            await client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    seen = Counter(exchange.segment for exchange in stand_in.exchanges)
    told = Counter(
        (span.attributes or {}).get("fastagentic.target.index") for span in memory.spans if span.name.startswith("chat")
    )
    assert told == {index: seen[name] for index, name in enumerate(weights)}
    for name, weight in weights.items():
        share = weight / 100
        assert abs(seen[name] / calls - share) < 4 * math.sqrt(share * (1 - share) / calls), seen
    assert run.usage.calls == calls


class TestStandInForTheHostedGateway:
    """Virtual keys and the cache, which the hosted gateway alone has: the stand-in answers in its headers."""

    def ask(self, gateway: PortkeyGateway, text: str, **options: Any) -> None:
        with fastagentic.run("hosted") as run:
            run.gateway = gateway
            Portkey(**options).chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": text}])

    def test_a_semantic_cache_answers_what_means_the_same(self, stand_in: StandIn, recorded: Memory) -> None:
        gateway = PortkeyGateway("pk", base_url=stand_in.url("portkey"), cache={"mode": "semantic", "max_age": 3600})
        for text in ("What is a fallback?", "What is a fallback?", "a fallback, what is?"):
            self.ask(gateway, text)
        spans = [span for span in recorded.spans if span.name.startswith("chat")]
        told = [(span.attributes or {})["fastagentic.cache.status"] for span in spans]
        assert told == ["miss", "hit", "semantic_hit"]
        assert [exchange.cache for exchange in stand_in.exchanges] == ["MISS", "HIT", "SEMANTIC HIT"]

    def test_virtual_keys_go_out_as_they_were_written(self, stand_in: StandIn, recorded: Memory) -> None:
        targets = [{"virtual_key": "openai-key", "weight": 1}, {"virtual_key": "anthropic-key", "weight": 1}]
        config = {"strategy": {"mode": "fallback"}, "targets": targets}
        self.ask(PortkeyGateway("pk", base_url=stand_in.url("portkey"), config=config), "Whose key?")
        found = facts(recorded)
        assert (found["target.path"], found["fallback.used"]) == ("config.targets[0]", False)
