"""A Portkey config as the gateway takes it: short forms written out, and every mistake told before anything is sent."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.core.errors import ConfigError
from fastagentic.gateways.portkey import routing_of
from fastagentic.gateways.portkey_config import PortkeyConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

ONE = {"virtual_key": "openai-key"}
OTHER = {"virtual_key": "anthropic-key"}
PROVIDER = {"provider": "openai", "api_key": "sk-1"}
NAMED = [{"name": "a", **PROVIDER}, {"name": "b", **PROVIDER}]


def routed(query: Mapping[str, Any], then: str = "a", **more: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "conditional", "conditions": [{"query": query, "then": then}], **more}, "targets": NAMED}


def balanced(*weights: Any) -> dict[str, Any]:
    return {"strategy": {"mode": "loadbalance"}, "targets": [{**ONE, "weight": weight} for weight in weights]}


AS_IT_IS = {
    "one flat target": {**PROVIDER, "custom_host": "http://127.0.0.1:1/v1"},
    "a flat target by virtual key": ONE,
    "fallback": {"strategy": {"mode": "fallback"}, "targets": [ONE, OTHER]},
    "fallback on some codes": {"strategy": {"mode": "fallback", "on_status_codes": [429]}, "targets": [ONE, OTHER]},
    "another model of a target": {"strategy": {"mode": "single"}, "targets": [{**ONE, "override_params": {"model": "gpt-4o"}}]},
    "loadbalance": balanced(50, 30, 20),
    "a weight of 0 beside others": balanced(0, 1),
    "loadbalance without weights": {"strategy": {"mode": "loadbalance"}, "targets": [ONE, OTHER]},
    "retry": {**PROVIDER, "retry": {"attempts": 3, "on_status_codes": [500], "use_retry_after_header": True}},
    "retry inside fallback": {"strategy": {"mode": "fallback"}, "targets": [{**ONE, "retry": {"attempts": 1}}, OTHER]},
    "request_timeout": {**PROVIDER, "request_timeout": 100},
    "retry alone": {"retry": {"attempts": 0}},
    "cache alone": {"cache": {"mode": "semantic", "max_age": 3600}},
    "targets below targets": {
        "strategy": {"mode": "fallback"},
        "targets": [{"strategy": {"mode": "loadbalance"}, "targets": [ONE, OTHER]}, PROVIDER],
    },
    "a provider by its slug": {"strategy": {"mode": "single"}, "targets": [{"provider": "@openai-prod"}]},
    "a provider without a key": {"strategy": {"mode": "single"}, "targets": [{"provider": "ollama"}]},
    "a provider with fields of its own": {
        "strategy": {"mode": "single"},
        "targets": [{"provider": "bedrock", "aws_access_key_id": "AKIA", "aws_secret_access_key": "s", "aws_region": "eu"}],
    },
    "$eq": routed({"metadata.tier": {"$eq": "paid"}}),
    "a bare value": routed({"metadata.tier": "paid"}),
    "params": routed({"params.model": "gpt-4o-mini"}),
    "the path": routed({"url.pathname": "/v1/embeddings"}),
    "operators": routed({"params.user": {"$regex": "^u-", "$ne": "u-0"}, "metadata.n": {"$in": ["1"], "$nin": ["2"]}}),
    "$and, $or": routed({"$and": [{"metadata.a": "1"}, {"$or": [{"metadata.b": "2"}, {"params.max_tokens": {"$gt": 9}}]}]}),
    "a default": routed({"metadata.tier": "paid"}, default="b"),
}


@pytest.mark.parametrize("config", AS_IT_IS.values(), ids=AS_IT_IS)
def test_what_the_gateway_takes_goes_out_as_it_is(config: dict[str, Any]) -> None:
    assert PortkeyConfig(**config).as_dict() == config


WRITTEN_OUT = {
    "one target without a strategy is single": (
        {"targets": [ONE]},
        {"strategy": {"mode": "single"}, "targets": [ONE]},
    ),
    "several targets without a strategy are tried in their order": (
        {"targets": [ONE, OTHER]},
        {"strategy": {"mode": "fallback"}, "targets": [ONE, OTHER]},
    ),
    "the same below a target": (
        {"strategy": {"mode": "single"}, "targets": [{"targets": [ONE]}]},
        {"strategy": {"mode": "single"}, "targets": [{"targets": [ONE], "strategy": {"mode": "single"}}]},
    ),
    "a cache by its mode": ({"cache": "simple"}, {"cache": {"mode": "simple"}}),
    "a query for a model looks at the request's body": (
        routed({"model": "gpt-4"}, default="b"),
        routed({"params.model": "gpt-4"}, default="b"),
    ),
    "below $or, too": (
        routed({"$or": [{"model": "gpt-4"}, {"metadata.a": "1"}]}),
        routed({"$or": [{"params.model": "gpt-4"}, {"metadata.a": "1"}]}),
    ),
    "a conditional without targets sends to virtual keys": (
        {
            "strategy": {
                "mode": "conditional",
                "conditions": [
                    {"query": {"model": "gpt-4"}, "then": "openai-key"},
                    {"query": {"model": "claude-3"}, "then": "anthropic-key"},
                ],
                "default": "openai-key",
            }
        },
        {
            "strategy": {
                "mode": "conditional",
                "conditions": [
                    {"query": {"params.model": "gpt-4"}, "then": "openai-key"},
                    {"query": {"params.model": "claude-3"}, "then": "anthropic-key"},
                ],
                "default": "openai-key",
            },
            "targets": [{"name": "openai-key", **ONE}, {"name": "anthropic-key", **OTHER}],
        },
    ),
    "a target of a conditional is named by its virtual key": (
        {"strategy": {"mode": "conditional", "conditions": [{"query": {}, "then": "openai-key"}]}, "targets": [ONE]},
        {
            "strategy": {"mode": "conditional", "conditions": [{"query": {}, "then": "openai-key"}]},
            "targets": [{**ONE, "name": "openai-key"}],
        },
    ),
    "what is None was not said": ({"cache": None, "retry": {"attempts": 1}}, {"retry": {"attempts": 1}}),
}


@pytest.mark.parametrize(("short", "full"), WRITTEN_OUT.values(), ids=WRITTEN_OUT)
def test_a_short_form_is_written_out(short: dict[str, Any], full: dict[str, Any]) -> None:
    assert PortkeyConfig(**short).as_dict() == full


def test_a_strategy_that_was_chosen_for_the_user_is_told(caplog: pytest.LogCaptureFixture) -> None:
    PortkeyConfig(targets=[ONE, OTHER])
    (said,) = caplog.records
    assert "2 targets and no strategy; they are tried in their order" in said.getMessage()


MODES = "Portkey accepts single, loadbalance, fallback, conditional"
CODES = "it takes a list of HTTP status codes, 100 to 599"

MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "round robin": (
        {"strategy": {"mode": "round-robin"}, "targets": [ONE]},
        f"strategy.mode is 'round-robin'; {MODES}; did you mean 'loadbalance'?",
    ),
    "least latency": (
        {"strategy": {"mode": "least-latency"}, "targets": [ONE]},
        f"strategy.mode is 'least-latency'; {MODES}; did you mean 'loadbalance'?",
    ),
    "a slip of the pen": (
        {"strategy": {"mode": "falback"}, "targets": [ONE]},
        f"strategy.mode is 'falback'; {MODES}; did you mean 'fallback'?",
    ),
    "a mode like nothing": ({"strategy": {"mode": "zzz"}, "targets": [ONE]}, f"strategy.mode is 'zzz'; {MODES}"),
    "no mode": ({"strategy": {}, "targets": [ONE]}, f"strategy.mode is missing; {MODES}"),
    "a strategy in one word": (
        {"strategy": "fallback", "targets": [ONE]},
        "strategy is 'fallback'; it takes a mapping such as {'mode': 'fallback'}",
    ),
    "a strategy without targets": (
        {"strategy": {"mode": "fallback"}},
        "targets is missing; mode 'fallback' needs targets to choose from",
    ),
    "no targets": ({"targets": []}, "targets is empty; it takes a list of mappings, one or more, or leave it out"),
    "a weight below 0": (balanced(1, -1), "targets[1].weight is -1; it takes a number, 0 or more"),
    "a weight as text": (balanced("50"), "targets[0].weight is '50'; it takes a number, 0 or more"),
    "a weight without end": (balanced(float("inf")), "targets[0].weight is inf; it takes a number, 0 or more"),
    "all weights 0": (balanced(0, 0.0), "targets have no weight above 0; give one of them weight 1 or more"),
    "a target without a key": (
        {"strategy": {"mode": "fallback"}, "targets": [ONE, {"weight": 1}]},
        "targets[1] says no key; give it virtual_key, or provider and api_key, or targets of its own",
    ),
    "a provider without its key": (
        {"strategy": {"mode": "fallback"}, "targets": [{"targets": [{"provider": "openai"}]}]},
        "targets[0].targets[0] says no key; give it virtual_key, or provider and api_key, or targets of its own",
    ),
    "a status code that is none": (
        {"strategy": {"mode": "fallback", "on_status_codes": [429, 999]}, "targets": [ONE]},
        f"strategy.on_status_codes[1] is 999; {CODES}",
    ),
    "a status code as text": (
        {"retry": {"attempts": 1, "on_status_codes": ["5xx"]}},
        f"retry.on_status_codes[0] is '5xx'; {CODES}",
    ),
    "no status code": (
        {"strategy": {"mode": "fallback", "on_status_codes": []}, "targets": [ONE]},
        f"strategy.on_status_codes is empty; {CODES}, or leave it out",
    ),
    "too many attempts": ({"retry": {"attempts": 6}}, "retry.attempts is 6; it takes a whole number from 0 to 5"),
    "attempts below 0": ({"retry": {"attempts": -1}}, "retry.attempts is -1; it takes a whole number from 0 to 5"),
    "attempts as a truth value": ({"retry": {"attempts": True}}, "retry.attempts is True; it takes a whole number from 0 to 5"),
    "no attempts": ({"retry": {}}, "retry.attempts is missing; it takes a whole number from 0 to 5"),
    "a cache mode that is none": (
        {"cache": {"mode": "exact"}},
        "cache.mode is 'exact'; Portkey accepts simple, semantic; did you mean 'simple'?",
    ),
    "a cache without a mode": ({"cache": {"max_age": 60}}, "cache.mode is missing; Portkey accepts simple, semantic"),
    "max_age as text": (
        {"cache": {"mode": "simple", "max_age": "3600"}},
        "cache.max_age is '3600'; it takes whole seconds, 1 or more",
    ),
    "request_timeout as text": ({"request_timeout": "1s"}, "request_timeout is '1s'; it takes whole milliseconds, 1 or more"),
    "an unknown field": (
        {"targets": [{"virtualkey": "x"}]},
        "targets[0].virtualkey is no field that Portkey knows; did you mean 'virtual_key'?",
    ),
    "an unknown field of a retry": (
        {"retry": {"attemps": 3}},
        "retry.attemps is no field that Portkey knows; did you mean 'attempts'?",
    ),
    "an unknown field at the top": ({"target": [ONE]}, "target is no field that Portkey knows; did you mean 'targets'?"),
    "a condition for nobody": (
        routed({"metadata.tier": "paid"}, then="zzz"),
        "strategy.conditions[0].then is 'zzz', which no target is named; the targets' names are 'a', 'b'",
    ),
    "a default that nobody is": (
        routed({"metadata.tier": "paid"}, default="bb"),
        "strategy.default is 'bb', which no target is named; the targets' names are 'a', 'b'; did you mean 'b'?",
    ),
    "two of a name": (
        {**routed({"metadata.tier": "paid"}), "targets": [NAMED[0], NAMED[0]]},
        "targets are named 'a' more than once; conditions reach the first of them alone",
    ),
    "conditional without conditions": (
        {"strategy": {"mode": "conditional"}, "targets": NAMED},
        "strategy.conditions is missing; it takes a list of {'query': {...}, 'then': name of a target}",
    ),
    "a default without conditions": (
        {"strategy": {"mode": "fallback", "default": "a"}, "targets": NAMED},
        "strategy.default means nothing in mode 'fallback'; set mode to 'conditional', or leave it out",
    ),
    "an unknown operator": (
        routed({"metadata.tier": {"$foo": 1}}),
        "strategy.conditions[0].query['metadata.tier'] uses the operator '$foo'; "
        "Portkey knows $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $regex",
    ),
    "an unknown join": (
        routed({"$nor": [{"metadata.tier": 1}]}),
        "strategy.conditions[0].query['$nor'] is no way to join queries; Portkey knows $and, $or; did you mean '$or'?",
    ),
    "a query that looks at nothing": (
        routed({"tier": "paid"}),
        "strategy.conditions[0].query['tier'] is nothing that Portkey looks at; write 'metadata.tier' or 'params.tier'",
    ),
    "nested metadata": (
        routed({"metadata.a.b": "1"}),
        "strategy.conditions[0].query['metadata.a.b'] never matches: Portkey looks at the first level of the metadata alone",
    ),
    "$in without a list": (
        routed({"metadata.tier": {"$in": "paid"}}),
        "strategy.conditions[0].query['metadata.tier'] $in takes a list",
    ),
    "a list as a value": (
        routed({"metadata.tier": ["paid"]}),
        "strategy.conditions[0].query['metadata.tier'] is a list, which equals nothing; write {'$in': [...]}",
    ),
}


@pytest.mark.parametrize(("config", "said"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_names_the_field_and_the_way_out(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PortkeyConfig(**config)
    assert str(caught.value) == f"PortkeyConfig(...): {said}"


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(ConfigError, match=r"retry\.attempts is 9.*cache\.mode is missing"):
        PortkeyConfig(retry={"attempts": 9}, cache={})


@pytest.mark.parametrize("config", AS_IT_IS.values(), ids=AS_IT_IS)
def test_a_call_knows_the_strategy_of_the_config_that_was_sent(config: dict[str, Any]) -> None:
    built = PortkeyConfig(**config)
    assert routing_of(built.as_json()).mode == built.mode


def test_a_config_is_ascii_as_headers_are() -> None:
    config = PortkeyConfig(targets=[{**ONE, "override_params": {"user": "Zoë"}}])
    assert config.as_json().isascii()
    assert json.loads(config.as_json()) == config.as_dict()


KEYS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=12).map(lambda text: f"sk-{text}")


@given(KEYS)
def test_no_key_is_in_the_text_of_a_config(key: str) -> None:
    bedrock = {"provider": "bedrock", "aws_secret_access_key": key}
    targets = [{"provider": "openai", "api_key": key}, {"virtual_key": key}, bedrock]
    config = PortkeyConfig(strategy={"mode": "fallback"}, targets=targets)
    assert key in config.as_json()
    assert key not in repr(config) + str(config)


@given(KEYS, st.sampled_from(["targets", "strategy.targets", "api_key", "retry", "cache", "query", "unknown"]))
def test_no_key_is_in_the_text_of_an_error(key: str, place: str) -> None:
    wrong = {
        "targets": {"targets": [key]},
        "strategy.targets": {"strategy": {"mode": "fallback"}, "targets": [{"provider": "openai", "api_key": [key]}]},
        "api_key": {"targets": [{"provider": "openai", "api_key": key, "weight": -1}]},
        "retry": {"retry": key},
        "cache": {"cache": {"mode": "simple", "max_age": [key]}},
        "query": {"strategy": {"mode": "conditional", "conditions": [{"query": key, "then": "a"}]}, "targets": NAMED},
        "unknown": {"targets": [{"virtualkey": key}]},
    }[place]
    with pytest.raises(ConfigError) as caught:
        PortkeyConfig(**wrong)
    assert key not in str(caught.value) + repr(caught.value)
    assert caught.value.__suppress_context__


def test_a_config_is_not_pickled() -> None:
    with pytest.raises(TypeError, match="may hold keys"):
        pickle.dumps(PortkeyConfig(**PROVIDER))
