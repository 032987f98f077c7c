"""Who answers: by what the request says, by what the response says, by what an earlier response said."""

from __future__ import annotations

import pytest

from fastagentic.gateways import recognise

URL = "http://127.0.0.1:4000/v1"


@pytest.mark.parametrize(
    ("url", "headers", "gateway"),
    [
        (URL, ["X-Portkey-Config"], "portkey"),
        ("https://api.portkey.ai/v1", [], "portkey"),
        ("https://API.PORTKEY.AI/v1", [], "portkey"),
        ("https://eu.portkey.ai:8443/v1", [], "portkey"),
        ("https://portkey.ai.example.com/v1", [], None),
        ("https://myportkey.ai/v1", [], None),
        ("https://example.com/api.portkey.ai", [], None),
        ("https://api.openai.com/v1", ["X-Stainless-Lang"], None),
        (URL, [], None),
    ],
)
def test_the_request_says_so_or_does_not(url: str, headers: list[str], gateway: str | None) -> None:
    assert recognise.by_request(url, headers) == gateway


@pytest.mark.parametrize(
    ("headers", "gateway"),
    [
        (["x-litellm-call-id"], "litellm"),
        (["x-portkey-trace-id"], "portkey"),
        (["x-litellm-call-id", "x-portkey-trace-id"], "portkey"),  # it is in front, and hands on what is behind it
        (["llm_provider-x-portkey-trace-id", "x-litellm-call-id"], "litellm"),
        (["x-request-id", "xx-litellm-call-id"], None),
        ([], None),
    ],
)
def test_the_response_says_so_or_does_not(headers: list[str], gateway: str | None) -> None:
    assert recognise.by_response(URL, headers) == gateway
    assert recognise.by_request(URL, []) == gateway


def test_what_was_answered_at_one_base_url_says_nothing_of_another() -> None:
    recognise.by_response(URL, ["x-litellm-call-id"])
    assert recognise.by_request("http://127.0.0.1:4000/v2", []) is None


def test_a_header_of_the_request_beats_what_was_remembered() -> None:
    recognise.by_response(URL, ["x-litellm-call-id"])
    assert recognise.by_request(URL, ["x-portkey-config"]) == "portkey"


def test_no_number_of_base_urls_fills_the_memory() -> None:
    for number in range(recognise.KEEP + 10):
        recognise.by_response(f"http://127.0.0.1:{number}/v1", ["x-litellm-call-id"])
    assert len(recognise._answering) <= recognise.KEEP
    assert recognise.by_request(f"http://127.0.0.1:{number}/v1", []) == "litellm"
