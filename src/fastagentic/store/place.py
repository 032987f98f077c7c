"""Which store commands and pages read: the local one, or the ClickHouse that `FASTAGENTIC_STORE` names.

Who writes the store, or needs its file, asks `location.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastagentic.core.config import setting

from .clickhouse.address import Address
from .location import store_path
from .reader import BUSY_S, open_store

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .queries.sql import Reader


@dataclass(slots=True, frozen=True)
class Place:
    """Where the store is that is read. As text: the file, or the address without user and password."""

    at: Path | Address

    @property
    def path(self) -> Path | None:
        """The file of the local store; None elsewhere, where nothing can be written or pruned from here."""
        return None if isinstance(self.at, Address) else self.at

    def __str__(self) -> str:
        return str(self.at)

    def open(self) -> AbstractContextManager[Reader]:
        """A reader of it. Raises: StoreError, also while it is asked."""
        if not isinstance(self.at, Address):
            return open_store(self.at, busy_s=BUSY_S)
        from .clickhouse.reader import open_clickhouse

        return open_clickhouse(self.at)


def read_place() -> Place:
    """The store to read. Raises: ConfigError when `FASTAGENTIC_STORE` names none."""
    url = setting("store")
    return Place(store_path() if url is None else Address.of(url))
