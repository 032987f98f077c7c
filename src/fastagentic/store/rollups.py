"""Keeping sums of calls ready by hour and day, and by run, in the transaction in which the rows change.

`rollup_state` says up to which row of `calls` they are counted, and up to which of `runs` the runs have got the sums of
calls that came before them. Who inserts calls or runs ends with `add`; who changes or deletes calls does it inside
`changing`; `rebuild` counts a time anew from the rows. What a version without rollups inserted meanwhile lies beyond that
row: questions read it from `calls`, and the next `add` counts it.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final, NamedTuple

from .cubes import CUBES, DAY_NS, HOUR_NS, LONE_CALLS, STEPS_NS
from .queries.dimensions import dimension
from .queries.measures import MEASURES, measure
from .queries.sql import SQLITE
from .values import LARGEST

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from .cubes import Cube

    Values = tuple[str | int | None, ...]


_TABLES: Final = tuple(table for cube in CUBES for table in (cube.sums, cube.latencies) if table is not None)


class Part(NamedTuple):
    """Some of the calls: a condition on `calls` and its parameters."""

    where: str
    parameters: tuple[int | str, ...] = ()


def add(connection: sqlite3.Connection) -> None:
    """Count the calls that were inserted since the last time."""
    last_call, last_run = connection.execute("SELECT last_call, last_run FROM rollup_state").fetchone()
    newest_call, newest_run = _newest(connection)
    if newest_run > last_run:
        _give_to_runs(connection, last_run)
    if newest_call > last_call:
        _count(connection, Part("calls.rowid > ?", (last_call,)), 1)
    if (newest_call, newest_run) != (last_call, last_run):
        connection.execute("UPDATE rollup_state SET last_call = ?, last_run = ?", (newest_call, newest_run))


@contextlib.contextmanager
def changing(connection: sqlite3.Connection, rows: Sequence[int]) -> Iterator[None]:
    """Inside, the calls with these row ids may be changed or deleted; afterwards the sums are those of what is left.

    It belongs into the caller's transaction, with all that happens inside.
    """
    add(connection)
    part = Part("calls.rowid IN (SELECT value FROM json_each(?))", (json.dumps(list(rows)),))
    starts, run_ids = _touched(connection, part)
    _count(connection, part, -1)
    yield
    _count(connection, part, 1)
    _forget_empty(connection, starts, run_ids)
    keep_in_bounds(connection)


@contextlib.contextmanager
def deleting_runs(connection: sqlite3.Connection, rows: Sequence[int]) -> Iterator[None]:
    """Inside, the runs with these row ids are deleted, in the caller's transaction; calls that stay belong to no run then."""
    add(connection)
    listed = json.dumps(list(rows))
    bereft = f"""
        SELECT run_id FROM runs WHERE rowid IN (SELECT value FROM json_each(?))
            AND EXISTS (SELECT 1 FROM {SQLITE.calls_of_run("= runs.run_id")})
    """  # noqa: S608  # SQL of our own
    run_ids = [run_id for (run_id,) in connection.execute(bereft, (listed,))]
    yield
    of_runs = SQLITE.calls_of_run("IN (SELECT value FROM json_each(?))")
    _count_runs(connection, Part(f"calls.rowid IN (SELECT calls.rowid FROM {of_runs})", (json.dumps(run_ids),) * 2), 1)  # noqa: S608
    keep_in_bounds(connection)


def keep_in_bounds(connection: sqlite3.Connection) -> None:
    """After rows were deleted, in their transaction: their numbers are given out again, to rows not counted yet."""
    bounds = _newest(connection)
    connection.execute("UPDATE rollup_state SET last_call = MIN(last_call, ?), last_run = MIN(last_run, ?)", bounds)


def forget_before(connection: sqlite3.Connection, time_ns: int) -> None:
    """Drop the sums of all steps that ended by `time_ns`, of which no calls are left, whoever deleted them."""
    for table in _TABLES:
        for step_ns in STEPS_NS:
            gone = f"DELETE FROM {table} WHERE step_ns = ? AND start_ns <= ?"  # noqa: S608
            connection.execute(gone, (step_ns, time_ns - step_ns))


