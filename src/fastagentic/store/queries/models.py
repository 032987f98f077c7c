"""Which models the calls in the store were made with, and how their costs are known. Asked by `fastagentic prices`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .sql import dialect_of

if TYPE_CHECKING:
    from .sql import Reader


@dataclass(slots=True, frozen=True)
class SeenModel:
    """A model that was asked for and the one that answered, at one provider through one gateway, as the calls say it.

    Of the `calls`, `stated` have a cost that the gateway stated (what its cache answered is not among them), and
    `unpriced` have none.
    """

    provider: str | None
    spelled: str | None
    """The gateway's own spelling of the provider."""
    model: str | None
    answered: str | None
    gateway: str | None
    calls: int
    stated: int
    unpriced: int


_SEEN: Final = """
    SELECT provider, target_provider, model, response_model, gateway, COUNT(*),
        COALESCE(SUM(cost_source = 'gateway' AND COALESCE(cache_hit, 0) <> 1), 0),
        COALESCE(SUM(cost_source = 'unknown'), 0)
    FROM calls WHERE COALESCE(response_model, model) IS NOT NULL AND {since}
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 6 DESC, 3 NULLS FIRST, 4 NULLS FIRST, 1 NULLS FIRST, 2 NULLS FIRST, 5 NULLS FIRST
"""


def seen_models(connection: Reader, since_ns: int | None = None) -> list[SeenModel]:
    """The models of calls that started from `since_ns` on (nanoseconds since the epoch), most called first."""
    query = _SEEN.format(since=dialect_of(connection).since("calls"))
    return [SeenModel(*row) for row in connection.execute(query, (since_ns or 0,))]
