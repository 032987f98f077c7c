"""The models side by side: price as paid, speed, failures, cache. Asked by the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .dimensions import GroupBy
from .grouped import grouped, text_key
from .latency import NO_LATENCY, latencies
from .sums import ratio, usd

if TYPE_CHECKING:
    from .latency import Latency
    from .scope import Scope
    from .sql import Reader
    from .sums import Sums

_BY: Final = (GroupBy.MODEL, GroupBy.PROVIDER)


@dataclass(slots=True, frozen=True)
class ModelRow:
    """The calls of one model at one provider. None: the calls do not say."""

    model: str | None
    provider: str | None
    sums: Sums
    latency: Latency

    @property
    def cost_per_1k_tokens_usd(self) -> float | None:
        """USD for a thousand tokens, input and output together, as paid: cache hits have tokens and cost nothing."""
        cost_usd = self.sums.cost_usd
        return None if cost_usd is None else usd(ratio(cost_usd * 1_000, self.sums.tokens))


def model_table(connection: Reader, scope: Scope) -> list[ModelRow]:
    """The models of the calls in `scope`, dearest first."""
    took = latencies(connection, scope, _BY)
    rows = [
        ModelRow(text_key(group.keys[0]), text_key(group.keys[1]), group.sums, took.get(group.keys, NO_LATENCY))
        for group in grouped(connection, scope, _BY)
    ]
    return sorted(rows, key=lambda row: (-(row.sums.cost_usd or 0.0), -row.sums.calls, row.model or "", row.provider or ""))
