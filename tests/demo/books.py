"""The demo added up again, from the stand-in's log and what the callers saw, without fastagentic's help.

Prices are typed by hand from the providers' lists as of 2026-11-23, in USD per million tokens: input, input
read from the provider's prompt cache, output.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property
from typing import Any

PRICES = {
    "gpt-4o-mini": (Decimal("0.15"), Decimal("0.075"), Decimal("0.60")),
    "gpt-4o": (Decimal("2.50"), Decimal("1.25"), Decimal("10.00")),
    "gpt-4.1-mini": (Decimal("0.40"), Decimal("0.10"), Decimal("1.60")),
    "mistral-small-latest": (Decimal("0.15"), Decimal("0.015"), Decimal("0.60")),
    "deepseek-chat": (Decimal("0.28"), Decimal("0.028"), Decimal("0.42")),
}
HITS = {"HIT", "SEMANTIC HIT"}


@dataclass
class Totals:
    """What a group of calls comes to; money in USD."""

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    hits: int = 0
    unpriced: int = 0
    cost: Decimal = Decimal(0)
    saved: Decimal = Decimal(0)

    def __iadd__(self, other: Totals) -> Totals:
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))
        return self


@dataclass
class Tokens:
    input: int
    output: int
    cached: int = 0


class Books:
    """The independent sum over one played demo."""

    def __init__(self, played: dict[str, Any]) -> None:
        self.ledger: list[dict[str, Any]] = played["ledger"]
        self.log: list[dict[str, Any]] = played["log"]

    @cached_property
    def answers(self) -> dict[str, dict[str, Any]]:
        """What was answered, by the answer's id, as the stand-in first gave it."""
        return {entry["answer_id"]: entry for entry in reversed(self.log) if entry["answer_id"]}

    @cached_property
    def winners(self) -> dict[str, dict[str, Any]]:
        """The answer that each logical call got in the end, by its id; failed attempts are not in it."""
        return {entry["call_id"]: entry for entry in self.log if entry["status"] == 200}

    def by(self, key: str) -> dict[str, Totals]:
        groups: dict[str, Totals] = defaultdict(Totals)
        for entry in self.ledger:
            groups[entry[key]] += self.totals_of(entry)
        return dict(groups)

    @property
    def all(self) -> Totals:
        whole = Totals()
        for entry in self.ledger:
            whole += self.totals_of(entry)
        return whole

    def totals_of(self, entry: dict[str, Any]) -> Totals:
        """One logical call. If it failed with nothing received, it has no tokens, no cost and no lack of a price."""
        totals = Totals(calls=1, errors=entry["error"] is not None)
        if entry["error"] and not entry["text"]:
            return totals
        answer = self.winners.get(entry["id"])
        is_hit = answer is None or answer["cache"] in HITS  # LiteLLM's own cache: nobody was asked
        answer = answer or self.answers[entry["answer_id"]]
        tokens = self.tokens_of(entry, answer)
        totals.input_tokens, totals.output_tokens, totals.hits = tokens.input, tokens.output, is_hit
        price = price_of(answer["model"], tokens)
        if price is None and not is_hit:
            totals.unpriced = 1
        elif is_hit:
            totals.saved = price or Decimal(0)
        else:
            totals.cost = price or Decimal(0)
        return totals

    def tokens_of(self, entry: dict[str, Any], answer: dict[str, Any]) -> Tokens:
        """As stated, if the caller was told; else counted in the texts that were asked and received."""
        if entry["saw_usage"]:
            usage = answer["usage"]
            cached = usage["prompt_tokens_details"]["cached_tokens"]
            return Tokens(usage["prompt_tokens"], usage["completion_tokens"], cached)
        asked = "".join(message["content"] for message in entry["messages"])
        count = COUNTERS[entry["client"]]
        around = 4 * len(entry["messages"]) + 3  # what the chat format adds to the texts
        return Tokens(count(asked) + around, count(entry["text"]))


def price_of(model: str, tokens: Tokens) -> Decimal | None:
    if model not in PRICES:
        return None
    full, cached, output = PRICES[model]
    parts = (tokens.input - tokens.cached) * full + tokens.cached * cached + tokens.output * output
    return parts / 1_000_000


def quarter_of_characters(text: str) -> int:
    return math.ceil(len(text) / 4)


def litellm_tokens(text: str) -> int:
    import litellm

    return len(litellm.encoding.encode(text))


COUNTERS = {"portkey": quarter_of_characters, "litellm": litellm_tokens}
