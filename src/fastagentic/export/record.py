"""A batch of encoded spans for one destination: what its queue holds in memory and its spool on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

SCORE: Final = "langfuse.score"
"""A score is a span of this one attribute, its JSON: in the spool and nowhere else."""


class Frame(NamedTuple):
    """What stands around spans in OTLP: the bytes of their resource and scope, equal for spans made side by side.

    `resource` is a `ResourceSpans` without its `scope_spans` (fields `resource` and `schema_url`), `scope` a `ScopeSpans`
    without its `spans`. Protobuf messages concatenate, so a request is put together by joining bytes.
    """

    resource: bytes
    scope: bytes


@dataclass(slots=True, frozen=True)
class Record:
    """Spans of one frame, dressed for one destination."""

    frame: Frame
    body: bytes
    """The spans as fields of a `ScopeSpans`: tag, length, message, one after the other."""
    spans: int
    made_ns: int
    """When the last of them was recorded, nanoseconds since the epoch: the age that the spool's limit looks at."""
