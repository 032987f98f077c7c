"""What the store takes in: one finished span, told without OpenTelemetry's classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    AttributeValue = str | bool | int | float | Sequence[str] | Sequence[bool] | Sequence[int] | Sequence[float]


@dataclass(slots=True, frozen=True)
class StoredSpan:
    """A finished span of ours. Ids are lower-case hex as on the wire (32 and 16 digits), times nanoseconds since the epoch."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    started_ns: int
    ended_ns: int
    status: str
    """`unset`, `ok` or `error`."""
    attributes: Mapping[str, AttributeValue]
