"""Taking somebody's spans out of what waits to be delivered, or was refused. For `fastagentic prune --user`.

What dead processes left is rewritten. A segment of a living process is its own, with places in it that it remembers: there a
rule is left beside the segments, by which every process that sends from this spool, that one too, leaves those spans out.
The rule is written first. Killed at any later moment, no span that it is about is sent, and asking again does the rest.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .destination import Payload
from .rules import as_json, from_json, scores_in, without
from .spool import Spool, notes, ownership
from .spool.recovery import owner_directories
from .spool.survey import segment_records, status_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .record import Record
    from .rules import Rule
    from .spool import Position

_NO_LIMIT: Final = 1 << 62
_SETTLED_S: Final = 86_400.0
"""How long a rule stays at least: what a process could not write to disk is nowhere to be seen."""


class Erased(NamedTuple):
    """How many spans a rule is about."""

    waiting: int = 0
    """Left by dead processes: deleted."""
    held: int = 0
    """Of living processes: left out when they are sent, and their bytes go with the segment."""
    refused: int = 0
    """Refused by the destination and set aside: deleted."""
    scores: int = 0
    """How many of all these are scores."""

    @property
    def spans(self) -> int:
        """All of them."""
        return self.waiting + self.held + self.refused


def count(directory: Path, rule: Rule) -> Erased:
    """How many spans of a spool a rule is about. Changes nothing."""
    waiting = held = scores = 0
    for owner in owner_directories(directory):
        taken, among = _taken(segment_records(owner), rule)
        with contextlib.suppress(OSError):
            if ownership.is_alive(owner):
                held += taken
            else:
                waiting += taken
            scores += among
    refused = sum(one.spans - rest.spans for one, rest in _aside_without(directory, rule))
    return Erased(waiting, held, refused, scores)


def erase(directory: Path, rule: Rule) -> Erased:
    """Take the spans that a rule is about out of a spool. Raises: OSError; asked again, it does the rest."""
    found = count(directory, rule)
    if not found.spans:
        return found
    notes.write_rule(directory, as_json(rule))
    if found.waiting:
        _rewrite(directory, rule)
    for one, rest in _aside_without(directory, rule):
        if rest.spans:
            notes.set_aside(directory, rest.body, rest.spans, one.why)
        one.path.unlink(missing_ok=True)
    return found


def forget_settled(directory: Path) -> None:
    """Delete rules about nothing that can still wait."""
    oldest_ns = status_of(directory).oldest_ns
    for path, found in notes.rules(directory):
        rule = from_json(found)
        is_over = oldest_ns is None or rule is None or oldest_ns > rule.before_ns
        with contextlib.suppress(OSError):
            if is_over and time.time() - path.stat().st_mtime > _SETTLED_S:
                path.unlink()


def _rewrite(directory: Path, rule: Rule) -> None:
    """Move what dead processes left to new segments, where one holds a span that is to go: then the old bytes are gone."""
    spool = Spool(directory, max_bytes=_NO_LIMIT, max_age_s=None, on_dropped=lambda *lost: spool.note_drop(*lost))
    try:
        by_segment: dict[Any, list[Position]] = {}
        for position in spool.take_over():
            by_segment.setdefault(position.segment, []).append(position)
        for positions in by_segment.values():
            records = [(position, record) for position in positions if (record := spool.read(position)) is not None]
            kept = [(position, record, without(record, [rule])) for position, record in records]
            if any(rest is not record for _, record, rest in kept):
                _move(spool, [(position, rest) for position, _, rest in kept])
    finally:
        spool.close()


def _move(spool: Spool, kept: Iterable[tuple[Position, Record | None]]) -> None:
    """A record is behind its new place before it is given up at the old one: killed in between, it is sent twice."""
    moved = []
    for position, rest in kept:
        if rest is not None and spool.append(rest) is None:
            raise OSError(f"{spool.directory} cannot be written ({spool.fault})")
        moved.append(position)
    spool.acknowledge(*moved)


def _taken(records: Iterable[Record], rule: Rule) -> tuple[int, int]:
    """How many spans of these a rule is about, and how many of those are scores."""
    spans = scores = 0
    for record in records:
        rest = without(record, [rule])
        if rest is not record:
            spans += record.spans - (0 if rest is None else rest.spans)
            scores += scores_in(record) - scores_in(rest)
    return spans, scores


def _aside_without(directory: Path, rule: Rule) -> Iterable[tuple[notes.Aside, Payload]]:
    """The requests that were refused and hold such spans, and what is left of each."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    for one in notes.aside(directory):
        try:
            request = ExportTraceServiceRequest.FromString(one.path.read_bytes())
        except (OSError, DecodeError):
            continue
        scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
        before = sum(len(scope.spans) for scope in scopes)
        for scope in scopes:
            kept = [span for span in scope.spans if not rule.takes(span, one.made_ns)]
            del scope.spans[:]
            scope.spans.extend(kept)
        after = sum(len(scope.spans) for scope in scopes)
        if after < before:  # the count of the file is that of the spans refused, which can be fewer
            yield one, Payload(request.SerializeToString(), max(0, one.spans - (before - after)) if after else 0)
