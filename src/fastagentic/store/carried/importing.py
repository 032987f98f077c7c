"""Exported rows into a store, in small transactions. What is there already stays as it is: importing twice is importing once.

Whatever stands in a file is checked before it is stored: a value of the wrong kind is told with its place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import StoreError
from fastagentic.store import rollups
from fastagentic.store.migrations import SCHEMA_VERSION
from fastagentic.store.projection import SpanKind, kind_of, project
from fastagentic.store.rows import StoredSpan
from fastagentic.store.schema import ONCE, RUN_COLUMNS, UPSERT_RUN
from fastagentic.store.transaction import transaction

from . import jsonl, parquet
from .tables import ATTRIBUTES, DROPS, RUNS, SPANS, tables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import IO

    from .tables import Column, Row, Table

    Found = tuple[str, str, dict[str, Any]]
    """Where a row stands, its table, its values."""

CHUNK: Final = 1_000
KINDS: Final[Mapping[str, tuple[type, ...]]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (int, float)}
IN_WORDS: Final = {"TEXT": "text", "INTEGER": "a whole number", "REAL": "a number"}
_LARGEST: Final = 2**63
_NEW_DROPS: Final = "SELECT {0} WHERE NOT EXISTS (SELECT 1 FROM drops WHERE ({1}) = ({0}))"


@dataclass(slots=True)
class Imported:
    """Rows of a table: how many were read, and how many of them were new."""

    read: int = 0
    new: int = 0


def read_directory(directory: Path, names: Iterable[str]) -> Iterator[Found]:
    """The rows of a Parquet export. Raises: StoreError."""
    known = list(names)
    if not any((directory / name).is_dir() for name in known):
        raise StoreError(
            f"{directory} is no export: none of {', '.join(known)} is in it. "
            "`fastagentic export --format parquet` makes one; a file of JSON lines is named itself"
        )
    for where, table, schema, batch in parquet.read(directory, known, CHUNK):
        _check_schema(schema, where)
        yield from ((where, table, row) for row in batch)


def read_lines(file: IO[bytes], name: str) -> Iterator[Found]:
    """The rows of an export as JSON lines. Raises: StoreError."""
    found = jsonl.read(file, name)
    first = next(found, None)
    if first is None or first[1] != jsonl.HEADER:
        raise StoreError(
            f"{name} is no export: its first line is not of type {jsonl.HEADER!r}. It takes what "
            "`fastagentic export --format jsonl` or `--format parquet` writes; CSV holds too little to be imported"
        )
    _check_schema(first[2].get("schema"), first[0])
    yield from found


def add(
    connection: sqlite3.Connection, found: Iterable[Found], on_read: Callable[[int], None] = lambda rows: None
) -> dict[str, Imported]:
    """Store rows; how many of each table.

    Raises: StoreError for a row that cannot be stored, with its place; what came before it is stored. sqlite3.Error.
    """
    known = tables(connection)
    counts = {name: Imported() for name in known}
    for name, of_table in groupby(found, key=lambda one: one[1]):
        rest = iter(of_table)
        while some := list(islice(rest, CHUNK)):
            table = known.get(name)
            if table is None:
                raise StoreError(f"{some[0][0]} is of type {name!r}; known are: {', '.join(known)}")
            checked = [_checked(table, where, row) for where, _, row in some]
            with transaction(connection):
                for stored, new in _insert(connection, table, checked).items():
                    counts[stored].new += new
                rollups.add(connection)
            counts[name].read += len(some)
            on_read(len(some))
    return counts


def _check_schema(schema: object, where: str) -> None:
    if not isinstance(schema, int) or schema > SCHEMA_VERSION:
        raise StoreError(
            f"{where} was exported by a newer version of fastagentic (schema {schema}; this one knows {SCHEMA_VERSION}). "
            "Update with `pip install --upgrade fastagentic`"
        )


def _checked(table: Table, where: str, row: Mapping[str, Any]) -> Row:
    unknown = row.keys() - set(table.names)
    if unknown:
        raise StoreError(f"{where} has {min(unknown)!r}, which is no column of {table.name}: {', '.join(table.names)}")
    values = tuple(_value(table, column, where, row.get(column.name)) for column in table.columns)
    if ATTRIBUTES in row and not isinstance(_attributes(row[ATTRIBUTES]), dict):
        raise StoreError(f"{where} has {ATTRIBUTES} that are no JSON object")
    return values


def _value(table: Table, column: Column, where: str, value: Any) -> Any:
    is_right = isinstance(value, KINDS[column.kind]) and not isinstance(value, bool)
    if value is None:
        is_right = not column.is_needed
    elif isinstance(value, int) and is_right:
        is_right = -_LARGEST <= value < _LARGEST
    if not is_right:
        raise StoreError(f"{where} has {column.name} {value!r}; {table.name}.{column.name} takes {IN_WORDS[column.kind]}")
    return value


def _attributes(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


# --- into the tables --------------------------------------------------------------------------------


def _insert(connection: sqlite3.Connection, table: Table, rows: list[Row]) -> dict[str, int]:
    """Store checked rows of one table; how many were new, by table: the runs among spans come with them."""
    if table.name == RUNS:
        at = [table.names.index(name) for name in RUN_COLUMNS]
        return {RUNS: _insert_runs(connection, [tuple(row[place] for place in at) for row in rows])}
    marks = ", ".join("?" * len(table.columns))
    columns = ", ".join(table.names)
    once = _NEW_DROPS if table.name == DROPS else f"VALUES ({{0}}) {ONCE[table.name]}"
    added = connection.executemany(
        f"INSERT INTO {table.name} ({columns}) {once.format(marks, columns)}",  # names of our own
        [row + row for row in rows] if table.name == DROPS else rows,
    ).rowcount
    runs = list(_runs_of(table, rows)) if table.name == SPANS else []
    return {table.name: added, RUNS: _insert_runs(connection, runs)} if runs else {table.name: added}


def _insert_runs(connection: sqlite3.Connection, rows: list[Row]) -> int:
    """A run of which only a part is there already becomes whole."""
    (before,) = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
    connection.executemany(UPSERT_RUN, rows)
    (after,) = connection.execute("SELECT COUNT(*) FROM runs").fetchone()
    return int(after - before)


def _runs_of(table: Table, spans: list[Row]) -> Iterator[Row]:
    """The rows of the runs among the spans: what an export adds to a run that was exported before comes with its spans."""
    for row in spans:
        values: dict[str, Any] = dict(zip(table.names, row, strict=True))
        attributes = json.loads(values[ATTRIBUTES])
        if kind_of(attributes) is SpanKind.RUN:
            facts = {name: values[name] for name in StoredSpan.__dataclass_fields__ if name != ATTRIBUTES}
            run = project(StoredSpan(**facts, attributes=attributes)).run
            assert run is not None
            yield run