def rebuild(connection: sqlite3.Connection, since_ns: int = 0, until_ns: int = LARGEST) -> None:
    """Count the days that the time from `since_ns` until `until_ns` touches, and the runs of its calls, anew from the rows."""
    add(connection)
    start_ns, end_ns = since_ns - since_ns % DAY_NS, min(LARGEST, until_ns + -until_ns % DAY_NS)
    for table in _TABLES:
        connection.execute(f"DELETE FROM {table} WHERE start_ns >= ? AND start_ns < ?", (start_ns, end_ns))  # noqa: S608
    part = Part("calls.started_ns >= ? AND calls.started_ns < ?", (start_ns, end_ns))
    _count_cubes(connection, part, 1)
    of_runs = f"run_id IN (SELECT calls.run_id FROM calls WHERE {part.where})"  # noqa: S608
    zeros = ", ".join(f"{name} = 0" for name in MEASURES)
    connection.execute(f"UPDATE runs SET {zeros} WHERE {of_runs}", part.parameters)  # noqa: S608
    connection.execute(f"DELETE FROM {LONE_CALLS} WHERE {of_runs}", part.parameters)  # noqa: S608
    _count_runs(connection, Part(f"calls.{of_runs}", part.parameters), 1)


def _newest(connection: sqlite3.Connection) -> tuple[int, int]:
    """The numbers of the last call and the last run."""
    ends = (connection.execute(f"SELECT COALESCE(MAX(rowid), 0) FROM {table}").fetchone() for table in ("calls", "runs"))  # noqa: S608
    (call,), (run,) = ends
    return int(call), int(run)


def _count(connection: sqlite3.Connection, part: Part, sign: int) -> None:
    """Add the calls in `part` to all sums, or with `sign` -1 take them out."""
    _count_cubes(connection, part, sign)
    _count_runs(connection, part, sign)


def _added(table: str, columns: tuple[str, ...]) -> str:
    return ", ".join(f"{column} = {table}.{column} + excluded.{column}" for column in columns)


# --- by hour and day ------------------------------------------------------------------------------

_NAMES: Final = MEASURES
_SUMMED: Final = ", ".join(measure(SQLITE, name) for name in MEASURES)


def _count_cubes(connection: sqlite3.Connection, part: Part, sign: int) -> None:
    for cube in CUBES:
        group_of = _groups(connection, cube)
        sums = _grouped(connection, cube, part, _SUMMED)
        _add_to(connection, cube.sums, (), _NAMES, _of_groups(sums, group_of, 0, sign))
        if cube.latencies is None:
            continue
        for kind, nanoseconds in enumerate(SQLITE.latencies()):
            timed = part._replace(where=f"{part.where} AND {nanoseconds} IS NOT NULL")
            bins = _grouped(connection, cube, timed, "COUNT(*)", str(kind), SQLITE.bin_of(nanoseconds))
            _add_to(connection, cube.latencies, ("kind", "bin"), ("calls",), _of_groups(bins, group_of, 2, sign))


def _grouped(
    connection: sqlite3.Connection, cube: Cube, part: Part, summed: str, *more_keys: str
) -> Iterator[tuple[int, Values, Values]]:
    """For each hour and group of the calls in `part`: the hour, the group's values, and further keys with the sums."""
    keys = (SQLITE.step("calls.started_ns", HOUR_NS), *(dimension(SQLITE, name).key for name in cube.dimensions), *more_keys)
    numbers = ", ".join(str(number + 1) for number in range(len(keys)))
    query = f"SELECT {', '.join(keys)}, {summed} FROM calls WHERE {part.where} GROUP BY {numbers}"  # noqa: S608
    width = len(cube.dimensions) + 1
    for row in connection.execute(query, part.parameters):
        yield row[0], row[1:width], row[width:]


def _of_groups(
    found: Iterator[tuple[int, Values, Values]], group_of: Callable[[Values], int], keys: int, sign: int
) -> Iterator[Values]:
    """Rows for the tables: step, start, group, `keys` further keys, and the sums with their sign."""
    for hour_ns, values, rest in found:
        group = group_of(values)
        sums = rest if sign > 0 else (*rest[:keys], *(-int(number or 0) for number in rest[keys:]))
        for step_ns in STEPS_NS:
            yield (step_ns, hour_ns - hour_ns % step_ns, group, *sums)


def _add_to(
    connection: sqlite3.Connection, table: str, keys: tuple[str, ...], sums: tuple[str, ...], rows: Iterator[Values]
) -> None:
    key_columns = ("step_ns", "start_ns", "group_id", *keys)
    columns = (*key_columns, *sums)
    connection.executemany(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608
        f" ON CONFLICT ({', '.join(key_columns)}) DO UPDATE SET {_added(table, sums)}",
        rows,
    )


def _groups(connection: sqlite3.Connection, cube: Cube) -> Callable[[Values], int]:
    """The number of a group by its values; a new one gets one."""
    known: dict[Values, int] = {}
    columns = ", ".join(cube.dimensions)
    same = " AND ".join(f"{name} IS ?" for name in cube.dimensions)
    find = f"SELECT group_id FROM {cube.groups} WHERE {same}"  # noqa: S608
    make = f"INSERT INTO {cube.groups} ({columns}) VALUES ({', '.join('?' * len(cube.dimensions))})"  # noqa: S608

    def group_of(values: Values) -> int:
        if values not in known:
            found = connection.execute(find, values).fetchone()
            known[values] = int(found[0]) if found else connection.execute(make, values).lastrowid or 0
        return known[values]

    return group_of


