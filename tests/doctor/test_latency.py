"""Where latency comes from: what was tried before an answer, which target is slow, how far the gateway is."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from fastagentic.doctor.evidence import Evidence, Reach
from fastagentic.doctor.rules import diagnose

from .conftest import examined

if TYPE_CHECKING:
    from .conftest import Program

MESSAGES = [{"role": "user", "content": "?"}]


def test_calls_that_a_fallback_answered_waited_for_it(real: Program) -> None:
    config = real.fallback("fail-500", "ok")
    real.ask(config)

    (finding,) = examined(real.setup(config)).values()

    assert finding.code == "latency-of-fallbacks"
    assert finding.what == "1 of 1 answered calls came by a fallback"


def test_calls_that_needed_retries_waited_for_them(hosted: Program) -> None:
    config = hosted.target("flaky-2-503", retry={"attempts": 3})
    hosted.ask(config, "one")

    (finding,) = examined(hosted.setup(config)).values()

    assert finding.code == "latency-of-retries"


def test_calls_answered_at_once_waited_for_nothing(hosted: Program) -> None:
    config = {**hosted.fallback("ok", "ok"), "retry": {"attempts": 3}}
    hosted.ask(config)

    assert examined(hosted.setup(config)) == {}


def test_attempts_of_litellms_own_are_counted_with_their_time() -> None:
    router = litellm.router.Router(
        model_list=[
            {"model_name": "a", "litellm_params": {"model": "gpt-4o", "mock_response": "litellm.InternalServerError"}},
            {"model_name": "b", "litellm_params": {"model": "gpt-4o-mini", "mock_response": "Yes."}},
        ],
        fallbacks=[{"a": ["b"]}],
        num_retries=0,
    )
    fastagentic.instrument(destinations=["local"])
    router.completion(model="a", messages=MESSAGES)

    finding = examined()["latency-of-attempts"]

    assert "InternalServerError" in finding.what


def test_a_call_of_litellms_that_the_first_attempt_answered_lost_nothing() -> None:
    fastagentic.instrument(destinations=["local"])
    litellm.completion(model="gpt-4o-mini", messages=MESSAGES, mock_response="Yes.", fallbacks=["gpt-4o"])

    assert "latency-of-attempts" not in examined()


@pytest.mark.slow
def test_weights_that_favour_the_slow_target(real: Program) -> None:
    config = balanced(real, ("slow-100ms", 70), ("ok", 30))
    for _ in range(80):
        real.ask(config)

    finding = examined(real.setup(config))["weights-favour-slow-target"]

    assert finding.what.startswith("config.targets[0] gets ")
    assert "Give config.targets[1] the larger weight" in finding.fix


@pytest.mark.slow
def test_weights_that_favour_the_fast_target(real: Program) -> None:
    config = balanced(real, ("slow-100ms", 30), ("ok", 70))
    for _ in range(80):
        real.ask(config)

    assert "weights-favour-slow-target" not in examined(real.setup(config))


def balanced(program: Program, *targets: tuple[str, int]) -> dict[str, Any]:
    listed = [program.target(segment, weight=weight) for segment, weight in targets]
    return {"strategy": {"mode": "loadbalance"}, "targets": listed}


def test_with_network_a_gateway_near_by_is_in_order(real: Program) -> None:
    config = real.target()
    real.ask(config)

    assert "gateway-unreachable" not in examined(real.setup(config), network=True)


def test_with_network_a_gateway_that_is_not_there_is_a_problem(hosted: Program) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        hosted.base_url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"  # bound, and nobody listens

        found = examined(hosted.setup(hosted.target()), network=True)

    assert "cannot be reached" in found["gateway-unreachable"].what


def test_without_network_nobody_connects_anywhere(hosted: Program) -> None:
    hosted.base_url = "http://127.0.0.1:1/v1"

    assert "gateway-unreachable" not in examined(hosted.setup(hosted.target()))


@pytest.mark.parametrize(("seconds", "expected"), [(0.25, ["gateway-far"]), (0.02, [])])
def test_a_gateway_is_far_when_connecting_takes_long(seconds: float, expected: list[str]) -> None:
    evidence = Evidence(reaches=(Reach("the app", "api.portkey.ai:443", seconds),))

    assert [finding.code for finding in diagnose(evidence) if finding.code == "gateway-far"] == expected
