"""Which calls have no price, by model and the way they went. Asked by `fastagentic prices check` and the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .sql import dialect_of
from .status import UNKNOWN_MODEL

if TYPE_CHECKING:
    from .sql import Reader


@dataclass(slots=True, frozen=True)
class UnpricedCalls:
    """Calls of unknown cost of one model at one provider through one gateway. Times are nanoseconds since the epoch."""

    asked_for: str | None
    answered: str | None
    provider: str | None
    spelled: str | None
    """The gateway's own spelling of the provider."""
    gateway: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    first_ns: int
    last_ns: int

    @property
    def model(self) -> str:
        """The model that answered, else the one asked for."""
        return self.answered or self.asked_for or UNKNOWN_MODEL


_UNPRICED: Final = """
    SELECT model, response_model, provider, target_provider, gateway, COUNT(*),
        COALESCE(SUM(input_tokens), 0), COALESCE(SUM(output_tokens), 0), MIN(started_ns), MAX(started_ns)
    FROM calls WHERE cost_source = 'unknown' AND {since}
    GROUP BY 1, 2, 3, 4, 5
    ORDER BY 6 DESC, 1 NULLS FIRST, 2 NULLS FIRST, 3 NULLS FIRST, 4 NULLS FIRST, 5 NULLS FIRST
"""


def unpriced_calls(connection: Reader, since_ns: int | None = None) -> list[UnpricedCalls]:
    """The calls of unknown cost that started from `since_ns` on; most calls first."""
    query = _UNPRICED.format(since=dialect_of(connection).since("calls"))
    return [UnpricedCalls(*row) for row in connection.execute(query, (since_ns or 0,))]
