"""Between which rows the store's spans lie: changes with whatever is stored or pruned. Asked by the dashboard, to be live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .sql import dialect_of

if TYPE_CHECKING:
    from .sql import Reader


@dataclass(slots=True, frozen=True)
class Extent:
    """The numbers of the first and the last span stored; 0 in an empty store. The last grows with every span.

    In ClickHouse, the time of the first and how many there are: both are known there without reading any.
    """

    first: int
    last: int


def extent(connection: Reader) -> Extent:
    """The extent of the store as it is now; looks at two rows at most."""
    return Extent(*(connection.execute(end).fetchone()[0] for end in dialect_of(connection).ends))
