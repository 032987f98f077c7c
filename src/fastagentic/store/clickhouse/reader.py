"""A reader of ClickHouse that answers like a connection of SQLite's: `execute(query, parameters)`, rows as tuples."""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from typing import TYPE_CHECKING, Any

from .dialect import CLICKHOUSE, PRELUDE
from .wire import TIMEOUT_S, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .address import Address


class Found:
    """The rows of a query, in order, each handed out once."""

    def __init__(self, rows: list[tuple[Any, ...]]) -> None:
        self._rows = deque(rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while self._rows:
            yield self._rows.popleft()

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None."""
        return self._rows.popleft() if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All that are left."""
        return list(self)


class ClickHouseReader:
    """Asks the questions of `queries/` over a wire. Each stands for itself: what arrives between two is in the second."""

    dialect = CLICKHOUSE

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def execute(self, query: str, parameters: Sequence[str | int] = (), /) -> Found:
        """Raises: StoreError."""
        return Found(self._wire.ask(PRELUDE + _numbered(query, tuple(map(type, parameters))), parameters))


@contextlib.contextmanager
def open_clickhouse(address: Address, *, timeout_s: float = TIMEOUT_S) -> Iterator[ClickHouseReader]:
    """A reader of the database at `address`, which the first question connects. Raises: StoreError, while it is asked."""
    wire = Wire(address, timeout_s=timeout_s)
    try:
        yield ClickHouseReader(wire)
    finally:
        wire.close()


@functools.lru_cache(maxsize=256)
def _numbered(query: str, kinds: tuple[type, ...]) -> str:
    """The query with its `?` as ClickHouse names parameters: each has a name and a type. No text in `queries/` holds a `?`."""
    first, *rest = query.split("?")
    types = ("Int64" if kind is int else "String" for kind in kinds)
    return first + "".join(f"{{p{at}:{kind}}}{part}" for at, (kind, part) in enumerate(zip(types, rest, strict=True)))
