"""Why the cache does not answer: behind the stand-in in the hosted gateway's place, since the open-source one has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from fastagentic.doctor import gather as gathering
from fastagentic.doctor.setups import read_setup
from fastagentic.integrations.litellm import LiteLLMGateway

from .conftest import ASKED, examined

if TYPE_CHECKING:
    from .conftest import Program

HOUR_S = 3600.0
SIMPLE = {"mode": "simple"}


def cached(program: Program, **cache: Any) -> dict[str, Any]:
    return program.target(cache={**SIMPLE, **cache})


def test_a_cache_that_answers_is_in_order(hosted: Program) -> None:
    config = cached(hosted, max_age=7200)
    hosted.ask(config)
    hosted.clock.ahead_s = HOUR_S
    hosted.ask(config)

    assert examined(hosted.setup(config)) == {}


def test_a_max_age_shorter_than_the_gap_between_equal_requests(hosted: Program) -> None:
    config = cached(hosted, max_age=60)
    hosted.ask(config)
    hosted.clock.ahead_s = HOUR_S
    hosted.ask(config)

    (finding,) = examined(hosted.setup(config)).values()

    assert finding.code == "cache-expires-too-soon"
    assert "max_age is 60 s" in finding.why
    assert "3,600 s" in finding.why


def test_repeated_requests_without_a_cache_mode(hosted: Program) -> None:
    config = hosted.target()
    hosted.ask(config)
    hosted.ask(config)

    (finding,) = examined(hosted.setup(config)).values()

    assert finding.code == "cache-mode-not-set"
    assert "1 call asked what had been asked before" in finding.what


def test_different_requests_need_no_cache(hosted: Program) -> None:
    config = hosted.target()
    hosted.ask(config, "Which clause is the shortest?")
    hosted.ask(config, "Who signed for the buyer?")

    assert examined(hosted.setup(config)) == {}


def test_calls_that_ask_no_cache_are_mentioned_where_no_config_is_known(hosted: Program) -> None:
    hosted.ask(hosted.target())
    assert set(examined()) == {"cache-not-asked"}

    hosted.ask(cached(hosted))
    assert set(examined()) == set()


def test_the_open_source_gateway_does_not_cache(real: Program) -> None:
    config = cached(real)
    real.ask(config)

    (finding,) = examined(real.setup(config)).values()

    assert finding.code == "gateway-does-not-cache"


def test_equal_prompts_with_another_temperature(hosted: Program) -> None:
    config = cached(hosted)
    hosted.ask(config, temperature=0.1)
    hosted.ask(config, temperature=0.7)

    (finding,) = examined(hosted.setup(config)).values()

    assert finding.code == "cache-parameters-differ"
    assert "another temperature" in finding.what


def test_equal_prompts_of_other_users(hosted: Program) -> None:
    config = cached(hosted)
    for user in ("u-1", "u-2"):
        with fastagentic.run("ask", user=user):
            hosted.ask(config, user=user)

    assert set(examined(hosted.setup(config))) == {"cache-users-differ"}


def test_a_user_who_is_not_in_the_request_does_not_matter(hosted: Program) -> None:
    config = cached(hosted)
    for user in ("u-1", "u-2"):
        with fastagentic.run("ask", user=user):
            hosted.ask(config)

    assert examined(hosted.setup(config)) == {}


def test_a_refresh_that_is_forced(hosted: Program) -> None:
    config = cached(hosted)
    hosted.ask(config, headers={"x-portkey-cache-force-refresh": "true"})

    assert set(examined(hosted.setup(config))) == {"cache-refresh-forced"}
    assert "forces a refresh" in examined_alone(hosted, config)


def examined_alone(program: Program, config: dict[str, Any]) -> str:
    """What is said of a gateway that forces it, before any call."""
    from fastagentic.doctor.evidence import Evidence
    from fastagentic.doctor.rules import diagnose

    setup = program.setup(config, cache_force_refresh=True)
    return str([finding.what for finding in diagnose(Evidence(portkey=(setup,))) if finding.code == "cache-refresh-forced"])


@pytest.mark.parametrize("captures", [False])
def test_without_content_it_says_what_to_switch_on(hosted: Program) -> None:
    config = cached(hosted)
    hosted.ask(config, "Which clause is the shortest?")
    hosted.ask(config, "Who signed for the buyer?")

    (finding,) = examined(hosted.setup(config)).values()

    assert finding.code == "cache-content-unknown"
    assert "FASTAGENTIC_CAPTURE_CONTENT" in finding.fix


@pytest.mark.parametrize("captures", [False])
def test_a_cache_that_answers_needs_no_content(hosted: Program) -> None:
    config = cached(hosted)
    for text in (ASKED, ASKED, "Who signed for the buyer?", "Who did not?"):
        hosted.ask(config, text)

    assert examined(hosted.setup(config)) == {}


def test_prompts_that_differ_in_a_few_words_are_for_a_semantic_cache(hosted: Program) -> None:
    worded = ("When will the refund for my order reach my account?", "When will the refund reach my account for my last order?")
    simple, semantic = cached(hosted), cached(hosted, mode="semantic")
    for text in worded:
        hosted.ask(simple, text)

    found = examined(hosted.setup(simple))
    assert set(found) == {"cache-semantic-would-answer"}
    assert found["cache-semantic-would-answer"].what.startswith("1 pair of prompts")
    assert examined(hosted.setup(semantic)) == {}


def test_requests_of_which_no_two_are_alike(hosted: Program) -> None:
    config = cached(hosted, mode="semantic")
    words = ["apple", "brook", "cedar", "delta", "ember", "flint", "grove", "heath", "inlet", "juniper"]
    for at, word in enumerate(words):
        hosted.ask(config, f"{word} {words[at - 1]} {words[at - 3]} {at}")

    assert set(examined(hosted.setup(config))) == {"cache-requests-differ"}


def test_litellms_cache_without_the_packages_that_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    fastagentic.instrument(destinations=["local"])
    litellm.completion(model="gpt-4o-mini", messages=[{"role": "user", "content": "?"}], mock_response="!")
    setup = read_setup("the app", LiteLLMGateway(fallback_models=["gpt-4o"], cache=True))
    assert setup is not None
    assert "litellm-cache-packages" not in examined(setup)

    version = gathering._version
    monkeypatch.setattr(gathering, "_version", lambda name: None if name in ("orjson", "mcp") else version(name))

    found = examined(setup)
    assert found["litellm-cache-packages"].what == "LiteLLM's cache is on, and orjson is not installed"
    assert "litellm-responses-need-mcp" in found
    assert "litellm-cache-packages" not in examined()
