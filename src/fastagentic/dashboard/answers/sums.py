"""The figures that every answer is made of: sums of calls, and how long they took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from fastagentic.store.queries.latency import Latency, Quantiles
    from fastagentic.store.queries.sums import Sums


class Answer(BaseModel):
    """Something that the API hands out."""

    model_config = ConfigDict(frozen=True)


class Figures(Answer):
    """Sums of a group of calls. Money is USD; null is unknown, not free."""

    calls: int
    errors: int
    input_tokens: int = Field(description="With those from and into the provider's prompt cache")
    output_tokens: int
    cost: float | None = Field(description="Of the calls whose cost is known; null where none is and some have a cost")
    saved: float = Field(description="What the calls would have cost that a gateway's cache answered")
    unpriced: int = Field(description="Calls of unknown cost, which `cost` leaves out")
    cache_hits: int
    cache_lookups: int = Field(description="Calls that asked a gateway's cache")
    rescued_by_retry: int
    rescued_by_fallback: int
    cost_per_call: float | None = Field(description="USD a call of known cost")

    @property
    def tokens(self) -> int:
        """Input and output."""
        return self.input_tokens + self.output_tokens


FIGURES = tuple(Figures.model_fields)


def figures(sums: Sums) -> dict[str, Any]:
    """The fields of `Figures`."""
    return {
        "calls": sums.calls,
        "errors": sums.errors,
        "input_tokens": sums.input_tokens,
        "output_tokens": sums.output_tokens,
        "cost": sums.cost_usd,
        "saved": sums.saved_usd,
        "unpriced": sums.unpriced,
        "cache_hits": sums.hits,
        "cache_lookups": sums.lookups,
        "rescued_by_retry": sums.rescued_by_retry,
        "rescued_by_fallback": sums.rescued_by_fallback,
        "cost_per_call": sums.cost_per_call_usd,
    }


class Took(Answer):
    """How long calls took, in seconds, within 2.5 %; null where no call says."""

    p50_s: float | None
    p95_s: float | None
    first_chunk_p50_s: float | None = Field(description="To the first chunk, of the calls that were streamed")
    first_chunk_p95_s: float | None


def took(latency: Latency) -> dict[str, Any]:
    """The fields of `Took`."""
    return {**_quantiles("", latency.duration), **_quantiles("first_chunk_", latency.first_chunk)}


def _quantiles(prefix: str, found: Quantiles | None) -> dict[str, float | None]:
    p50_s, p95_s = (None, None) if found is None else (found.p50_s, found.p95_s)
    return {f"{prefix}p50_s": p50_s, f"{prefix}p95_s": p95_s}
