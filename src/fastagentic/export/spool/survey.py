"""What waits on disk, for a person: all spools below a home, read without changing anything, while others write."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import notes, ownership
from .recovery import owner_directories, scan
from .segment_format import NewerSegmentError
from .segments import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fastagentic.export.record import Record

    from .notes import Aside, Drop
    from .segments import Segment


@dataclass(slots=True, frozen=True)
class SpoolStatus:
    """The spool of one destination: what waits, what was refused, what was lost."""

    directory: Path
    name: str
    endpoint: str
    """Without its secrets; empty where the spool does not say."""
    identity: str
    """The project behind the endpoint, by its public key; empty where there is none, or where the spool does not say."""
    spans: int
    """That wait to be delivered."""
    orphaned_spans: int
    """Of those, the ones that a dead process left: the next process with this destination takes them over."""
    size_bytes: int
    """On disk, with what is set aside."""
    oldest_ns: int | None
    """When the oldest of what waits was made, nanoseconds since the epoch."""
    alive: int
    """Living processes that write here."""
    dead: int
    """Dead processes that left something."""
    aside: tuple[Aside, ...]
    """Requests that the destination refused."""
    drops: tuple[Drop, ...]
    """Spans that were lost, by reason."""
    unreadable: int
    """Segments that cannot be read: of another user, or written by a newer version."""

    @property
    def address(self) -> str:
        """Where it sends to, in words: the endpoint, and the project behind it."""
        return ", ".join(filter(None, (self.endpoint, self.identity)))

    @property
    def aside_spans(self) -> int:
        """Spans in the requests that were refused."""
        return sum(one.spans for one in self.aside)


def survey(home: Path) -> list[SpoolStatus]:
    """All spools below `home`, by name; empty where there is none."""
    try:
        directories = sorted(path for path in (home / notes.SPOOL).iterdir() if path.is_dir())
    except OSError:
        return []
    return [status_of(directory) for directory in directories]


def status_of(directory: Path) -> SpoolStatus:
    """One spool."""
    label, aside = notes.read_label(directory), notes.aside(directory)
    found = [_Found(owner) for owner in owner_directories(directory)]
    segments = [segment for one in found for segment in one.segments]
    return SpoolStatus(
        directory=directory,
        name=label.name,
        endpoint=label.endpoint,
        identity=label.identity,
        spans=sum(segment.waiting_spans for segment in segments),
        orphaned_spans=sum(segment.waiting_spans for one in found if not one.is_alive for segment in one.segments),
        size_bytes=sum(segment.size for segment in segments) + sum(one.size for one in aside),
        oldest_ns=min((segment.oldest_ns for segment in segments if segment.waiting), default=None),
        alive=sum(one.is_alive for one in found),
        dead=sum(not one.is_alive for one in found if one.segments or one.unreadable),
        aside=tuple(aside),
        drops=tuple(notes.drops(directory)),
        unreadable=sum(one.unreadable for one in found),
    )


def waiting_records(directory: Path) -> Iterator[Record]:
    """What waits in a spool, of living processes too, the oldest first as far as a process goes; left where it is."""
    for owner in owner_directories(directory):
        yield from segment_records(owner)


def segment_records(owner: Path) -> Iterator[Record]:
    """What waits in the segments of one process; left where it is."""
    for path in sorted(owner.glob(f"*{SUFFIX}")):
        with contextlib.suppress(OSError, NewerSegmentError):
            found = scan(None, path)
            records = [found.segment.read(position) for position in found.positions]
            yield from (record for record in records if record is not None)


class _Found:
    """The directory of one process."""

    __slots__ = ("is_alive", "segments", "unreadable")

    def __init__(self, directory: Path) -> None:
        self.segments: list[Segment] = []
        self.unreadable = 0
        try:
            self.is_alive = ownership.is_alive(directory)
        except OSError:  # another user's
            self.is_alive = True
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            try:
                self.segments.append(scan(None, path).segment)
            except FileNotFoundError:  # delivered meanwhile
                continue
            except (OSError, NewerSegmentError):
                self.unreadable += 1
