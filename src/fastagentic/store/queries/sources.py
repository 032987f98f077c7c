"""Where the numbers of a question come from: the sums that are kept ready wherever they hold all that is asked, the rows
for the rest. Either way the answer is the same.

A time is taken apart into whole days, whole hours on both sides of them, and what is left at both ends. Only `queries/`
uses this.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from fastagentic.store.cubes import CUBES, DAY_NS, HOUR_NS
from fastagentic.store.values import LARGEST

from .dimensions import GroupBy, dimension
from .measures import MEASURES, measure
from .scope import Condition, all_of, filtered_calls, is_value, within
from .sql import dialect_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fastagentic.store.cubes import Cube

    from .scope import Scope
    from .sql import Dialect, Reader

    Row = tuple[str | int | None, ...]
    Piece = tuple[int | None, int, int]
    """Kept by steps of so many nanoseconds, None for rows, from a time until before another."""


@dataclass(slots=True, frozen=True)
class Source:
    """Tables, the condition on them, when a row of them was, and what the dimensions asked for are there."""

    tables: str
    condition: Condition
    time_ns: str
    keys: tuple[str, ...]
    is_kept: bool

    def among(self, sql: Dialect, values: Sequence[str | None]) -> Source:
        """The same where the first of the dimensions has one of the values."""
        listed = json.dumps([value for value in values if value is not None])
        first, unknown = self.keys[0], int(None in values)
        where = f"({sql.is_listed(first)} OR ({unknown:d} = 1 AND {first} IS NULL))"
        return replace(self, condition=all_of([self.condition, Condition(where, (listed,))]))

    def select(self, keys: Iterable[str], sums: Iterable[str]) -> str:
        """The sums by the dimensions asked for and further `keys`."""
        named = [f"{key} AS key_{at}" for at, key in enumerate((*self.keys, *keys))]
        groups = ", ".join(str(at + 1) for at in range(len(named)))
        return (
            f"SELECT {', '.join((*named, *sums))} FROM {self.tables}"  # noqa: S608  # SQL of our own
            f" WHERE {self.condition.where} GROUP BY {groups}"
        )


def summed(
    connection: Reader,
    scope: Scope,
    by: Sequence[str],
    step_ns: int | None,
    among: Sequence[str | None] | None = None,
) -> Iterator[Row]:
    """A row a group of the calls in `scope`: the values of `by`, the start of the step (0 without), and all `MEASURES`.

    `among`: only calls whose value of the first dimension is one of these.
    """
    sql = dialect_of(connection)
    cube = cube_for(CUBES, {*by, *scope.filters}) if sql.keeps_sums else None
    sources = _sources(connection, scope, by, cube, cube.sums if cube else None, step_ns)
    if among is not None:
        sources = [source.among(sql, among) for source in sources]
    selects = [source.select([_step(sql, source, step_ns)], _sums(sql, source)) for source in sources]
    return _added_up(connection, sources, selects, len(by) + 1, MEASURES)


def binned(connection: Reader, scope: Scope, by: Sequence[str]) -> Iterator[Row]:
    """A row a group and bin of latency: the values of `by`, the place of the kind in `LATENCIES`, the bin, how many calls."""
    sql = dialect_of(connection)
    cube = cube_for([cube for cube in CUBES if cube.latencies], {*by, *scope.filters}) if sql.keeps_sums else None
    sources, selects = [], []
    for source in _sources(connection, scope, by, cube, cube.latencies if cube else None, None):
        if source.is_kept:
            sources.append(source)
            selects.append(source.select(("kept.kind", "kept.bin"), (f"{sql.added_up('kept.calls')} AS calls",)))
            continue
        for kind, nanoseconds in enumerate(sql.latencies()):
            sources.append(source)
            measured = (str(kind), f"CASE WHEN {nanoseconds} IS NOT NULL THEN {sql.bin_of(nanoseconds)} END")
            selects.append(source.select(measured, ("COUNT(*) AS calls",)))
    return (row for row in _added_up(connection, sources, selects, len(by) + 2, ("calls",)) if row[-2] is not None)


def cube_for(cubes: Iterable[Cube], names: set[str]) -> Cube | None:
    """The cube that keeps all dimensions in `names`, or None. The day of a call every cube can tell."""
    return next((cube for cube in cubes if names - {GroupBy.DAY} <= set(cube.dimensions)), None)


def pieces(start_ns: int, end_ns: int, widest_ns: int | None) -> list[Piece]:
    """The time from `start_ns` until before `end_ns` in days, hours and the rest, nothing wider than `widest_ns`."""
    found: list[Piece] = []
    _take_apart(
        found, start_ns, end_ns, [step for step in (HOUR_NS, DAY_NS) if widest_ns is not None and step <= widest_ns], None
    )
    return found


def _take_apart(found: list[Piece], start_ns: int, end_ns: int, wider: list[int], kept_by: int | None) -> None:
    """Add the whole steps of the next wider kind, and on both sides what is left over."""
    first, last = (start_ns + -start_ns % wider[0], end_ns - end_ns % wider[0]) if wider else (end_ns, end_ns)
    if first < last:
        _take_apart(found, first, last, wider[1:], wider[0])
        sides = [(start_ns, first), (last, end_ns)]
    else:
        sides = [(start_ns, end_ns)]
    found += [(kept_by, *side) for side in sides if side[0] < side[1]]


def _sources(  # what is asked, and what is kept
    connection: Reader, scope: Scope, by: Sequence[str], cube: Cube | None, table: str | None, step_ns: int | None
) -> list[Source]:
    sql = dialect_of(connection)
    if cube is None or table is None:
        return [_rows(sql, scope, by, [within(sql, "calls", scope.start_ns, scope.end_ns)])]
    found, kept = [], []
    # a time that ends after the last call has no end: the hour of now is as whole as any other
    (newest_ns,) = connection.execute("SELECT COALESCE(MAX(started_ns), 0) FROM calls").fetchone()
    last_ns = scope.end_ns if newest_ns >= scope.end_ns else LARGEST
    for kept_by, start_ns, end_ns in pieces(scope.start_ns, last_ns, _widest(step_ns)):
        if kept_by is None:
            found.append(_rows(sql, scope, by, [within(sql, "calls", start_ns, end_ns)]))
        else:
            found.append(_kept(sql, scope, by, cube, table, (kept_by, start_ns, end_ns)))
            kept += [start_ns, end_ns]
    counted, last = connection.execute(_COUNTED).fetchone()
    if kept and last > counted:  # the unary plus: by its place among the last rows, not by time
        late = Condition("calls.rowid > ?", (counted,))
        found.append(_rows(sql, scope, by, [late, _within("+calls.started_ns", min(kept), max(kept))]))
    return found


_COUNTED: Final = "SELECT last_call, (SELECT COALESCE(MAX(rowid), 0) FROM calls) FROM rollup_state"


def _rows(sql: Dialect, scope: Scope, by: Sequence[str], conditions: list[Condition]) -> Source:
    asked = [dimension(sql, name) for name in by]
    joins = " ".join(dict.fromkeys(one.joins for one in asked))
    keys = tuple(one.key for one in asked)
    condition = all_of([*conditions, *filtered_calls(sql, scope)])
    return Source(f"calls {joins}", condition, "calls.started_ns", keys, is_kept=False)


def _kept(sql: Dialect, scope: Scope, by: Sequence[str], cube: Cube, table: str, piece: Piece) -> Source:
    kept_by, start_ns, end_ns = piece
    keys = tuple(sql.day("kept.start_ns") if name == GroupBy.DAY else f"named.{name}" for name in by)
    filters = [is_value(f"named.{name}", value) for name, value in scope.filters.items()]
    condition = all_of([Condition("kept.step_ns = ?", (kept_by or 0,)), _within("kept.start_ns", start_ns, end_ns), *filters])
    # CROSS: the steps first, or the table would be gone through once for every group
    names = f" CROSS JOIN {cube.groups} AS named ON named.group_id = kept.group_id" if by or filters else ""
    return Source(f"{table} AS kept{names}", condition, "kept.start_ns", keys, is_kept=True)


def _added_up(connection: Reader, sources: list[Source], selects: list[str], keys: int, names: Iterable[str]) -> Iterator[Row]:
    if not selects:  # a time that ends before it begins
        return
    sql = dialect_of(connection)
    columns = ", ".join((*(f"key_{at}" for at in range(keys)), *(sql.added_up(name) for name in names)))
    numbers = ", ".join(str(at + 1) for at in range(keys))
    query = f"SELECT {columns} FROM ({' UNION ALL '.join(selects)}) GROUP BY {numbers}"  # noqa: S608  # SQL of our own
    yield from connection.execute(query, [value for source in sources for value in source.condition.parameters])


def _sums(sql: Dialect, source: Source) -> list[str]:
    if source.is_kept:
        return [f"{sql.added_up(f'kept.{name}')} AS {name}" for name in MEASURES]
    return [f"{measure(sql, name)} AS {name}" for name in MEASURES]


def _step(sql: Dialect, source: Source, step_ns: int | None) -> str:
    return "0" if step_ns is None else sql.step(source.time_ns, step_ns)


def _widest(step_ns: int | None) -> int | None:
    """The widest steps that can be added up to steps of `step_ns`."""
    return next((kept for kept in (DAY_NS, HOUR_NS) if step_ns is None or step_ns % kept == 0), None)


def _within(time_ns: str, start_ns: int, end_ns: int) -> Condition:
    return Condition(f"{time_ns} >= ? AND {time_ns} < ?", (start_ns, end_ns))
