"""What dead processes left in a spool: whose directories there are, and which of their records still wait."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, NamedTuple

from . import notes, ownership
from .segment_format import FILE_OVERHEAD, SPANS, NewerSegmentError, acknowledged, headers, salt_of
from .segments import SUFFIX, Position, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .ownership import Owner
    from .segment_format import Header

DAMAGED: Final = "spool damaged"
"""The reason under which spans are counted that lie on disk and cannot be read."""


class Scan(NamedTuple):
    """What lies in a segment."""

    segment: Segment
    positions: list[Position]
    """Records that were never acknowledged. Whether their content is whole is only known once it is read."""
    lost: int
    """Spans that were there and cannot be found: at least so many, for a damaged end does not tell."""


def owner_directories(directory: Path) -> list[Path]:
    """The directories of processes, living and dead, in a spool."""
    try:
        return sorted(path for path in directory.iterdir() if path.name not in notes.BESIDE and path.is_dir())
    except OSError:
        return []


def adopt(directory: Path) -> list[Scan]:
    """Become the owner of a dead process's directory: its segments in which something waits, the rest is deleted.

    Nothing where it lives, or where somebody else was quicker. Raises: OSError.
    """
    owner = ownership.adopt(directory)
    if owner is None:
        return []
    scans = list(_mended(owner))
    if not any(scan.positions for scan in scans):
        owner.release()
    return scans


def scan(owner: Owner | None, path: Path) -> Scan:
    """Read a segment as far as it goes. Raises: OSError, NewerSegmentError."""
    data = path.read_bytes()
    salt = salt_of(data)
    segment = Segment(owner, path, salt or 0, len(data))
    if salt is None:
        return Scan(segment, [], lost=1 if len(data) > FILE_OVERHEAD else 0)
    waiting: dict[int, Header] = {}
    lost, segment.size = 0, FILE_OVERHEAD
    for offset, header in headers(data, salt):
        lost += max(0, header.before - segment.before)
        segment.before = header.before + header.spans
        segment.size = offset + header.size
        if header.kind == SPANS:
            waiting[offset] = header
        for done in acknowledged(data, offset, header, salt):
            waiting.pop(done, None)
    positions = [segment.found(offset, header.size, header.spans, header.made_ns) for offset, header in waiting.items()]
    return Scan(segment, positions, lost)


def _mended(owner: Owner) -> Iterator[Scan]:
    for path in sorted(owner.directory.glob(f"*{SUFFIX}")):
        try:
            found = scan(owner, path)
            if found.positions:
                os.truncate(path, found.segment.size)  # a record not written to its end: acknowledgements go there now
            else:
                path.unlink()
        except (OSError, NewerSegmentError):
            continue  # not ours to read: stays, for a survey to show
        yield found
