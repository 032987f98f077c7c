"""Two scopes side by side: what changed in spend, why, in which groups, and which calls explain it. For the dashboard."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import permutations
from typing import TYPE_CHECKING, Final

from .calls import CallOrder, calls
from .dimensions import IS_HIT, GroupBy
from .grouped import grouped, text_key, total
from .latency import latency
from .scope import NONE
from .sums import NOTHING, usd

if TYPE_CHECKING:
    from collections.abc import Collection

    from .calls import CallRow
    from .latency import Latency
    from .scope import Scope
    from .sql import Reader
    from .sums import Sums

    Key = tuple[str | int | None, ...]


@dataclass(slots=True, frozen=True, kw_only=True)
class Effects:
    """How much of the change in spend, in USD, comes from what; they add up to the change.

    `volume`: more or fewer calls, at the mix of models there was. `mix`: other models than before. `cache`: a larger or
    smaller part of the calls answered by a cache. `tokens`: longer or shorter calls. `price`: a token costs more or less.
    """

    volume: float = 0.0
    mix: float = 0.0
    cache: float = 0.0
    tokens: float = 0.0
    price: float = 0.0

    @property
    def total(self) -> float:
        """The whole change."""
        return self.volume + self.mix + self.cache + self.tokens + self.price


@dataclass(slots=True, frozen=True)
class Change:
    """One group of calls before and after."""

    key: str | None
    before: Sums
    after: Sums

    @property
    def cost_usd(self) -> float:
        """By how much the known cost grew."""
        return (self.after.cost_usd or 0.0) - (self.before.cost_usd or 0.0)


@dataclass(slots=True, frozen=True)
class Comparison:
    """Two scopes: their sums, what the difference in spend comes from, the groups by difference, and the calls behind it.

    `explaining` are the dearest calls of the group that changed most, on the side that spent more; each says by its cost
    how much of the difference it is.
    """

    before: Sums
    after: Sums
    latency_before: Latency
    latency_after: Latency
    effects: Effects
    changes: tuple[Change, ...]
    explaining: tuple[CallRow, ...]


def compare(
    connection: Reader, before: Scope, after: Scope, *, by: GroupBy = GroupBy.MODEL, explaining: int = 10
) -> Comparison:
    """What is different in `after`: two times, or two models, users and so on of one time. Groups are those of `by`."""
    found = changes(connection, before, after, by=by)
    return Comparison(
        before=total(connection, before),
        after=total(connection, after),
        latency_before=latency(connection, before),
        latency_after=latency(connection, after),
        effects=effects(connection, before, after),
        changes=tuple(found),
        explaining=_explaining(connection, before, after, by, found, explaining),
    )


def changes(connection: Reader, before: Scope, after: Scope, *, by: GroupBy) -> list[Change]:
    """The groups of either scope, the largest difference in spend first."""
    old, new = ({text_key(group.keys[0]): group.sums for group in grouped(connection, side, (by,))} for side in (before, after))
    found = [Change(key, old.get(key, NOTHING), new.get(key, NOTHING)) for key in old | new]
    return sorted(found, key=lambda change: (-abs(change.cost_usd), -change.after.calls, change.key or ""))


def effects(connection: Reader, before: Scope, after: Scope) -> Effects:
    """What the change in known spend comes from, found model by model and added up.

    The cost of a model is calls times part not answered by a cache times tokens a call times price a token. Each factor's
    effect is the mean of what changing it does over all orders of changing them one by one (its Shapley value): they
    add up exactly, and none depends on an order. A model that only one side has is all volume and mix. Where the two
    scopes are two models (or providers), these are compared with each other.
    """
    by = [name for name in (GroupBy.MODEL, GroupBy.PROVIDER) if before.filters.get(name) == after.filters.get(name)]
    old, new = (_factors(connection, side, by) for side in (before, after))
    of_models = [_effects_of(old.get(key), new.get(key)) for key in old | new]
    summed = Effects(**{field.name: sum(getattr(each, field.name) for each in of_models) for field in fields(Effects)})
    volume = _volume(old.values(), new.values(), summed.volume)
    rounded = replace(summed, volume=volume, mix=summed.volume - volume)
    return Effects(**{field.name: usd(getattr(rounded, field.name)) or 0.0 for field in fields(Effects)})


@dataclass(slots=True, frozen=True)
class _Factors:
    calls: float
    paid_part: float
    tokens_a_call: float
    price_a_token: float

    @property
    def cost_usd(self) -> float:
        return self.calls * self.paid_part * self.tokens_a_call * self.price_a_token

    def filled_from(self, other: _Factors) -> _Factors:
        """Where a cache answered every call, nobody knows how long and dear the others were: as long and dear as in `other`."""
        if self.paid_part:
            return self
        return replace(self, tokens_a_call=other.tokens_a_call, price_a_token=other.price_a_token)


_EFFECT_OF: Final = {"calls": "volume", "paid_part": "cache", "tokens_a_call": "tokens", "price_a_token": "price"}


def _factors(connection: Reader, scope: Scope, by: list[GroupBy]) -> dict[Key, _Factors]:
    by_model: dict[Key, dict[int, Sums]] = {}
    for group in grouped(connection, scope, (*by, IS_HIT)):
        *key, is_hit = group.keys
        by_model.setdefault(tuple(key), {})[int(is_hit or 0)] = group.sums
    return {key: _factors_of(sums.get(0, NOTHING), sums.get(1, NOTHING)) for key, sums in by_model.items()}


def _factors_of(paid: Sums, hits: Sums) -> _Factors:
    """Calls that have a cost but no tokens (images, speech) count as one token each: their price is that of a call."""
    calls = paid.calls + hits.calls
    tokens = paid.tokens or paid.calls
    cost_usd = (paid.cost_usd or 0.0) + (hits.cost_usd or 0.0)
    return _Factors(
        calls,
        paid.calls / calls if calls else 0.0,
        tokens / paid.calls if paid.calls else 0.0,
        cost_usd / tokens if tokens else 0.0,
    )


def _effects_of(before: _Factors | None, after: _Factors | None) -> Effects:
    if before is None or after is None:
        return Effects(volume=(after.cost_usd if after else 0.0) - (before.cost_usd if before else 0.0))
    before, after = before.filled_from(after), after.filled_from(before)
    found = dict.fromkeys(_EFFECT_OF.values(), 0.0)
    orders = list(permutations(_EFFECT_OF))
    for order in orders:
        now = before
        for factor in order:
            then = replace(now, **{factor: getattr(after, factor)})
            found[_EFFECT_OF[factor]] += (then.cost_usd - now.cost_usd) / len(orders)
            now = then
    return Effects(**found)


def _volume(before: Collection[_Factors], after: Collection[_Factors], change_usd: float) -> float:
    """What of the change through numbers of calls the number alone explains, had the mix stayed as it was."""
    cost_usd, calls_before = sum(each.cost_usd for each in before), sum(each.calls for each in before)
    calls_after = sum(each.calls for each in after)
    return (calls_after / calls_before - 1) * cost_usd if calls_before else change_usd


def _explaining(  # all that was found so far
    connection: Reader, before: Scope, after: Scope, by: GroupBy, found: list[Change], limit: int
) -> tuple[CallRow, ...]:
    if not found or not found[0].cost_usd:
        return ()
    scope = after if found[0].cost_usd > 0 else before
    if by not in (GroupBy.RUN, GroupBy.DAY):  # which no scope filters by
        scope = replace(scope, **{by.value: NONE if found[0].key is None else found[0].key})  # type: ignore[arg-type]
    return calls(connection, scope, order=CallOrder.COST, limit=limit).rows
