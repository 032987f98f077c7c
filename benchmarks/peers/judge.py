"""What a peer's spans say of a case, held against what the provider was asked and what its prices are.

Read generously: every spelling of tokens and cost that a peer uses counts, and a peer that states no cost is said to state
none, not to be wrong. The truth is the stand-in provider's own log, priced by rates typed by hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.demo.exchanges import Exchange

    Span = dict[str, Any]

INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt")
OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion")
COST = (
    "gen_ai.usage.cost",
    "llm.cost.total",
    "gen_ai.usage.total_cost",
    "operation.cost",
    "gen_ai.cost.total_cost",
    "llm.usage.total_cost",
)
ASKED = ("gen_ai.operation.name", "gen_ai.request.model", "llm.model_name", "openinference.span.kind", *INPUT)
NO_CALL = ("execute_tool", "invoke_agent", "invoke_workflow")

RATES = {"gpt-4o-mini": (0.15e-6, 0.075e-6, 0.60e-6), "gpt-4.1-mini": (0.40e-6, 0.10e-6, 1.60e-6)}
"""USD a token: input, input from the provider's cache, output; the provider's list of 2026-11-23."""

WELL = "yes"


@dataclass(frozen=True)
class Truth:
    """What really happened in a case."""

    calls: int
    input_tokens: int
    output_tokens: int
    cost: float | None
    """None: nobody knows the model's price."""
    is_partial: bool = False
    """A stream of which only a part was read: output is what came, and may be estimated."""


@dataclass(frozen=True)
class Case:
    """A row of the table: what it is called and how many logical calls it makes."""

    name: str
    title: str
    calls: int = 1
    is_partial: bool = False
    is_failure: bool = False


CASES = (
    Case("plain", "`litellm.completion`"),
    Case("asynchronous", "`litellm.acompletion`"),
    Case("imported_before", "`from litellm import completion` before it is observed"),
    Case("positional", "the model given by position"),
    Case("stream", "a stream, usage in its last chunk"),
    Case("stream_without_usage", "a stream that states no usage", is_partial=True),
    Case("stream_left", "a stream dropped after two chunks", is_partial=True),
    Case("stream_never_read", "a stream that nobody reads", is_partial=True),
    Case("stream_cancelled", "an async stream that is cancelled", is_partial=True),
    Case("cache_hit", "two equal calls, the second from LiteLLM's cache", calls=2),
    Case("fallback", "`completion(fallbacks=[...])`, the first model down"),
    Case("router", "a Router whose first deployment is down"),
    Case("error", "a call that fails", is_failure=True),
    Case("unpriced", "a model without a known price"),
    Case("in_a_thread", "a call in a thread: is it in the caller's trace?"),
    Case("portkey", "Portkey SDK, plain"),
    Case("portkey_stream", "Portkey SDK, a stream"),
    Case("portkey_cache_hit", "Portkey SDK, two equal calls, the second from the gateway's cache", calls=2),
)


def truth_of(case: Case, exchanges: list[Exchange]) -> Truth:
    """From the provider's log: what it answered in this case. A cache's answer is no exchange, or costs nothing."""
    answered = [one for one in exchanges if one.call_id == case.name and one.status == 200]
    tokens_in = sum(one.answer_usage["prompt_tokens"] for one in answered if one.answer_usage)
    tokens_out = sum(one.answer_usage["completion_tokens"] for one in answered if one.answer_usage)
    costs = [_cost(one) for one in answered if one.cache not in {"HIT", "SEMANTIC HIT"}]
    cost = None if any(one is None for one in costs) else sum(one for one in costs if one is not None)
    return Truth(case.calls, tokens_in, tokens_out, cost, case.is_partial)


def _cost(exchange: Exchange) -> float | None:
    rates, usage = RATES.get(str(exchange.body.get("model"))), exchange.answer_usage or {}
    if rates is None:
        return None
    cached = usage["prompt_tokens_details"]["cached_tokens"]
    return (usage["prompt_tokens"] - cached) * rates[0] + cached * rates[1] + usage["completion_tokens"] * rates[2]


def first(span: Span, keys: tuple[str, ...]) -> float | None:
    """The first of the spellings that the span has."""
    for key in keys:
        value = span["attributes"].get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def llm_spans(spans: list[Span]) -> list[Span]:
    """The spans that a backend would count as calls: those that name a model, an operation of one, or tokens."""
    return [
        span
        for span in spans
        if any(key in span["attributes"] for key in ASKED) and span["attributes"].get("gen_ai.operation.name") not in NO_CALL
    ]


def verdict(case: Case, truth: Truth, played: dict[str, Any]) -> str:
    """`yes`, or what is not right, the worst first."""
    calls = llm_spans(played["spans"])
    if not calls:
        return "not seen"
    for judge in _JUDGES:
        if said := judge(case, truth, calls, played):
            return said
    return WELL


def _counted(case: Case, truth: Truth, calls: list[Span], _: dict[str, Any]) -> str | None:
    return None if len(calls) == truth.calls else f"{len(calls)} calls for {truth.calls}"


def _failed(case: Case, truth: Truth, calls: list[Span], _: dict[str, Any]) -> str | None:
    if not case.is_failure:
        return "a success, marked as error" if any(span["status"] == "ERROR" for span in calls) else None
    if any(span["status"] != "ERROR" for span in calls):
        return "not marked as error"
    return "no error type" if not any(span["attributes"].get("error.type") for span in calls) else None


def _joined(case: Case, truth: Truth, calls: list[Span], played: dict[str, Any]) -> str | None:
    return None if all(span["trace"] == played["trace"] for span in calls) else "in a trace of its own"


def _tokens(case: Case, truth: Truth, calls: list[Span], _: dict[str, Any]) -> str | None:
    if case.is_failure:
        return None
    tokens_in = [first(span, INPUT) for span in calls]
    tokens_out = [first(span, OUTPUT) for span in calls]
    if not any(tokens_in) and not any(tokens_out):
        return "no tokens"
    if truth.is_partial:
        return None
    got_in, got_out = sum(one or 0 for one in tokens_in), sum(one or 0 for one in tokens_out)
    per_call = (
        case.calls if case.calls > 1 and "cache" in case.name and "portkey" not in case.name else 1
    )  # the cache's answer is no exchange
    if (got_in, got_out) == (truth.input_tokens * per_call, truth.output_tokens * per_call):
        return None
    return f"tokens {got_in:.0f} + {got_out:.0f} for {truth.input_tokens * per_call} + {truth.output_tokens * per_call}"


def _money(case: Case, truth: Truth, calls: list[Span], _: dict[str, Any]) -> str | None:
    stated = [first(span, COST) for span in calls]
    if case.is_failure:
        return "a failure that costs" if any(stated) else None
    if truth.cost is None:
        return "0 for unknown" if 0.0 in stated else "a price made up" if any(one is not None for one in stated) else None
    known = [one for one in stated if one is not None]
    if not known:
        return "no cost"
    total = sum(known)
    if truth.is_partial:
        return None if 0 < total <= truth.cost * 1.5 else f"{total / truth.cost:.1f} times the cost"
    return None if abs(total - truth.cost) < 1e-9 else f"{total / truth.cost:.1f} times the cost" if total else "0 for a cost"


_JUDGES: tuple[Callable[[Case, Truth, list[Span], dict[str, Any]], str | None], ...] = (
    _counted,
    _failed,
    _joined,
    _tokens,
    _money,
)
