"""Between which rows the store's spans lie: changes with whatever is stored or pruned. Asked by the dashboard, to be live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3


@dataclass(slots=True, frozen=True)
class Extent:
    """The numbers of the first and the last span stored; 0 in an empty store. The last grows with every span."""

    first: int
    last: int


# Two statements: only one end at a time is looked up, and both together mean reading every row.
_ENDS: Final = ("SELECT COALESCE(MIN(rowid), 0) FROM spans", "SELECT COALESCE(MAX(rowid), 0) FROM spans")


def extent(connection: sqlite3.Connection) -> Extent:
    """The extent of the store as it is now; looks at two rows."""
    return Extent(*(connection.execute(end).fetchone()[0] for end in _ENDS))
