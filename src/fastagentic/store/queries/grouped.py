"""Calls of a scope added up in groups: what every page and table of sums is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .scope import EVERYTHING
from .sources import summed
from .sums import NOTHING, Sums, sums_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .scope import Scope
    from .sql import Reader

    Keys = tuple[str | int | None, ...]


@dataclass(slots=True, frozen=True)
class Group:
    """The calls that agree in the dimensions asked for, whose values are `keys`, and in the step that begins at `start_ns`."""

    keys: Keys
    start_ns: int
    sums: Sums


def grouped(
    connection: Reader,
    scope: Scope,
    by: Sequence[str] = (),
    *,
    step_ns: int | None = None,
    among: Sequence[str | None] | None = None,
) -> list[Group]:
    """The calls in `scope` by the dimensions `by` (names in `dimensions.py`) and, when given, in steps of time from
    the epoch on. No order; no group without calls. By tag, a call is in the group of each of its tags. `among`: only
    calls whose value of the first dimension is one of these.
    """
    width = len(by)
    found = summed(connection, scope, by, step_ns, among)
    return [Group(tuple(row[:width]), int(row[width] or 0), Sums(**sums_of(row[width + 1 :]))) for row in found]


def total(connection: Reader, scope: Scope = EVERYTHING) -> Sums:
    """All calls in `scope` in one sum, each counted once."""
    found = grouped(connection, scope)
    return found[0].sums if found else NOTHING


def text_key(key: str | int | None) -> str | None:
    """The value of a dimension as people read it."""
    return None if key is None else str(key)
