"""The models side by side: price as paid, speed, failures, cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fastagentic.store.queries.model_table import model_table

from .sums import FIGURES, Answer, Figures, Took, figures, took

if TYPE_CHECKING:
    from fastagentic.dashboard.query import ScopeQuery
    from fastagentic.store.queries.sql import Reader

MODEL_NAMES = ("model", "provider", *FIGURES, "cost_per_1k_tokens", *Took.model_fields)


class Model(Figures, Took):
    """The calls of one model at one provider."""

    model: str | None
    provider: str | None
    cost_per_1k_tokens: float | None = Field(description="USD as paid: cache hits have tokens and cost nothing")


class Models(Answer):
    """The models, dearest first."""

    rows: list[Model]


def models(connection: Reader, query: ScopeQuery, now_ns: int) -> Models:
    """The models of the calls of the query."""
    rows = [
        Model(
            model=row.model,
            provider=row.provider,
            cost_per_1k_tokens=row.cost_per_1k_tokens_usd,
            **figures(row.sums),
            **took(row.latency),
        )
        for row in model_table(connection, query.scope(now_ns))
    ]
    return Models(rows=rows)
