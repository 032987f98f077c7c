"""How the store is: size, counts, ages, what was lost, what has no price. Asked by `fastagentic status`."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastagentic.store.migrations import schema_version

from .dimensions import ANSWERED
from .grouped import grouped, text_key
from .scope import EVERYTHING
from .sql import dialect_of

if TYPE_CHECKING:
    from .sql import Reader

UNKNOWN_MODEL: Final = "(no model)"


@dataclass(slots=True, frozen=True)
class Dropped:
    """Spans lost for one reason, and when that was last noted (nanoseconds since the epoch)."""

    reason: str
    spans: int
    last_ns: int


@dataclass(slots=True, frozen=True)
class UnpricedModel:
    """A model whose calls have no known cost."""

    model: str
    calls: int


@dataclass(slots=True, frozen=True)
class StoreStatus:
    """What lies in the store. Times are nanoseconds since the epoch, None in an empty store."""

    place: str
    """The file, or the address of a database without its password."""
    size_bytes: int | None
    schema_version: int | None
    """Of the local store's file; None elsewhere."""
    spans: int
    calls: int
    runs: int
    oldest_ns: int | None
    newest_ns: int | None
    drops: tuple[Dropped, ...]
    unpriced: tuple[UnpricedModel, ...]


_COUNTS: Final = "(SELECT COUNT(*) FROM calls), (SELECT COUNT(*) FROM runs)"
_DROPS: Final = "SELECT reason, SUM(spans), MAX(at_ns) FROM drops GROUP BY reason ORDER BY 2 DESC"


def status(connection: Reader, place: Path | str) -> StoreStatus:
    """How the store behind `connection` is, a file or a database elsewhere. Unpriced models are those that answered."""
    sql = dialect_of(connection)
    counts = connection.execute(f"SELECT {sql.span_count}, {_COUNTS}").fetchone()
    oldest_ns, newest_ns = connection.execute("SELECT MIN(started_ns), MAX(started_ns) FROM spans").fetchone()
    return StoreStatus(
        place=str(place),
        size_bytes=size_bytes(place) if isinstance(place, Path) else None,
        schema_version=schema_version(connection) if isinstance(connection, sqlite3.Connection) else None,
        **dict(zip(("spans", "calls", "runs"), counts, strict=True)),
        oldest_ns=oldest_ns,
        newest_ns=newest_ns,
        drops=tuple(Dropped(*row) for row in connection.execute(_DROPS)),
        unpriced=tuple(_unpriced(connection)),
    )


def _unpriced(connection: Reader) -> list[UnpricedModel]:
    found = [(text_key(*group.keys), group.sums.unpriced) for group in grouped(connection, EVERYTHING, (ANSWERED,))]
    ranked = sorted((-calls, model or "") for model, calls in found if calls)
    return [UnpricedModel(model or UNKNOWN_MODEL, -calls) for calls, model in ranked]


def size_bytes(path: Path) -> int:
    """Bytes on disk, those not yet folded into the file included."""
    total = 0
    for suffix in ("", "-wal"):
        with contextlib.suppress(OSError):
            total += path.with_name(path.name + suffix).stat().st_size
    return total
