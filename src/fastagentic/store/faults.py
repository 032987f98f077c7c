"""What can be wrong with the store's file, told from SQLite's error: which kind, what to say, whether to wait
or to stop.

The writer asks how to go on, the reader what to tell a person. A new kind is a row of `POLICIES` and a code
of `_KIND_OF`.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import StoreTooNewError

if TYPE_CHECKING:
    from pathlib import Path

DATA_ERRORS: Final = (
    OverflowError, UnicodeError,
    sqlite3.InterfaceError, sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.DataError,
)  # fmt: skip
"""What SQLite raises because of one row, not because of the file."""


class FaultKind(StrEnum):
    """What is wrong with the file, as `drops.reason` spells it."""

    LOCKED = "locked"
    UNWRITABLE = "unwritable"
    CORRUPT = "corrupt"
    NEWER = "newer"


@dataclass(slots=True, frozen=True)
class Policy:
    """How the writer goes on after a fault: `first_wait_s` doubles up to `longest_wait_s`; None stops writing there."""

    first_wait_s: float | None
    longest_wait_s: float
    log: str
    """What the one log line says; `{path}` and `{detail}` are filled in."""
    tell: str
    """What a command says to a person."""

    def wait_s(self, tries: int) -> float | None:
        """Seconds to wait after the given number of failed tries in a row, from 1."""
        if self.first_wait_s is None:
            return None
        return float(min(self.longest_wait_s, self.first_wait_s * 2 ** min(tries - 1, 20)))


_MOVE_AWAY: Final = (
    "Nothing was deleted. Move the file away (`fastagentic status` names it; also the -wal and -shm files "
    "beside it): a new store is made with the next call."
)
POLICIES: Final = {
    FaultKind.LOCKED: Policy(
        first_wait_s=0.05,
        longest_wait_s=1.0,
        log="The local store {path} is locked by another process; calls are kept in memory and written when it is free.",
        tell="{path} is locked by another process ({detail}). Try again in a moment, or end the process "
        "that holds it (`fuser {path}` names it).",
    ),
    FaultKind.UNWRITABLE: Policy(
        first_wait_s=0.5,
        longest_wait_s=30.0,
        log="The local store {path} cannot be written ({detail}); calls are kept in memory and tried again. "
        "Free some space or make the directory writable, or set FASTAGENTIC_HOME to another one.",
        tell="{path} cannot be used ({detail}). Check that the disk has space and that you may read and "
        "write the file and its directory, or set FASTAGENTIC_HOME to another directory.",
    ),
    FaultKind.CORRUPT: Policy(
        first_wait_s=None,
        longest_wait_s=0.0,
        log="The local store {path} is damaged ({detail}); calls are not stored. " + _MOVE_AWAY,
        tell="{path} is damaged ({detail}). " + _MOVE_AWAY,
    ),
    FaultKind.NEWER: Policy(
        first_wait_s=None,
        longest_wait_s=0.0,
        log="{detail} Until then calls are not stored.",
        tell="{detail}",
    ),
}

# Primary result codes of SQLite. What is not named is taken for a fault of the disk: wait and try again.
_KIND_OF: Final = {
    sqlite3.SQLITE_BUSY: FaultKind.LOCKED,
    sqlite3.SQLITE_LOCKED: FaultKind.LOCKED,
    sqlite3.SQLITE_PROTOCOL: FaultKind.LOCKED,
    sqlite3.SQLITE_CORRUPT: FaultKind.CORRUPT,
    sqlite3.SQLITE_NOTADB: FaultKind.CORRUPT,
    sqlite3.SQLITE_ERROR: FaultKind.CORRUPT,  # a table or column is missing: not our file, or no longer
}


@dataclass(slots=True, frozen=True)
class Fault:
    """What is wrong with the store at `path`, from the error that showed it."""

    kind: FaultKind
    path: Path
    detail: str

    @property
    def policy(self) -> Policy:
        """How to go on, and what to say."""
        return POLICIES[self.kind]

    @property
    def log_line(self) -> str:
        """One line for the log of a process that writes."""
        return self.policy.log.format(path=self.path, detail=self.detail)

    @property
    def advice(self) -> str:
        """One line for a person at a terminal: what is wrong and how to mend it."""
        return self.policy.tell.format(path=self.path, detail=self.detail)


def fault_of(error: Exception, path: Path) -> Fault | None:
    """The fault behind `error`, or None when it says nothing about the file."""
    if isinstance(error, StoreTooNewError):
        return Fault(FaultKind.NEWER, path, str(error))
    if isinstance(error, OSError):
        return Fault(FaultKind.UNWRITABLE, path, error.strerror or type(error).__name__)
    if not isinstance(error, sqlite3.Error):
        return None
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR) & 0xFF
    return Fault(_KIND_OF.get(code, FaultKind.UNWRITABLE), path, str(error))
