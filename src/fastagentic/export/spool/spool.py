"""The spool of one destination: the spans that it has not acknowledged, on disk, for this process or for the one after it.

`<directory>/<owner>/NNNNNN.seg`: an owner a process (`ownership.py`), files as in `segments.py`, limits as in `shelf.py`.
`delivery.py` appends every record before it is sent and acknowledges it afterwards. What a dead process left is taken over.
Nothing here raises: a disk that cannot be written is a `fault`, and is tried again.
"""

from __future__ import annotations

import contextlib
import errno
import os
import threading
import time
import weakref
from collections import Counter
from typing import TYPE_CHECKING, Final

from fastagentic.core.guard import report

from . import notes
from .notes import Label, spool_directory
from .recovery import DAMAGED, adopt, owner_directories
from .segment_format import OVERHEAD
from .segments import Position
from .shelf import DELETED, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fastagentic.export.record import Record

    from .recovery import Scan
    from .segments import Segment

__all__ = ("Position", "Spool", "spool_directory")

RETRY_S: Final = 2.0
"""How long a disk that could not be written is left alone: a full one costs nothing a call."""
_TRIES: Final = 2
_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""After these a file is as it was, and may be appended to once there is space."""


class Spool:
    """Records on disk below `directory`, of which this process may hold `max_bytes`, and none for longer than `max_age_s`.

    The limits are over what this process writes and has taken over; other living processes have theirs. What has to go, the
    oldest first and never what is held, is told to `on_dropped(spans, reason)`, on whichever thread. `name` and `endpoint` of
    the destination are left beside it for people, with its `identity` where it has one. Nothing is opened before it is needed.
    `earlier` is where its spool lay before: what is left there is taken over too, and nothing is written.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> from fastagentic.export.record import Frame, Record
        >>> spool = Spool(Path(mkdtemp()), max_bytes=1 << 20, max_age_s=None, on_dropped=print)
        >>> position = spool.append(Record(Frame(b"resource", b"scope"), b"spans", spans=2, made_ns=1))
        >>> spool.read(position).body
        b'spans'
        >>> spool.acknowledge(position)
        >>> spool.close()
    """

    def __init__(
        self,
        directory: Path,
        *,
        max_bytes: int,
        max_age_s: float | None,
        on_dropped: Callable[[int, str], None],
        name: str = "",
        endpoint: str = "",
        identity: str = "",
        earlier: Path | None = None,
    ) -> None:
        self.directory = directory
        self.directories = (directory,) if earlier is None or earlier == directory else (directory, earlier)
        """Those from which it takes over."""
        self._label = Label(name, endpoint, identity)
        self._max_bytes = max_bytes
        self._max_age_s = max_age_s
        self._on_dropped = on_dropped
        self._reset()
        _spools.add(self)

    def _reset(self) -> None:
        self._turn = _Turn()
        self._shelf = Shelf(self.directory, self._label, max_bytes=self._max_bytes, max_age_s=self._max_age_s)
        self._unwritten: Counter[str] = Counter()  # drops of which there is no note yet
        self._unread: list[Position] = []
        self._retry_s = 0.0
        self.fault: str | None = None
        """Why the disk could not be written at the last try."""

    def _start_over(self) -> None:
        """In a forked child: what is on disk is the parent's to deliver, and so are its descriptors."""
        self._shelf.forget()
        self._reset()

    @property
    def is_writable(self) -> bool:
        """Whether the last try succeeded, or there was none."""
        return self.fault is None

    # --- records -----------------------------------------------------------------------------------

    def append(self, record: Record) -> Position | None:
        """Write a record, into the page cache at least; None where the disk cannot be written (`fault` says why)."""
        if self._retry_s and time.monotonic() < self._retry_s:
            return None
        with self._turn as is_first:
            if not is_first:
                return None
            position = None
            try:
                position = self._append(record)
                self.fault, self._retry_s = None, 0.0
            except Exception as error:  # noqa: BLE001  # whatever a strange disk can do
                self._failed(error)
        self._tell_losses()
        return position

    def read(self, position: Position) -> Record | None:
        """The record; None when it was dropped, is damaged or was deleted, which is counted.

        None too where it cannot be read at the moment: then the next `take_over` has its position once more.
        """
        segment = position.segment
        with self._turn:
            if segment.is_gone or not position.is_waiting:
                return None
            reason = DAMAGED
            try:
                record = segment.read(position)
            except FileNotFoundError:
                record, reason = None, DELETED
            except OSError:  # no more descriptors, for one
                segment.let_go(position)
                self._unread.append(position)
                return None
            if record is None:
                segment.settle(position)
                self._shelf.losses[reason] += position.spans
                self._shelf.finish(segment)
        self._tell_losses()
        return record

    def hold(self, position: Position) -> bool:
        """Keep a record from being dropped while it is sent; False when it was dropped already, which was counted."""
        with self._turn:
            is_there = position.is_waiting and not position.segment.is_gone
            if is_there:
                position.segment.hold(position)
            return is_there

    def let_go(self, *positions: Position) -> None:
        """The records were not taken, and wait again."""
        with self._turn:
            for position in positions:
                position.segment.let_go(position)

    def acknowledge(self, *positions: Position) -> None:
        """The destination has the records: they are never read again, neither here nor by another process."""
        of: dict[Segment, list[Position]] = {}
        with self._turn:
            for position in positions:
                if position.is_waiting and not position.segment.is_gone:
                    of.setdefault(position.segment, []).append(position)
            for segment, done in of.items():
                with contextlib.suppress(OSError):  # sent twice at worst, and only after a crash
                    segment.acknowledge(done)
                self._shelf.finish(segment)

    # --- other processes ---------------------------------------------------------------------------

    def take_over(self) -> list[Position]:
        """The records that dead processes left and that wait, the oldest first; from here on they are ours to send."""
        scans: list[Scan] = []
        owners = [owner for directory in self.directories for owner in owner_directories(directory)]
        for directory in owners:  # not under the lock: reading takes a while
            with contextlib.suppress(OSError):  # not ours to read, or gone meanwhile; another time perhaps
                scans += adopt(directory)
        with self._turn:
            self._shelf.losses[DAMAGED] += sum(scan.lost for scan in scans)
            self._shelf.put(scan.segment for scan in scans if scan.positions)
            self._shelf.sweep()
            unread, self._unread = self._unread, []
        self._tell_losses()
        positions = [*unread, *(position for scan in scans for position in scan.positions)]
        return sorted((one for one in positions if not one.segment.is_gone), key=lambda one: one.made_ns)

    def close(self) -> None:
        """Give all up. What is not acknowledged stays for the next process, or for the next `take_over` here."""
        with self._turn as is_first:
            if is_first:  # else the operating system does it, when the process has ended
                self._shelf.leave()
        self._tell_losses()
        with self._turn:
            self._write_notes()

    # --- beside the records ------------------------------------------------------------------------

    def set_aside(self, payload: bytes, spans: int, why: str) -> bool:
        """Keep a request that the destination will never take, for a person to look at; False where that cannot be."""
        try:
            with self._turn:
                self._shelf.make_room(len(payload))
            notes.set_aside(self._shelf.made_directory(), payload, spans, why)
        except OSError:
            return False
        finally:
            self._tell_losses()
        return True

    def note_drop(self, spans: int, reason: str) -> None:
        """Leave a note of spans that were lost, for `fastagentic status` to count. Not called by the spool itself."""
        with self._turn:
            self._unwritten[reason] += spans
            if time.monotonic() >= self._retry_s:
                self._write_notes()

    def _write_notes(self) -> None:
        with contextlib.suppress(OSError):  # the next note, or `close`, tries again
            for reason, spans in list(self._unwritten.items()):
                notes.note_drop(self._shelf.made_directory(), spans, reason)
                del self._unwritten[reason]

    def _append(self, record: Record) -> Position:
        resource, scope = record.frame
        size = len(record.body) + len(resource) + len(scope) + OVERHEAD
        for _ in range(_TRIES):
            segment = self._shelf.writable(size, record.made_ns)
            if segment.is_sound():
                return segment.append(record)
            self._shelf.seal()
        raise FileNotFoundError(errno.ENOENT, "deleted as soon as it is written")

    def _failed(self, error: Exception) -> None:
        self._retry_s = time.monotonic() + RETRY_S
        self.fault = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        if not isinstance(error, OSError):
            report("write to the spool", error)
        if getattr(error, "errno", None) not in _NO_SPACE:
            self._shelf.seal()

    def _tell_losses(self) -> None:
        """Not under the lock: whoever is told may come back."""
        if not self._shelf.losses:
            return
        with self._turn:
            losses, self._shelf.losses = self._shelf.losses, Counter()
        for reason, spans in losses.items():
            if spans:
                self._on_dropped(spans, reason)


class _Turn:
    """The spool's lock: True for whoever enters; False for a thread that is inside already, for there it is a finalizer or a
    signal handler, in the middle of something.
    """

    __slots__ = ("_depth", "_lock")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._depth = 0

    def __enter__(self) -> bool:
        self._lock.acquire()
        self._depth += 1
        return self._depth == 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        self._lock.release()


_spools: Final[weakref.WeakSet[Spool]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for spool in list(_spools):
        spool._start_over()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