# --- by run ---------------------------------------------------------------------------------------

_LONE_COLUMNS: Final = ("run_id", "user_id", "session_id", "tenant_id", "tags", "started_ns", "ended_ns", "error_type", *_NAMES)
_BY_RUN: Final = f"""
    SELECT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = calls.run_id), calls.run_id,
        MAX(calls.user_id), MAX(calls.session_id), MAX(calls.tenant_id), MAX(calls.tags),
        MIN(calls.started_ns), MAX(calls.started_ns + calls.duration_ns), MAX(calls.error_type), {_SUMMED}
    FROM calls WHERE {{where}} GROUP BY +calls.run_id
"""  # noqa: S608  # the plus: only the rows asked for, and not all in the order of their index
_ADD_TO_RUN: Final = f"UPDATE runs SET {', '.join(f'{name} = {name} + ?' for name in _NAMES)} WHERE run_id = ?"  # noqa: S608
_ADD_TO_LONE: Final = f"""
    INSERT INTO {LONE_CALLS} ({", ".join(_LONE_COLUMNS)}) VALUES ({", ".join("?" * len(_LONE_COLUMNS))})
    ON CONFLICT (run_id) DO UPDATE SET {_added(LONE_CALLS, _NAMES)},
        {", ".join(f"{name} = COALESCE({LONE_CALLS}.{name}, excluded.{name})" for name in _LONE_COLUMNS[1:5])},
        started_ns = MIN({LONE_CALLS}.started_ns, excluded.started_ns),
        ended_ns = MAX({LONE_CALLS}.ended_ns, excluded.ended_ns),
        error_type = COALESCE({LONE_CALLS}.error_type, excluded.error_type)
"""  # noqa: S608  # SQL of our own


def _count_runs(connection: sqlite3.Connection, part: Part, sign: int) -> None:
    of_runs, lone = [], []
    for has_run, *facts_and_sums in connection.execute(_BY_RUN.format(where=part.where), part.parameters):
        facts, sums = facts_and_sums[:8], [sign * number for number in facts_and_sums[8:]]
        if has_run:
            of_runs.append((*sums, facts[0]))
        else:
            lone.append((*facts, *sums))
    connection.executemany(_ADD_TO_RUN, of_runs)
    connection.executemany(_ADD_TO_LONE, lone)


def _give_to_runs(connection: sqlite3.Connection, last_run: int) -> None:
    """Hand the sums of calls that came before their run to the runs stored after the one numbered `last_run`."""
    columns = ", ".join(f"{LONE_CALLS}.{name}" for name in _NAMES)
    found = connection.execute(
        f"SELECT {columns}, {LONE_CALLS}.run_id FROM runs CROSS JOIN {LONE_CALLS} USING (run_id) WHERE runs.rowid > ?",  # noqa: S608
        (last_run,),
    ).fetchall()
    connection.executemany(_ADD_TO_RUN, found)
    connection.executemany(f"DELETE FROM {LONE_CALLS} WHERE run_id = ?", [(row[-1],) for row in found])  # noqa: S608


# --- what became empty ----------------------------------------------------------------------------


def _touched(connection: sqlite3.Connection, part: Part) -> tuple[list[tuple[int, int]], list[str]]:
    """The steps and the runs that the calls in `part` are counted in."""
    hour = SQLITE.step("calls.started_ns", HOUR_NS)
    hours = [row[0] for row in connection.execute(f"SELECT DISTINCT {hour} FROM calls WHERE {part.where}", part.parameters)]  # noqa: S608
    runs = connection.execute(f"SELECT DISTINCT calls.run_id FROM calls WHERE {part.where}", part.parameters)  # noqa: S608
    starts = {(step_ns, start_ns - start_ns % step_ns) for start_ns in hours for step_ns in STEPS_NS}
    return sorted(starts), [row[0] for row in runs]


def _forget_empty(connection: sqlite3.Connection, starts: list[tuple[int, int]], run_ids: list[str]) -> None:
    for table in _TABLES:
        gone = f"DELETE FROM {table} WHERE step_ns = ? AND start_ns = ? AND calls <= 0"  # noqa: S608
        connection.executemany(gone, starts)
    gone = f"DELETE FROM {LONE_CALLS} WHERE run_id = ? AND calls <= 0"  # noqa: S608
    connection.executemany(gone, [(run_id,) for run_id in run_ids])
