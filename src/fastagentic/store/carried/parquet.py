"""Parquet: a directory with a directory a table, as DuckDB, pandas and Spark read them. The one module that knows pyarrow.

A part is written whole under its number or not at all: `calls/000003.parquet`. Each holds the schema number of its store.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .tables import Row, Table

MISSING: Final = "Parquet needs pyarrow, which is not installed: pip install 'fastagentic[parquet]'"
SCHEMA: Final = b"fastagentic.schema"  # in a file's metadata
_DIGITS: Final = 6
_SUFFIX: Final = ".parquet"


def pyarrow() -> Any:
    """Pyarrow with its Parquet half. Raises: ConfigError that names the extra."""
    try:
        import pyarrow as pa  # type: ignore[import-untyped]
        import pyarrow.parquet  # type: ignore[import-untyped]  # an attribute of `pa` from then on
    except ImportError:
        raise ConfigError(MISSING) from None
    return pa


class ParquetParts:
    """Writes each piece of a table as a part of its own. A position is the number of the last part."""

    CHUNK = 20_000

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._pyarrow = pyarrow()
        self._schema = 0
        self._last = 0

    def begin(self, position: int, schema: int) -> None:
        """Raises: OSError."""
        self._schema, self._last = schema, position
        for number, part in _parts(self._directory):
            if number > position:
                part.unlink()

    def write(self, table: Table, rows: Sequence[Row]) -> int:
        """Raises: OSError; StoreError where the store holds what its columns cannot."""
        number = self._last + 1
        directory = self._directory / table.name
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = directory / f"{number:0{_DIGITS}}{_SUFFIX}"
        unfinished = directory / f".{part.name}"
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            self._pyarrow.parquet.write_table(self._table(table, rows), file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(part)
        self._last = number
        return number

    def close(self) -> None:
        """Nothing is open."""

    def _table(self, table: Table, rows: Sequence[Row]) -> Any:
        arrow = self._pyarrow
        kinds = {"TEXT": arrow.string(), "INTEGER": arrow.int64(), "REAL": arrow.float64()}
        schema = arrow.schema(
            [arrow.field(column.name, kinds[column.kind], nullable=not column.is_needed) for column in table.columns],
            metadata={SCHEMA: str(self._schema).encode()},
        )
        columns = list(zip(*rows, strict=True))
        try:
            return arrow.table([arrow.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
        except (arrow.ArrowInvalid, arrow.ArrowTypeError) as error:
            raise StoreError(f"{table.name} of the store holds what Parquet's column of its type cannot ({error})") from error


def read(directory: Path, tables: Sequence[str], limit: int) -> Iterator[tuple[str, str, int, list[dict[str, Any]]]]:
    """The parts of each table in pieces: where they lie, the table, the schema number of their store, the rows.

    Raises: StoreError that names the file.
    """
    arrow = pyarrow()
    for table in tables:
        for part in sorted((directory / table).glob(f"[!.]*{_SUFFIX}")):
            try:
                with arrow.parquet.ParquetFile(part) as file:
                    schema = int((file.schema_arrow.metadata or {}).get(SCHEMA, b"0"))
                    for batch in file.iter_batches(batch_size=limit):
                        yield str(part), table, schema, batch.to_pylist()
            except (arrow.ArrowException, OSError, ValueError) as error:
                raise StoreError(f"{part} cannot be read as Parquet ({error})") from error


def _parts(directory: Path) -> Iterator[tuple[int, Path]]:
    for part in directory.glob(f"*/{'[0-9]' * _DIGITS}*{_SUFFIX}"):
        if part.stem.isdigit():
            yield int(part.stem), part
