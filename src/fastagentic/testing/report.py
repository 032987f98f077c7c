"""What a session's tests came to: a line for people, a document for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastagentic.core.words import money, plural

from .calls import Call, LLMCalls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Tests = Mapping[str, Sequence[Mapping[str, Any]]]


def report_of(tests: Tests) -> dict[str, Any]:
    """The JSON document of `--llm-report`: sums of all, by model, and of each test that made calls, the dearest first."""
    by_test = {name: _calls(rows) for name, rows in tests.items() if rows}
    together = _together(tests)
    dearest = sorted(by_test.items(), key=lambda one: (-one[1].cost_usd, one[0]))
    return {
        "tests_observed": len(tests),
        **_sums(together),
        "by_model": {model: _sums(calls) for model, calls in together.by_model.items()},
        "by_run": {run: _sums(calls) for run, calls in together.by_run.items()},
        "tests": [{"test": name, **_sums(calls), "made": [call.row() for call in calls]} for name, calls in dearest],
    }


def summary_of(tests: Tests) -> str:
    """The line at the end of the session.

    Example:
        >>> summary_of({"test_ask": []})
        'LLM calls: none in 1 test'
    """
    calls = _together(tests)
    where = plural(len(tests), "test")
    if not len(calls):
        return f"LLM calls: none in {where}"
    facts = [
        f"{len(calls):,} in {where}",
        money(calls.cost),
        plural(calls.tokens, "token"),
        plural(calls.cache_hits, "cache hit"),
    ]
    facts += [f"{calls.unpriced:,} of unknown cost"] if calls.unpriced else []
    facts += [f"{calls.errors:,} failed"] if calls.errors else []
    return f"LLM calls: {', '.join(facts)}"


def _together(tests: Tests) -> LLMCalls:
    return _calls([row for rows in tests.values() for row in rows])


def _calls(rows: Sequence[Mapping[str, Any]]) -> LLMCalls:
    return LLMCalls([Call.of_row(row) for row in rows])


def _sums(calls: LLMCalls) -> dict[str, Any]:
    return {
        "calls": len(calls),
        "cost_usd": calls.cost,
        "saved_usd": calls.saved,
        "input_tokens": calls.input_tokens,
        "output_tokens": calls.output_tokens,
        "cache_hits": calls.cache_hits,
        "unpriced_calls": calls.unpriced,
        "errors": calls.errors,
    }
