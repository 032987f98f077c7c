"""The LiteLLM proxy's response headers as `GatewayFacts`, as the proxy 1.106 sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.core.call import GatewayFacts
from fastagentic.core.names import CacheStatus
from fastagentic.gateways import _values, litellm

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWERED = {
    "x-litellm-call-id": "5c5bf8ad-90e4-4824-8f1a-38d7c9586c1b",
    "x-litellm-model-id": "deployment-1",
    "x-litellm-model-name": "openai/gpt-4o-mini",
    "x-litellm-model-group": "gpt-4o-mini",
    "x-litellm-response-cost": "8.475e-05",
    "x-litellm-attempted-retries": "0",
    "x-litellm-attempted-fallbacks": "0",
}
HEADERS = [
    "x-litellm-call-id", "x-litellm-cache-key", "x-litellm-model-id", "x-litellm-model-name", "x-litellm-model-group",
    "x-litellm-response-cost", "x-litellm-attempted-retries", "x-litellm-attempted-fallbacks",
]  # fmt: skip


def read(headers: Mapping[str, str], *, is_stream: bool = False) -> GatewayFacts:
    return litellm.read_headers(headers, is_stream=is_stream)


def test_an_answer_says_its_cost_its_deployment_and_what_was_tried() -> None:
    assert read(ANSWERED) == GatewayFacts(
        provider="openai", target_name="deployment-1", retries=0, fallback_used=False, cost_usd=8.475e-05,
        call_id="5c5bf8ad-90e4-4824-8f1a-38d7c9586c1b",
    )  # fmt: skip


def test_a_cache_key_is_a_hit_and_its_absence_says_nothing() -> None:
    assert read({**ANSWERED, "x-litellm-cache-key": "6feee38f"}).cache_status is CacheStatus.HIT
    assert read(ANSWERED).cache_status is None


def test_a_stream_has_no_cost_yet() -> None:
    assert read({**ANSWERED, "x-litellm-response-cost": "0.0"}, is_stream=True).cost_usd is None


def test_retries_and_fallbacks_are_counted() -> None:
    facts = read({"x-litellm-attempted-retries": "2", "x-litellm-attempted-fallbacks": "1"})
    assert (facts.retries, facts.fallback_used) == (2, True)


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("openai/gpt-4o-mini", "openai", "gpt-4o-mini"),
        ("openrouter/openai/gpt-4o", "openrouter", "openai/gpt-4o"),
        ("gpt-4o-mini", None, "gpt-4o-mini"),
        ("/", None, None),
        ("", None, None),
    ],
)
def test_the_deployment_names_provider_and_model(name: str, provider: str | None, model: str | None) -> None:
    headers = {"x-litellm-model-name": name, "x-litellm-model-group": "group"}
    assert read(headers).provider == provider
    assert litellm.read_models(headers) == (model, "group")


@pytest.mark.parametrize("text", ["two words", "id\nx-other: 1", "<script>", "x" * 129, "caf\u00e9"])
def test_a_call_id_that_is_no_id_is_ignored_with_one_warning(text: str, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        assert read({**ANSWERED, "x-litellm-call-id": text}).call_id is None
    (record,) = caplog.records
    assert record.getMessage().startswith("ignored the header x-litellm-call-id:")
    assert text not in record.getMessage()


def test_no_headers_say_nothing() -> None:
    assert read({}) == GatewayFacts()


@pytest.mark.parametrize("text", ["", "None"])
def test_what_the_proxy_does_not_know_is_no_rubbish(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert read(dict.fromkeys(["x-litellm-call-id", *HEADERS[5:]], text)) == GatewayFacts()
    assert not caplog.records


@pytest.mark.parametrize("text", ["nan", "inf", "-1", "-0.5", "1,5", "$1", "9" * 400])
def test_an_amount_that_is_none_is_ignored(text: str, caplog: pytest.LogCaptureFixture) -> None:
    headers = {"x-litellm-response-cost": text}
    assert read(headers).cost_usd is None
    assert all(text not in record.getMessage() for record in caplog.records)


def test_rubbish_is_one_warning_a_header_whatever_it_says(caplog: pytest.LogCaptureFixture) -> None:
    for text in ("many", "more", "most"):
        assert read({"x-litellm-attempted-retries": text}).retries is None
    (record,) = caplog.records
    assert record.getMessage().startswith("ignored the header x-litellm-attempted-retries: its value has 4 characters")
    assert _values.warned == {"x-litellm-attempted-retries"}


@given(st.dictionaries(st.sampled_from(HEADERS), st.text()), st.booleans())
def test_any_text_in_a_header_is_survived_and_leaves_usable_values(headers: dict[str, str], is_stream: bool) -> None:
    facts = read(headers, is_stream=is_stream)
    assert facts.retries is None or 0 <= facts.retries <= _values.MOST
    assert facts.cost_usd is None or 0 <= facts.cost_usd < float("inf")
