"""What calls cost, by whatever people pay attention to. Asked by `fastagentic costs`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from .sums import SUM_COLUMNS, Sums, sums_of

if TYPE_CHECKING:
    import sqlite3


class GroupBy(StrEnum):
    """What the groups of a cost table are."""

    MODEL = "model"
    PROVIDER = "provider"
    USER = "user"
    TENANT = "tenant"
    SESSION = "session"
    TAG = "tag"
    ENDPOINT = "endpoint"
    RUN = "run"
    DAY = "day"
    GATEWAY = "gateway"


@dataclass(slots=True, frozen=True)
class _Group:
    key: str
    joins: str = ""
    label: str = "NULL"


@dataclass(slots=True, frozen=True, kw_only=True)
class CostRow(Sums):
    """A group of calls. `key` None gathers the calls that have none; `label` is the name of a run."""

    key: str | None
    label: str | None


_RUNS: Final = "LEFT JOIN runs ON runs.run_id = calls.run_id"
_GROUPS: Final = {
    GroupBy.MODEL: _Group("COALESCE(calls.model, calls.response_model)"),  # what people wrote, else what answered
    GroupBy.PROVIDER: _Group("calls.provider"),
    GroupBy.USER: _Group("calls.user_id"),
    GroupBy.TENANT: _Group("calls.tenant_id"),
    GroupBy.SESSION: _Group("calls.session_id"),
    GroupBy.TAG: _Group("tag.value", "LEFT JOIN json_each(calls.tags) AS tag ON TRUE"),
    GroupBy.ENDPOINT: _Group("runs.name", _RUNS),
    GroupBy.RUN: _Group("calls.run_id", _RUNS, label="runs.name"),
    GroupBy.DAY: _Group("date(calls.started_ns / 1000000000, 'unixepoch')"),
    GroupBy.GATEWAY: _Group("calls.gateway"),
}


def costs(
    connection: sqlite3.Connection, *, by: GroupBy, since_ns: int | None = None, until_ns: int | None = None
) -> list[CostRow]:
    """The calls started from `since_ns` until before `until_ns` (nanoseconds since the epoch), in groups,
    dearest first.

    Days are UTC and in order of time. By tag, a call counts in the group of each of its tags: the groups add
    up to more than `total`. By endpoint, a call belongs to the name of the run it was made in.
    """
    group = _GROUPS[by]
    found = connection.execute(
        f"SELECT {group.key}, {group.label}, {SUM_COLUMNS} FROM calls {group.joins}"  # noqa: S608  # SQL of our own
        " WHERE calls.started_ns >= ? AND calls.started_ns < ? GROUP BY 1",
        _range(since_ns, until_ns),
    )
    rows = [CostRow(key=key, label=label, **sums_of(sums)) for key, label, *sums in found]
    if by is GroupBy.DAY:
        return sorted(rows, key=lambda row: row.key or "")
    return sorted(rows, key=lambda row: (-(row.cost_usd or 0.0), -row.calls, row.key is None, row.key or ""))


def total(connection: sqlite3.Connection, *, since_ns: int | None = None, until_ns: int | None = None) -> Sums:
    """The calls of the same time in one sum, each counted once."""
    found = connection.execute(
        f"SELECT {SUM_COLUMNS} FROM calls WHERE started_ns >= ? AND started_ns < ?",  # noqa: S608  # SQL of our own
        _range(since_ns, until_ns),
    )
    return Sums(**sums_of(found.fetchone()))


def _range(since_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    return since_ns if since_ns is not None else 0, until_ns if until_ns is not None else 2**63 - 1
