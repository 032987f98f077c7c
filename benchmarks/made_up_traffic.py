"""Finished spans as an application would leave them, made up from a seed: runs, users, models, caches, errors, streams.

Spread over days with more by day than by night, in order of time, a run's own span after its calls.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastagentic.core import names
from fastagentic.store.rows import StoredSpan

if TYPE_CHECKING:
    from collections.abc import Iterator

DAY_NS = 86_400_000_000_000


@dataclass(frozen=True)
class Model:
    name: str
    answers: str
    provider: str
    gateway: str
    weight: int
    input_usd: float | None
    """USD a million tokens; None: no price is known."""
    output_usd: float = 0.0
    tokens_a_second: float = 80.0


MODELS = (
    Model("gpt-4o-mini", "gpt-4o-mini-2024-07-18", "openai", "portkey", 34, 0.15, 0.60, 110),
    Model("gpt-4o", "gpt-4o-2024-08-06", "openai", "portkey", 14, 2.50, 10.0, 75),
    Model("gpt-4o", "gpt-4o-2024-08-06", "azure.ai.openai", "portkey", 6, 2.50, 10.0, 60),
    Model("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", "anthropic", "litellm", 16, 3.0, 15.0, 70),
    Model("claude-haiku-4-5", "claude-haiku-4-5-20251001", "anthropic", "litellm", 12, 1.0, 5.0, 140),
    Model("gemini-2.5-flash", "gemini-2.5-flash", "gcp.gemini", "litellm", 8, 0.30, 2.50, 160),
    Model("text-embedding-3-small", "text-embedding-3-small", "openai", "portkey", 8, 0.02),
    Model("house-llama", "house-llama-8b", "openai", "litellm", 2, None),
)
ENDPOINTS = ("chat", "search", "summarise", "extract", "nightly-report", "triage")
ERRORS = ("RateLimitError", "APITimeoutError", "APIConnectionError", "BadRequestError")
TAGS = (("batch",), ("eu",), ("eu", "beta"), ("us",), ())


class Traffic:
    """About `calls` calls that end at `end_ns` (nanoseconds since the epoch), over `days` days."""

    def __init__(self, calls: int, *, end_ns: int, days: float = 30.0, users: int = 2_000, seed: int = 7) -> None:
        self.calls, self.end_ns, self.days, self.users = calls, end_ns, days, users
        self.random = random.Random(seed)

    def spans(self) -> Iterator[StoredSpan]:
        """The spans, run by run; exactly `calls` of them are calls."""
        made = 0
        while made < self.calls:
            number = min(self.random.choice((1, 1, 2, 3, 4, 6, 9, 14)), self.calls - made)
            at = self._moment(made / self.calls)
            if self.random.random() < 0.1:
                for _ in range(number):
                    yield self._call(f"{self.random.getrandbits(128):032x}", None, at, {})
            else:
                yield from self._run(number, at)
            made += number

    def _run(self, number: int, at_ns: int) -> Iterator[StoredSpan]:
        rng = self.random
        run_id, root = f"{rng.getrandbits(128):032x}", self._span_id()
        user = int(self.users * rng.random() ** 3)  # a few make most of the calls
        people: dict[str, object] = {
            names.RUN_ID: run_id, names.USER_ID: f"user-{user:05d}", names.TENANT_ID: f"tenant-{user % 23:02d}",
            names.SESSION_ID: f"session-{user:05d}-{at_ns // (DAY_NS // 6)}",
        }  # fmt: skip
        if tags := rng.choice(TAGS):
            people[names.TAGS] = tags
        end_ns = at_ns
        for _ in range(number):
            call = self._call(run_id, root, end_ns + rng.randrange(50_000_000), people)
            yield call
            end_ns = call.ended_ns
        attributes = {names.OPERATION_NAME: "invoke_workflow", names.WORKFLOW_NAME: rng.choice(ENDPOINTS), **people}
        if has_failed := rng.random() < 0.02:
            attributes[names.ERROR_TYPE] = rng.choice(ERRORS)
        name = f"invoke_workflow {attributes[names.WORKFLOW_NAME]}"
        status = "error" if has_failed else "unset"
        yield StoredSpan(run_id, root, None, name, at_ns, end_ns + 2_000_000, status, attributes)  # type: ignore[arg-type]

    def _call(self, run_id: str, parent: str | None, at_ns: int, people: dict[str, object]) -> StoredSpan:
        rng = self.random
        (model,) = rng.choices(MODELS, [model.weight for model in MODELS])
        is_embedding = not model.output_usd and model.input_usd is not None
        attributes: dict[str, object] = {
            names.OPERATION_NAME: "embeddings" if is_embedding else "chat",
            names.PROVIDER_NAME: model.provider, names.REQUEST_MODEL: model.name, names.SERVER_ADDRESS: "127.0.0.1",
            names.SERVER_PORT: 8787, names.GATEWAY: model.gateway, names.RUN_ID: run_id, **people,
        }  # fmt: skip
        if rng.random() < 0.02:
            attributes[names.ERROR_TYPE] = rng.choice(ERRORS)
            return self._span(run_id, parent, at_ns, rng.expovariate(1 / 2.0), attributes)
        seconds = self._answered(model, attributes, 0 if is_embedding else int(rng.lognormvariate(5, 0.9)))
        return self._span(run_id, parent, at_ns, seconds, attributes)

    def _answered(self, model: Model, attributes: dict[str, object], tokens_out: int) -> float:
        rng = self.random
        tokens_in = int(rng.lognormvariate(6.8, 1.1))
        seconds = 0.2 + rng.expovariate(1 / 0.3) + tokens_out / model.tokens_a_second
        attributes |= {
            names.RESPONSE_MODEL: model.answers, names.RESPONSE_ID: f"chatcmpl-{rng.getrandbits(96):024x}",
            names.RESPONSE_FINISH_REASONS: ("stop",), names.INPUT_TOKENS: tokens_in, names.OUTPUT_TOKENS: tokens_out,
            names.COST_SOURCE: "unknown", names.CACHE_HIT: False,
        }  # fmt: skip
        if rng.random() < 0.3:
            attributes[names.CACHE_READ_TOKENS] = tokens_in // 2
        if model.input_usd is not None:
            cost = (tokens_in * model.input_usd + tokens_out * model.output_usd) / 1e6
            attributes |= {names.USAGE_COST: cost, names.COST_SOURCE: "price_table"}
            if rng.random() < 0.4:
                seconds = self._cached(attributes, cost, seconds)
        if rng.random() < 0.04:
            attributes[names.RETRIES] = rng.choice((1, 1, 2))
        if rng.random() < 0.01:
            attributes |= {names.FALLBACK_USED: True, names.TARGET_INDEX: 1, names.TARGET_PATH: "config.targets[1]"}
        if tokens_out and rng.random() < 0.45:
            attributes |= {names.REQUEST_STREAM: True, names.STREAM_END: "exhausted"}
            attributes[names.RESPONSE_TIME_TO_FIRST_CHUNK] = min(seconds, 0.1 + rng.expovariate(1 / 0.35))
        return seconds

    def _cached(self, attributes: dict[str, object], cost: float, seconds: float) -> float:
        if self.random.random() < 0.3:
            attributes |= {names.CACHE_STATUS: "hit", names.CACHE_HIT: True, names.USAGE_COST: 0.0, names.COST_SAVED: cost}
            return 0.02
        attributes[names.CACHE_STATUS] = "miss"
        return seconds

    def _span(self, run_id: str, parent: str | None, at_ns: int, seconds: float, attributes: dict[str, object]) -> StoredSpan:
        name = f"{attributes[names.OPERATION_NAME]} {attributes[names.REQUEST_MODEL]}"
        status = "error" if names.ERROR_TYPE in attributes else "unset"
        end_ns = at_ns + int(seconds * 1e9)
        return StoredSpan(run_id, self._span_id(), parent, name, at_ns, end_ns, status, attributes)  # type: ignore[arg-type]

    def _span_id(self) -> str:
        return f"{self.random.getrandbits(64):016x}"

    def _moment(self, part: float) -> int:
        """When the part of all traffic is over, a day's being thickest at noon."""
        days = part * self.days
        hour = days % 1
        days += math.sin(2 * math.pi * hour) * 0.12 * -1
        return self.end_ns - int((self.days - days) * DAY_NS) - 600_000_000_000
