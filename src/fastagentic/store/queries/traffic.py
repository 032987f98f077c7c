"""The recorded traffic as tokens by model, to be priced again: with other prices, another model or more cache hits.

Pricing is the caller's, through `fastagentic.pricing`. Asked by the dashboard's what-if.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .dimensions import ANSWERED, IS_HIT, SPELLED, GroupBy
from .grouped import grouped, text_key

if TYPE_CHECKING:
    from .grouped import Group
    from .scope import Scope
    from .sql import Reader
    from .sums import Sums

_BY: Final = (GroupBy.MODEL, ANSWERED, GroupBy.PROVIDER, SPELLED, GroupBy.GATEWAY, IS_HIT)


@dataclass(slots=True, frozen=True)
class Traffic:
    """Calls that are priced alike. Their tokens, what they cost and what cache hits saved are in `sums`."""

    model: str | None
    """As asked for."""
    answered: str | None
    """The model that answered, by which calls are priced."""
    provider: str | None
    spelled: str | None
    """The gateway's own spelling of the provider."""
    gateway: str | None
    is_hit: bool
    """Whether a gateway's response cache answered: such calls cost nothing, and `sums.saved_usd` is what they would have."""
    sums: Sums


def traffic(connection: Reader, scope: Scope) -> list[Traffic]:
    """The calls in `scope` in groups that one price applies to, dearest first."""
    rows = [_traffic(group) for group in grouped(connection, scope, _BY)]
    return sorted(rows, key=lambda row: (-(row.sums.cost_usd or 0.0), -row.sums.calls, *_spelled(row)))


def _traffic(group: Group) -> Traffic:
    *keys, is_hit = group.keys
    model, answered, provider, spelled, gateway = map(text_key, keys)
    return Traffic(model, answered, provider, spelled, gateway, bool(is_hit), group.sums)


def _spelled(row: Traffic) -> tuple[str, ...]:
    return tuple(name or "" for name in (row.model, row.answered, row.provider, row.spelled, row.gateway, str(row.is_hit)))
