"""The segments that a process holds in a spool, its own and those it has taken over, and the limits on them.

Which segment takes the next record, which is finished, which has to go. Not thread-safe: the spool's lock is around every call.
"""

from __future__ import annotations

import contextlib
import errno
import time
from collections import Counter
from typing import TYPE_CHECKING, Final

from . import notes, ownership
from .segments import SUFFIX, Segment

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .notes import Aside, Label
    from .ownership import Owner

FULL: Final = "spool full"
TOO_OLD: Final = "too old"
DELETED: Final = "spool deleted"

SEGMENT_BYTES: Final = 8 << 20
EMPTY_BYTES: Final = 1 << 20
"""A segment that is written to and all acknowledged starts over at this size."""
SWEEP_S: Final = 60.0
_PARTS: Final = 4
"""At least so many segments go into `max_bytes`, so that not everything is dropped at once."""
_AGES: Final = 8
"""For the same reason a segment spans at most this part of the longest age."""


class Shelf:
    """Segments below `directory`, of `max_bytes` together, none older than `max_age_s`."""

    def __init__(self, directory: Path, label: Label, *, max_bytes: int, max_age_s: float | None) -> None:
        self.directory = directory
        self.label = label
        self.losses: Counter[str] = Counter()
        """Spans that had to go, by reason, and were not told yet."""
        self._max_bytes = max_bytes
        self._max_age_ns = None if max_age_s is None else int(max_age_s * 1e9)
        self._segment_bytes = min(SEGMENT_BYTES, max_bytes // _PARTS)
        self._owner: Owner | None = None
        self._current: Segment | None = None
        self._segments: list[Segment] = []
        self._number = 0
        self._sweep_s = 0.0

    def made_directory(self) -> Path:
        """The directory, which is there from now on and says whose it is. Raises: OSError."""
        notes.make_private(self.directory)
        notes.write_label(self.directory, self.label)
        return self.directory

    # --- where records go ----------------------------------------------------------------------------

    def writable(self, size: int, made_ns: int) -> Segment:
        """The segment that takes a record: the current one, or a new one when that is full or spans too long a time.

        Raises: OSError.
        """
        if time.monotonic() >= self._sweep_s:
            self.sweep()
        segment = self._current
        if segment is not None and (segment.size + size > self._segment_bytes or self._is_aged(segment, made_ns)):
            self.seal()
        return self._current or self._begin(size)

    def seal(self) -> None:
        """Write no more to the current segment."""
        segment, self._current = self._current, None
        if segment is not None:
            segment.seal()
            self.finish(segment)

    def finish(self, segment: Segment) -> None:
        """Let a segment go in which nothing waits any more; the current one starts over when it has grown."""
        if segment.waiting:
            return
        if segment is not self._current:
            self._remove(segment)
        elif segment.size > min(EMPTY_BYTES, self._segment_bytes // 2):
            with contextlib.suppress(OSError):
                segment.empty()

    def put(self, segments: Iterable[Segment]) -> None:
        """Segments of dead processes: ours from now on."""
        self._segments += segments

    def leave(self) -> None:
        """Give all up: what is finished is deleted, what waits stays for another process."""
        owners = {self._owner, *(segment.owner for segment in self._segments)}
        for segment in list(self._segments):
            if segment.waiting and not segment.path.exists():
                self._drop(segment, DELETED)
            elif not segment.waiting:
                self._remove(segment)
            segment.close()
        self.forget()
        for owner in owners:
            if owner is not None:
                owner.release()

    def forget(self) -> None:
        """Know of nothing any more; nothing on disk is touched. What positions there are lead nowhere."""
        for segment in self._segments:
            segment.is_gone = True
        self._segments, self._current, self._owner = [], None, None

    def _is_aged(self, segment: Segment, now_ns: int) -> bool:
        if self._max_age_ns is None or not segment.waiting:
            return False
        return now_ns - segment.oldest_ns > self._max_age_ns // _AGES

    def _begin(self, size: int) -> Segment:
        self.make_room(max(size, self._segment_bytes))
        if self._owner is not None and not self._owner.is_held():
            self._lose(self._owner)
        if self._owner is None:
            self._owner = ownership.found(self.made_directory())
        self._number += 1
        segment = Segment.create(self._owner, self._owner.directory / f"{self._number:06d}{SUFFIX}")
        self._segments.append(segment)
        self._current = segment
        return segment

    def _lose(self, owner: Owner) -> None:
        """The lock is gone: what lies in the directory, if it is still there, is whoever's takes it over."""
        self._owner = None
        owner.release()
        if owner.directory.exists():
            for segment in [one for one in self._segments if one.owner is owner]:
                segment.close()
                segment.is_gone = True
                self._segments.remove(segment)

    def _remove(self, segment: Segment) -> None:
        segment.close()
        segment.is_gone = True
        self._segments.remove(segment)
        if segment is self._current:
            self._current = None
        with contextlib.suppress(OSError):
            segment.path.unlink(missing_ok=True)
        owner = segment.owner
        if owner is not None and owner is not self._owner and all(other.owner is not owner for other in self._segments):
            owner.release()

    # --- the limits ------------------------------------------------------------------------------------

    def make_room(self, size: int) -> None:
        """Drop the oldest until `size` more bytes may be written, and nothing that is being sent. Raises: OSError."""
        aside = notes.aside(self.directory)
        used = sum(one.size for one in aside) + sum(self._reserved(segment) for segment in self._segments)
        droppable = sorted((one for one in self._segments if not one.held), key=lambda one: one.newest_ns)
        while used + size > self._max_bytes:
            if aside:  # nobody will ever take it
                used -= self._drop_aside(aside.pop(0), FULL)
            elif droppable:
                used -= self._reserved(droppable[0])
                self._drop(droppable.pop(0), FULL)
            else:
                raise OSError(errno.EDQUOT, f"the limit of {self._max_bytes} bytes is reached by what is being sent")

    def sweep(self) -> None:
        """Drop what is too old, and what is too much after a take-over."""
        self._sweep_s = time.monotonic() + SWEEP_S
        if self._max_age_ns is not None:
            self._drop_older(time.time_ns() - self._max_age_ns)
        with contextlib.suppress(OSError):
            self.make_room(0)

    def _drop_older(self, than_ns: int) -> None:
        for segment in [one for one in self._segments if one.waiting and not one.held and one.newest_ns < than_ns]:
            self._drop(segment, TOO_OLD)
        for one in notes.aside(self.directory):
            if one.made_ns < than_ns:
                self._drop_aside(one, TOO_OLD)

    def _reserved(self, segment: Segment) -> int:
        return max(segment.size, self._segment_bytes) if segment is self._current else segment.size

    def _drop(self, segment: Segment, reason: str) -> None:
        self.losses[reason] += segment.waiting_spans
        self._remove(segment)

    def _drop_aside(self, one: Aside, reason: str) -> int:
        """The bytes that are free now."""
        try:
            one.path.unlink()
        except FileNotFoundError:  # another process has dropped and counted it
            return one.size
        except OSError:  # another user's
            return 0
        self.losses[reason] += one.spans
        return one.size
