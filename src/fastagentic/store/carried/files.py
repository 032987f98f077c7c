"""A file that rows are appended to, which counts only as far as it is known to be on disk; or a pipe."""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final, Protocol

from fastagentic.core.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import IO

    from .tables import Row, Table

STDOUT: Final = "-"


class Output(Protocol):
    """Where an export goes, in one of the formats."""

    CHUNK: int
    """Rows that are read at once: so many are in memory."""

    def begin(self, position: int, schema: int) -> None:
        """Go on behind `position`, of which everything after is thrown away; 0 begins a new one."""

    def write(self, table: Table, rows: Sequence[Row]) -> int:
        """Write rows, to the disk; the position behind them."""

    def close(self) -> None:
        """No more is written."""


class AppendedFile(ABC):
    """One file, for this user alone: spans can hold prompts. A format says what its header and its lines are.

    `path` None writes to `file`, a pipe, of which nothing can be taken back.
    """

    CHUNK = 2_000

    def __init__(self, path: Path | None, file: IO[bytes] | None = None) -> None:
        self._path = path
        self._file = file

    @abstractmethod
    def header(self, schema: int) -> bytes:
        """What a new file begins with, from a store of this schema."""

    @abstractmethod
    def lines(self, table: Table, rows: Sequence[Row]) -> bytes:
        """Rows as they are written."""

    def begin(self, position: int, schema: int) -> None:
        """Raises: OSError; StoreError where the file is shorter than it was."""
        if self._path is not None:
            self._file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
            if os.fstat(self._file.fileno()).st_size < position:
                raise StoreError(
                    f"{self._path} is shorter than this export left it; --restart writes it anew, another --output leaves it"
                )
            self._file.truncate(position)
            self._file.seek(position)
        if not position:
            self._opened.write(self.header(schema))

    def write(self, table: Table, rows: Sequence[Row]) -> int:
        """Raises: OSError."""
        self._opened.write(self.lines(table, rows))
        self._opened.flush()
        if self._path is None:
            return 0
        os.fsync(self._opened.fileno())
        return self._opened.tell()

    def close(self) -> None:
        """Raises: OSError when what is buffered cannot be written."""
        if self._file is not None:
            self._file.flush()
        if self._file is not None and self._path is not None:
            with contextlib.closing(self._file):
                os.fsync(self._file.fileno())

    @property
    def _opened(self) -> IO[bytes]:
        assert self._file is not None
        return self._file
