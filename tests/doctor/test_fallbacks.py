"""Why fallbacks do not trigger: a program that has the symptom, and the finding it gets; one that has not, and gets none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from fastagentic.doctor.setups import read_given, read_setup
from fastagentic.integrations.litellm import LiteLLMGateway

from .conftest import examined

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Program

KEYED = {"virtual_key": "a"}


def given(**config: Any) -> Any:
    return read_given(json.dumps(config))


def test_a_status_that_is_not_in_on_status_codes_is_named(real: Program) -> None:
    config = real.fallback("fail-500", "ok", on_status_codes=[429, 502, 503, 504])
    real.ask(config)
    real.ask(config)

    found = examined(real.setup(config))

    finding = found["fallback-code-not-listed"]
    assert finding.what == "the gateway: 2 calls failed with HTTP 500 and did not fall back"
    assert "[429, 502, 503, 504]" in finding.why
    assert "Add 500" in finding.fix
    assert "fallback-did-not-trigger" not in found


def test_a_fallback_that_stopped_half_way_is_named_too(real: Program) -> None:
    config = real.fallback("fail-429", "fail-500", "ok", on_status_codes=[429])
    real.ask(config)

    assert "HTTP 500 and did not fall back" in examined(real.setup(config))["fallback-code-not-listed"].what


def test_a_fallback_that_triggers_is_in_order(real: Program) -> None:
    config = real.fallback("ok", "ok", on_status_codes=[429, 500, 502, 503, 504])
    real.ask(config)

    assert examined(real.setup(config)) == {}


def test_the_calls_alone_show_a_fallback_that_stopped(real: Program) -> None:
    real.ask(real.fallback("fail-500", "ok", on_status_codes=[429]))

    found = examined()

    assert set(found) == {"fallback-did-not-trigger"}
    assert "HTTP 500" in found["fallback-did-not-trigger"].what


def test_the_calls_alone_show_nothing_of_a_fallback_that_triggered(real: Program) -> None:
    real.ask(real.fallback("fail-500", "ok", on_status_codes=[500]))

    assert "fallback-did-not-trigger" not in examined()


def test_a_fallback_of_which_every_target_failed_is_not_said_to_have_stopped(real: Program) -> None:
    config = real.fallback("fail-500", "fail-503")
    real.ask(config)

    found = examined(real.setup(config))

    assert "HTTP 503" in found["fallback-exhausted"].what
    assert "fallback-code-not-listed" not in found


def test_calls_that_failed_under_loadbalance_are_named(real: Program) -> None:
    config = {"strategy": {"mode": "loadbalance"}, "targets": [real.target("fail-500", weight=1), real.target(weight=0)]}
    real.ask(config)

    found = examined(real.setup(config))

    assert "loadbalance, which never falls back" in found["loadbalance-failed"].why


def test_a_load_balancer_that_answers_is_in_order(real: Program) -> None:
    config = {"strategy": {"mode": "loadbalance"}, "targets": [real.target(weight=1), real.target(weight=1)]}
    real.ask(config)

    assert examined(real.setup(config)) == {}


def test_a_key_that_the_provider_refuses_is_named_with_the_target(real: Program) -> None:
    config = real.fallback("fail-401", "ok", on_status_codes=[429, 500, 502, 503, 504])
    real.ask(config)

    assert examined(real.setup(config))["key-refused"].what == "openai (config.targets[0]) refused 1 call with HTTP 401"


def test_a_virtual_key_that_does_not_exist_is_refused_by_the_gateway(real: Program) -> None:
    real.ask({"strategy": {"mode": "single"}, "targets": [{"virtual_key": "openai-key"}]})

    found = examined()

    assert "virtual key" in found["gateway-refused"].fix


def test_a_400_of_the_provider_is_not_the_gateways(real: Program) -> None:
    real.ask(real.target("fail-400"))

    assert "gateway-refused" not in examined()


def test_a_client_that_does_not_wait_for_the_gateway_is_told(real: Program) -> None:
    real.ask(real.fallback("slow-3000ms", "ok"), timeout=0.3)

    assert "timed out in the client" in examined()["client-gave-up-first"].what


def test_litellm_calls_that_failed_without_a_fallback_are_named() -> None:
    fastagentic.instrument(destinations=["local"])
    with pytest.raises(litellm.exceptions.InternalServerError):
        litellm.completion(
            model="gpt-4o-mini", messages=[{"role": "user", "content": "?"}], mock_response="litellm.InternalServerError"
        )
    fastagentic.flush(timeout=10)
    without = read_setup("the app", LiteLLMGateway(num_retries=1))
    with_one = read_setup("the app", LiteLLMGateway(fallback_models=["gpt-4o"]))
    assert without is not None
    assert with_one is not None

    assert "litellm-without-fallbacks" in examined(without)
    assert "litellm-without-fallbacks" not in examined(with_one)


# --- the config alone --------------------------------------------------------------------------------

FALLBACK = {"mode": "fallback"}
TWO = [KEYED, {"virtual_key": "b"}]

SICK: dict[str, tuple[dict[str, Any], str]] = {
    "target-without-key": ({"strategy": FALLBACK, "targets": [KEYED, {"weight": 1}]}, "config.targets[1] has no key"),
    "config-refused": ({"strategy": {"mode": "round-robin"}, "targets": TWO}, "cannot be used"),
    "loadbalance-never-falls-back": (
        {"strategy": {"mode": "loadbalance", "on_status_codes": [429]}, "targets": TWO},
        "loadbalance with on_status_codes",
    ),
    "fallback-single-target": ({"strategy": FALLBACK, "targets": [KEYED]}, "with one target"),
    "fallback-codes-narrow": (
        {"strategy": {**FALLBACK, "on_status_codes": [429, 500]}, "targets": TWO},
        "leaves out 502, 503, 504",
    ),
    "fallback-timeout-not-listed": (
        {"strategy": {**FALLBACK, "on_status_codes": [429, 500, 502, 503, 504]}, "targets": TWO, "request_timeout": 100},
        "no 408",
    ),
    "weight-zero": (
        {"strategy": {"mode": "loadbalance"}, "targets": [{**KEYED, "weight": 1}, {**KEYED, "weight": 0}]},
        "targets[1] has weight 0",
    ),
    "weights-not-read": (
        {"strategy": FALLBACK, "targets": [{**KEYED, "weight": 1}, {**KEYED, "weight": 2}]},
        "has weights under strategy fallback",
    ),
}


@pytest.mark.parametrize("code", SICK)
def test_what_is_wrong_with_a_config_is_found_in_it_and_nothing_else(code: str) -> None:
    config, what = SICK[code]

    found = examined(given(**config))

    assert set(found) == {code, "nothing-observed"}
    assert what in found[code].what


@pytest.mark.parametrize(
    "config",
    [
        {"strategy": FALLBACK, "targets": TWO, "request_timeout": 100},
        {"strategy": {**FALLBACK, "on_status_codes": [408, 429, 500, 502, 503, 504]}, "targets": TWO, "request_timeout": 100},
        {"strategy": {"mode": "loadbalance"}, "targets": [{**KEYED, "weight": 2}, {**KEYED, "weight": 1}]},
        {"strategy": FALLBACK, "targets": [{"strategy": {"mode": "loadbalance"}, "targets": TWO}, KEYED]},
        {"retry": {"attempts": 2}},
    ],
    ids=str,
)
def test_a_config_that_is_right_gets_no_finding(config: dict[str, Any]) -> None:
    assert set(examined(given(**config))) == {"nothing-observed"}


def test_a_nested_load_balancer_is_found_where_it_stands() -> None:
    inner = {"strategy": {"mode": "loadbalance", "on_status_codes": [500]}, "targets": TWO}

    found = examined(given(strategy=FALLBACK, targets=[inner, KEYED]))

    assert "config.targets[0].strategy" in found["loadbalance-never-falls-back"].what


def test_a_target_without_a_key_is_found_below_another() -> None:
    inner = {"strategy": FALLBACK, "targets": [KEYED, {"provider": "openai"}]}

    found = examined(given(strategy=FALLBACK, targets=[inner, KEYED]))

    assert "config.targets[0].targets[1] has no key" in found["target-without-key"].what


def test_no_key_of_a_config_is_in_what_is_said(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    targets = [{"provider": "openai", "api_key": "sk-weasel"}, {"virtual_key": "vk-badger", "weight": "sk-otter"}]
    file.write_text(json.dumps({"strategy": FALLBACK, "targets": targets}))

    said = str(examined(read_given(str(file))))

    assert "weight" in said
    assert not [secret for secret in ("weasel", "badger") if secret in said]
