"""JSON lines: what the file is, then a row a line, with its table as `type`. Names are those of the columns.

{"type": "export", "version": 1, "schema": 2}
{"type": "calls", "trace_id": "...", "started_ns": 1764028800000000000, "cost_usd": 0.0004, ...}
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import StoreError

from .files import AppendedFile
from .tables import ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from .tables import Row, Table

HEADER: Final = "export"
VERSION: Final = 1

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class JSONLines(AppendedFile):
    """Writes rows as lines; begins a file with what it is."""

    def header(self, schema: int) -> bytes:
        return _encode({"type": HEADER, "version": VERSION, "schema": schema}).encode() + b"\n"

    def lines(self, table: Table, rows: Sequence[Row]) -> bytes:
        names = table.names
        return "".join(f"{_line(table.name, dict(zip(names, row, strict=True)))}\n" for row in rows).encode()


def _line(table: str, row: dict[str, Any]) -> str:
    """Unknown values are left out; attributes stand in it as they are stored, which is JSON already."""
    attributes = row.pop(ATTRIBUTES, None)
    known = {name: value for name, value in row.items() if value is not None}
    encoded = _encode({"type": table, **known})
    return encoded if attributes is None else f'{encoded[:-1]},"{ATTRIBUTES}":{attributes}}}'


def read(file: IO[bytes], name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Where each row stands, its table, and its values by name; the first is what the file is.

    Raises: StoreError that names the file, the line and what is wrong with it.
    """
    for number, line in enumerate(file, start=1):
        where = f"{name}, line {number}"
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            whole = "" if line.endswith(b"\n") else "; it was cut off: export again, or take the last line away"
            raise StoreError(f"{where} is no JSON ({error}){whole}") from None
        table = found.pop("type", None) if isinstance(found, dict) else None
        if not isinstance(table, str):
            raise StoreError(
                f"{where} is no row of an export: it has no `type`. `fastagentic export --format jsonl` writes them"
            )
        if ATTRIBUTES in found:
            found[ATTRIBUTES] = _encode(found[ATTRIBUTES])
        yield where, table, found
