"""CSV: the calls alone, a row each, for a spreadsheet. It cannot be imported: the spans of a run have no place in it."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

from fastagentic.core.words import iso_time

from .files import AppendedFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import IO

    from .tables import Row, Table

STARTED: Final = "started"
"""The first column, beside those of the store: nanoseconds have more digits than a spreadsheet's numbers."""


class CSVFile(AppendedFile):
    """Writes calls as rows. Times are UTC, ISO 8601; an unknown value is an empty field."""

    def __init__(self, path: Path | None, file: IO[bytes] | None = None, *, columns: Sequence[str]) -> None:
        super().__init__(path, file)
        self._columns = columns

    def header(self, schema: int) -> bytes:
        return _encoded([(STARTED, *self._columns)])

    def lines(self, table: Table, rows: Sequence[Row]) -> bytes:
        started_at = table.names.index("started_ns")
        return _encoded([(iso_time(int(row[started_at] or 0)), *row) for row in rows])


def _encoded(rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()
