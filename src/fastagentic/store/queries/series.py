"""Spend and calls over time, stacked by whatever people pay attention to. Asked by the dashboard's charts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fastagentic.store.cubes import DAY_NS

from .dimensions import GroupBy
from .grouped import grouped, text_key
from .sums import usd

if TYPE_CHECKING:
    from .grouped import Group
    from .scope import Scope
    from .sql import Reader

_MINUTE_NS: Final = 60_000_000_000
STEPS_NS: Final = tuple(
    minutes * _MINUTE_NS
    for minutes in (1, 5, 15, 60, 180, 360, 1_440, 7 * 1_440, 30 * 1_440, 365 * 1_440)
)  # fmt: skip
"""The steps of a chart: from a minute to a year."""
MOST_STEPS: Final = 60
MANY: Final = 50
"""With more groups than these, those that are no layer of their own are not looked at one by one."""


@dataclass(slots=True, frozen=True)
class Stack:
    """A layer of a chart, a value a step. `key` None: the calls that have none; `is_other`: all too small for a layer."""

    key: str | None
    is_other: bool
    cost_usd: tuple[float, ...]
    calls: tuple[int, ...]


@dataclass(slots=True, frozen=True)
class Series:
    """Steps of `step_ns` that begin at `starts_ns`, and the layers, the dearest first."""

    step_ns: int
    starts_ns: tuple[int, ...]
    stacks: tuple[Stack, ...]


def series(
    connection: Reader,
    scope: Scope,
    *,
    now_ns: int,
    by: GroupBy | None = None,
    step_ns: int | None = None,
    top: int = 8,
) -> Series:
    """The calls in `scope` over time until `now_ns` or the end of the scope, whichever is first.

    Layers are the `top` dearest values of `by`, then one for all others. `step_ns` None chooses a step of which there
    are at most `MOST_STEPS`; a given one is widened when there were ten times as many. Steps begin at multiples of
    their width since the epoch, so days are UTC.
    """
    end_ns = min(scope.end_ns, now_ns + 1)
    start_ns = scope.start_ns if scope.since_ns is not None else _first(connection, scope, end_ns)
    step_ns = _step(end_ns - start_ns, step_ns)
    shown = scope.between(start_ns, end_ns)
    starts = tuple(range(start_ns - start_ns % step_ns, end_ns, step_ns))
    in_all = grouped(connection, shown, () if by is None else (by,))
    ranked = sorted(in_all, key=lambda group: (-(group.sums.cost_usd or 0.0), -group.sums.calls, _key_of(group) or ""))
    keys = [_key_of(group) for group in ranked]
    if by is None or len(keys) <= MANY or by is GroupBy.TAG:
        groups = grouped(connection, shown, () if by is None else (by,), step_ns=step_ns)
        return Series(step_ns, starts, _stacks(groups, keys, starts, top))
    groups = grouped(connection, shown, (by,), step_ns=step_ns, among=keys[:top])
    stacks = _stacks(groups, keys[:top], starts, top)
    everything = _stack(None, grouped(connection, shown, step_ns=step_ns), starts, is_other=True)
    return Series(step_ns, starts, (*stacks, _less(everything, stacks)))


def _first(connection: Reader, scope: Scope, end_ns: int) -> int:
    days = grouped(connection, scope.between(None, end_ns), step_ns=DAY_NS)
    return min((group.start_ns for group in days), default=max(0, end_ns - DAY_NS))


def _step(length_ns: int, wanted_ns: int | None) -> int:
    if wanted_ns is not None and wanted_ns > 0 and length_ns <= wanted_ns * MOST_STEPS * 10:
        return wanted_ns
    return next((step for step in STEPS_NS if length_ns <= step * MOST_STEPS), STEPS_NS[-1])


def _stacks(groups: list[Group], ranked: list[str | None], starts: tuple[int, ...], top: int) -> tuple[Stack, ...]:
    layers = {key: [group for group in groups if _key_of(group) == key] for key in ranked[:top]}
    stacks = [_stack(key, of_key, starts) for key, of_key in layers.items()]
    if others := set(ranked[top:]):
        stacks.append(_stack(None, [group for group in groups if _key_of(group) in others], starts, is_other=True))
    return tuple(stacks)


def _less(everything: Stack, stacks: tuple[Stack, ...]) -> Stack:
    """What is left of all calls without those of the stacks."""
    cost = (
        usd(whole - sum(parts)) or 0.0 for whole, *parts in zip(*(each.cost_usd for each in (everything, *stacks)), strict=True)
    )
    calls = (whole - sum(parts) for whole, *parts in zip(*(each.calls for each in (everything, *stacks)), strict=True))
    return replace(everything, cost_usd=tuple(cost), calls=tuple(calls))


def _stack(key: str | None, groups: list[Group], starts: tuple[int, ...], *, is_other: bool = False) -> Stack:
    cost: dict[int, float] = defaultdict(float)
    calls: dict[int, int] = defaultdict(int)
    for group in groups:
        cost[group.start_ns] += group.sums.cost_usd or 0.0
        calls[group.start_ns] += group.sums.calls
    return Stack(key, is_other, tuple(usd(cost[start]) or 0.0 for start in starts), tuple(calls[start] for start in starts))


def _key_of(group: Group) -> str | None:
    return text_key(group.keys[0]) if group.keys else None
