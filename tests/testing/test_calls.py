"""What a test's calls add up to, and how an assertion on them fails."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from fastagentic.testing import Call, LLMCalls

ONE = Call(
    model="gpt-4o-mini",
    provider="openai",
    client="litellm",
    run="report",
    run_id="a" * 32,
    cost_usd=Decimal("0.0201"),
    saved_usd=None,
    input_tokens=1_000,
    output_tokens=234,
    cache_hit=False,
    is_unpriced=False,
    error_type=None,
    duration_s=0.5,
)
HIT = replace(ONE, cost_usd=Decimal(0), saved_usd=Decimal("0.0201"), cache_hit=True)
UNPRICED = replace(ONE, model="llama-of-tomorrow", run=None, cost_usd=None, is_unpriced=True)
FAILED = replace(ONE, cost_usd=None, input_tokens=None, output_tokens=None, error_type="RateLimitError")


def calls(*made: Call) -> LLMCalls:
    return LLMCalls(list(made))


def test_calls_add_up() -> None:
    found = calls(ONE, HIT, UNPRICED, FAILED)

    assert (len(found), found.cost, found.saved, found.tokens) == (4, 0.0201, 0.0201, 3_702)
    assert (found.input_tokens, found.output_tokens) == (3_000, 702)
    assert (found.cache_hits, found.unpriced, found.errors) == (1, 1, 1)


def test_calls_are_told_apart_by_model_and_by_run() -> None:
    found = calls(ONE, UNPRICED, HIT)

    assert {model: len(of) for model, of in found.by_model.items()} == {"gpt-4o-mini": 2, "llama-of-tomorrow": 1}
    assert {run: of.cost for run, of in found.by_run.items()} == {"report": 0.0201, "(no run)": 0.0}


def test_a_call_is_the_same_after_it_was_json() -> None:
    import json

    assert [Call.of_row(json.loads(json.dumps(one.row()))) for one in (ONE, HIT, UNPRICED, FAILED)] == [
        ONE, HIT, UNPRICED, FAILED,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "holds",
    [
        lambda: calls(ONE, HIT).assert_cost(max_usd=0.0201, min_usd=0.0201),
        lambda: calls(ONE, UNPRICED).assert_cost(max_usd=0.03, allow_unpriced=True),
        lambda: calls(ONE, FAILED).assert_cost(max_usd=0.03),
        lambda: calls(ONE, FAILED, HIT).assert_no_unpriced(),
        lambda: calls(HIT, HIT, ONE).assert_cached(at_least=2),
        lambda: calls(ONE, ONE).assert_calls(at_most=2, at_least=2),
        lambda: calls().assert_calls(at_most=0),
    ],
)
def test_an_assertion_that_holds_says_nothing(holds: Any) -> None:
    holds()


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (lambda: calls(ONE).assert_cost(max_usd=0.02), "the LLM calls cost $0.0201, more than $0.02"),
        (lambda: calls(ONE).assert_cost(max_usd=1, min_usd=0.5), "the LLM calls cost $0.0201, less than $0.5"),
        (
            lambda: calls(ONE, UNPRICED).assert_cost(max_usd=1),
            "what the LLM calls cost is not known: 1 LLM call of unknown cost, of llama-of-tomorrow",
        ),
        (lambda: calls(UNPRICED, UNPRICED).assert_no_unpriced(), "2 LLM calls of unknown cost, of llama-of-tomorrow"),
        (lambda: calls(HIT, ONE).assert_cached(at_least=3), "the cache answered 1 of 2 LLM calls, not at least 3"),
        (lambda: calls(ONE, ONE).assert_calls(at_most=1), "2 LLM calls, more than 1"),
        (lambda: calls().assert_calls(at_least=1), "0 LLM calls, fewer than 1"),
    ],
)
def test_an_assertion_that_fails_names_figure_and_limit(fails: Any, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        fails()

    assert str(caught.value).splitlines()[0] == message


def test_a_failure_lists_the_calls() -> None:
    with pytest.raises(AssertionError) as caught:
        calls(ONE, HIT, UNPRICED, FAILED).assert_cached(at_least=9)

    assert str(caught.value).splitlines()[1:] == [
        "  gpt-4o-mini        run report  1,234 tokens  $0.0201",
        "  gpt-4o-mini        run report  1,234 tokens  $0       cache hit",
        "  llama-of-tomorrow  (no run)    1,234 tokens  unknown",
        "  gpt-4o-mini        run report  0 tokens      failed   RateLimitError",
    ]


def test_a_failure_lists_no_more_calls_than_can_be_read() -> None:
    with pytest.raises(AssertionError) as caught:
        calls(*[ONE] * 50).assert_calls(at_most=1)

    assert str(caught.value).splitlines()[-1] == "  ... and 30 more"
