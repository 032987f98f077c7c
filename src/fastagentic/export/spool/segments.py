"""A segment: an append-only file of records and of their acknowledgements, and where in it a record lies.

Its bytes are described in `segment_format.py`; `shelf.py` decides which segments there are.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, Final

from fastagentic.export.record import Frame, Record

from .segment_format import FILE_OVERHEAD, SPANS, content_of, file_header, header_at, new_salt, packed, packed_offsets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from .ownership import Owner

SUFFIX: Final = ".seg"
_OPEN: Final = os.O_RDWR | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Position:
    """Where a record lies on disk. For the spool to be handed back; others look at `spans`, `size` and `made_ns`."""

    __slots__ = ("is_held", "is_waiting", "made_ns", "offset", "segment", "size", "spans")

    def __init__(self, segment: Segment, offset: int, size: int, spans: int, made_ns: int) -> None:
        self.segment = segment
        self.offset = offset
        self.size = size
        """Bytes on disk."""
        self.spans = spans
        self.made_ns = made_ns
        self.is_waiting = True
        """Neither acknowledged nor dropped."""
        self.is_held = False
        """Being sent: its segment is not dropped meanwhile."""


class Segment:
    """One file. Not thread-safe: the spool's lock is around every call."""

    __slots__ = (
        "_inode",
        "_owed",
        "_salt",
        "before",
        "fd",
        "held",
        "is_gone",
        "newest_ns",
        "oldest_ns",
        "owner",
        "path",
        "size",
        "waiting",
        "waiting_spans",
    )

    def __init__(self, owner: Owner | None, path: Path, salt: int, size: int) -> None:
        self.owner = owner
        self.path = path
        self.size = size
        self.fd: int | None = None
        """Open while the segment is written to, or as the only way to a file that somebody has deleted."""
        self.waiting = 0
        """Records that are not acknowledged."""
        self.waiting_spans = 0
        self.held = 0
        """Records that are being sent."""
        self.oldest_ns = self.newest_ns = 0
        self.is_gone = False
        """Dropped, finished or left to another process: its positions lead nowhere."""
        self.before = 0
        """Spans that were ever appended: a later record tells by it whether one before it is missing."""
        self._salt = salt
        self._inode = 0
        self._owed: list[int] = []  # offsets of acknowledgements that could not be written

    @classmethod
    def create(cls, owner: Owner, path: Path) -> Segment:
        """A new, empty segment, open for writing. Raises: OSError."""
        salt = new_salt()
        fd = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            _write(fd, file_header(salt), at=0)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        segment = cls(owner, path, salt, FILE_OVERHEAD)
        segment.fd, segment._inode = fd, os.fstat(fd).st_ino
        return segment

    def append(self, record: Record) -> Position:
        """Write a record in one call. Raises: OSError; then nothing of it is in the file."""
        assert self.fd is not None
        data = packed(self._salt, SPANS, self.before, record.spans, (*record.frame, record.body), record.made_ns)
        offset = _write(self.fd, data, at=self.size)
        self.size = offset + len(data)
        self.before += record.spans
        return self.found(offset, len(data), record.spans, record.made_ns)

    def read(self, position: Position) -> Record | None:
        """The record, or None when its bytes are not what was written. Raises: OSError."""
        with self._opened() as fd:
            data = _read(fd, position.offset, position.size)
        header = header_at(data, 0, self._salt)
        if header is None or header.size != len(data):
            return None
        content = content_of(data, 0, header, self._salt)
        if content is None:
            return None
        to_scope, to_body = header.resource, header.resource + header.scope
        frame = Frame(content[:to_scope], content[to_scope:to_body])
        return Record(frame, content[to_body:], header.spans, header.made_ns)

    def acknowledge(self, positions: Sequence[Position]) -> None:
        """Write down that records need not be sent again.

        Raises: OSError; they count as acknowledged all the same, and are written down with the next.
        """
        for position in positions:
            self.settle(position)
        self._owed += [position.offset for position in positions]
        data = packed_offsets(self._salt, self.before, self._owed)
        with self._opened() as fd:
            self.size = _write(fd, data, at=self.size) + len(data)
        self._owed = []

    def found(self, offset: int, size: int, spans: int, made_ns: int) -> Position:
        """Count a record as waiting."""
        self.waiting += 1
        self.waiting_spans += spans
        self.oldest_ns = min(self.oldest_ns or made_ns, made_ns)
        self.newest_ns = max(self.newest_ns, made_ns)
        return Position(self, offset, size, spans, made_ns)

    def settle(self, position: Position) -> None:
        """Count a record as no longer waiting, on disk or not."""
        self.let_go(position)
        position.is_waiting = False
        self.waiting -= 1
        self.waiting_spans -= position.spans

    def hold(self, position: Position) -> None:
        """The record is being sent."""
        self.held += not position.is_held
        position.is_held = True

    def let_go(self, position: Position) -> None:
        """The record is not being sent any more."""
        self.held -= position.is_held
        position.is_held = False

    def empty(self) -> None:
        """Forget records that are all acknowledged, and their bytes. Raises: OSError."""
        assert self.fd is not None
        assert not self.waiting
        os.ftruncate(self.fd, FILE_OVERHEAD)
        self._owed = []
        self.size, self.before, self.oldest_ns, self.newest_ns = FILE_OVERHEAD, 0, 0, 0

    def is_sound(self) -> bool:
        """Whether what is appended lands in a file that has a name.

        Somebody may have deleted it, or closed all descriptors of the process, as daemons do, and opened files of their own.
        """
        stat = self._stat()
        return stat is not None and self._has_name(stat)

    def seal(self) -> None:
        """Append no more. A deleted file stays open, for there is no other way to what is in it."""
        stat = self._stat()
        if stat is None or self._has_name(stat):
            self.close()

    def close(self) -> None:
        """Let the descriptor go, where it is still ours. The file stays."""
        if self.fd is not None and self._stat() is not None:
            with contextlib.suppress(OSError):
                os.close(self.fd)
        self.fd = None

    def _stat(self) -> os.stat_result | None:
        if self.fd is None:
            return None
        try:
            stat = os.fstat(self.fd)
        except OSError:
            return None
        return stat if stat.st_ino == self._inode else None

    def _has_name(self, stat: os.stat_result) -> bool:
        return stat.st_nlink > 0 or self.path.exists()  # there are file systems that count no links

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        if self.fd is not None:
            yield self.fd
            return
        fd = os.open(self.path, _OPEN)
        try:
            yield fd
        finally:
            os.close(fd)


def _write(fd: int, data: bytes, *, at: int) -> int:
    """Append in one call; where it begins. Raises: OSError; then the file is as long as before, `at`."""
    written = os.write(fd, data)
    if written != len(data):
        os.ftruncate(fd, at)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return os.lseek(fd, 0, os.SEEK_CUR) - written


def _read(fd: int, offset: int, size: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(fd, size, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.read(fd, size)
