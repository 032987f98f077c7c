"""What calls cost, by whatever people pay attention to. Asked by `fastagentic costs` and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .dimensions import GroupBy
from .grouped import grouped, text_key, total
from .scope import EVERYTHING
from .sums import Sums

if TYPE_CHECKING:
    from .scope import Scope
    from .sql import Reader

__all__ = ["CostRow", "GroupBy", "costs", "total"]


@dataclass(slots=True, frozen=True, kw_only=True)
class CostRow(Sums):
    """A group of calls. `key` None gathers the calls that have none; `label` is the name of a run."""

    key: str | None
    label: str | None


def costs(connection: Reader, scope: Scope = EVERYTHING, *, by: GroupBy) -> list[CostRow]:
    """The calls in `scope` in groups, dearest first.

    Days are UTC and in order of time. By tag, a call counts in the group of each of its tags: the groups add
    up to more than `total`. By endpoint, a call belongs to the name of the run it was made in.
    """
    with_label = (by, GroupBy.ENDPOINT) if by is GroupBy.RUN else (by,)
    rows = [_row(*map(text_key, group.keys), sums=group.sums) for group in grouped(connection, scope, with_label)]
    if by is GroupBy.DAY:
        return sorted(rows, key=lambda row: row.key or "")
    return sorted(rows, key=lambda row: (-(row.cost_usd or 0.0), -row.calls, row.key is None, row.key or ""))


def _row(key: str | None, label: str | None = None, *, sums: Sums) -> CostRow:
    return CostRow(key=key, label=label, **{field.name: getattr(sums, field.name) for field in fields(sums)})
