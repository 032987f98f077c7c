"""Portkey's headers and LiteLLM's hidden fields as `GatewayFacts`; whatever else stands in them breaks nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.core.call import NOT_TOLD, GatewayFacts, Routing
from fastagentic.core.names import CacheStatus
from fastagentic.gateways import litellm, portkey

FALLBACK = Routing("fallback")


@pytest.mark.parametrize(
    ("path", "index"),
    [
        ("config.targets[1]", 1),
        ("config.targets[2].targets[0]", 2),
        ("config", None),
        ("", None),
        ("config.targets[x]", None),
        ("config.targets[", None),
    ],
)
def test_the_target_index_is_the_outermost_one(path: str, index: int | None) -> None:
    facts = portkey.read_headers({"x-portkey-last-used-option-index": path}, FALLBACK)
    assert facts.target_index == index
    assert facts.target_path == (path or None)


def test_no_headers_say_nothing() -> None:
    assert portkey.read_headers({}, NOT_TOLD) == GatewayFacts()


@pytest.mark.parametrize(
    ("spelling", "name"),
    [("openai", "openai"), ("@openai", "openai"), ("mistral-ai", "mistral_ai"), ("x-ai", "x_ai"), ("own", "own")],
)
def test_providers_are_named_as_the_conventions_name_them(spelling: str, name: str) -> None:
    assert portkey.provider_name(spelling) == name


@given(
    st.dictionaries(st.sampled_from(["cache-status", "last-used-option-index", "provider", "retry-attempt-count"]), st.text())
)
def test_any_text_in_a_header_is_survived(headers: dict[str, str]) -> None:
    portkey.read_headers({f"x-portkey-{name}": value for name, value in headers.items()}, FALLBACK)


@pytest.mark.parametrize(
    ("config", "mode"),
    [
        ('{"strategy": {"mode": "fallback"}}', "fallback"),
        ("pc-some-id", None),
        ("[]", None),
        ('{"strategy": "fallback"}', None),
        ('{"strategy": {"mode": 3}}', None),
        ("", None),
        (None, None),
        ('{"strategy": {"mode": "loadbalance"}, "targets": [1, {"targets": 2}], "name": 3}', "loadbalance"),
    ],
)
def test_the_strategy_is_read_from_the_config_as_sent(config: str | None, mode: str | None) -> None:
    assert portkey.routing_of(config).mode == mode


def test_the_shares_of_a_load_balancer_are_its_weights_and_a_target_without_one_weighs_1() -> None:
    split = {"strategy": {"mode": "loadbalance"}, "targets": [{"name": "eu", "weight": 3}, {}, {"name": "off", "weight": 0}]}
    nested = {"strategy": {"mode": "fallback"}, "targets": [split, {"name": "last", "weight": 7}]}

    assert portkey.routing_of(json.dumps(split)).shares == {"eu": 0.75, "config.targets[1]": 0.25, "off": 0}
    assert portkey.routing_of(json.dumps(nested)).shares == {"eu": 0.75, "config.targets[0].targets[1]": 0.25, "off": 0}
    assert portkey.routing_of(json.dumps(nested)).names["config.targets[1]"] == "last"


@pytest.mark.parametrize("weights", [[], [0, 0], [None], ["many"]], ids=str)
def test_weights_that_the_gateway_would_not_take_are_no_shares_or_1(weights: list[Any]) -> None:
    config = {"strategy": {"mode": "loadbalance"}, "targets": [{"weight": weight} for weight in weights]}

    assert sum(portkey.routing_of(json.dumps(config)).shares.values()) in (0, 1)


def test_a_fallback_goes_from_the_first_target_to_the_one_that_answered_by_name_where_they_have_one() -> None:
    second = {"x-portkey-last-used-option-index": "config.targets[1]"}
    named = portkey.Routing("fallback", {"config.targets[0]": "cheap", "config.targets[1]": "dear"})

    facts = portkey.read_headers(second, named)
    assert (facts.target_name, facts.fallback_from, facts.fallback_to) == ("dear", "cheap", "dear")
    facts = portkey.read_headers(second, FALLBACK)
    assert (facts.target_name, facts.fallback_from, facts.fallback_to) == (None, "config.targets[0]", "config.targets[1]")
    facts = portkey.read_headers({"x-portkey-last-used-option-index": "config.targets[0]"}, named)
    assert (facts.target_name, facts.fallback_from, facts.fallback_to) == ("cheap", None, None)


def hidden(**fields: Any) -> GatewayFacts:
    return litellm.read_hidden(fields, is_cache_on=True, is_stream=False)


def test_a_hit_is_a_hit_and_anything_else_a_miss_while_the_cache_is_on() -> None:
    assert hidden(cache_hit=True).cache_status is CacheStatus.HIT
    assert hidden(cache_hit=None).cache_status is CacheStatus.MISS
    assert litellm.read_hidden({}, is_cache_on=False, is_stream=False).cache_status is CacheStatus.DISABLED


def test_the_cost_of_a_stream_is_never_taken_from_its_hidden_fields() -> None:
    assert litellm.read_hidden({"response_cost": 0.0}, is_cache_on=False, is_stream=True).cost_usd is None
    assert hidden(response_cost=0.5).cost_usd == 0.5


def test_what_the_router_did_is_read_from_its_headers() -> None:
    facts = hidden(additional_headers={"x-litellm-attempted-retries": 2, "x-litellm-attempted-fallbacks": 0})
    assert (facts.retries, facts.fallback_used) == (2, False)
