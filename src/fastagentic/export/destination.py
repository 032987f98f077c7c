"""The protocol of a destination, and what it may answer to a batch. A further destination is a file beside the others.

A destination knows an address and how to talk to it. Queues, encoding, the spool on disk, back-off, counting what was lost:
all that is `delivery.py`'s, the same for everyone. A user's own destination is an object with these five names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue


@dataclass(slots=True, frozen=True)
class Payload:
    """A batch of spans on its way out."""

    body: bytes
    """A serialised OTLP `ExportTraceServiceRequest`."""
    spans: int
    """How many spans are in it."""


@dataclass(slots=True, frozen=True)
class Accepted:
    """The destination has the whole batch and answers for it from here on."""


@dataclass(slots=True, frozen=True)
class Later:
    """Not now: down, overloaded, not authorised, too slow. The batch waits on disk and is sent again."""

    why: str
    """One of a few words (`refused`, `503`, `401`, `timeout`, ...): the kind of failure, of which one line is logged each."""
    after_s: float | None = None
    """Seconds to wait at least, where the destination said so (`Retry-After`)."""
    hint: str = ""
    """What a person can do about it, for the log line."""


@dataclass(slots=True, frozen=True)
class Malformed:
    """The destination will never take this batch (400, 413): it is set aside for a person to look at."""

    why: str


@dataclass(slots=True, frozen=True)
class Partly:
    """The destination took the batch but for some spans, and OTLP forbids to send them again: set aside, and counted."""

    rejected: int
    why: str


Answer = Accepted | Later | Malformed | Partly


@runtime_checkable
class Destination(Protocol):
    """Where spans go.

    Example:
        >>> class Null:
        ...     name = "null"
        ...     endpoint = "null:"
        ...     def wants(self, span):
        ...         return True
        ...     def dress(self, span):
        ...         return None
        ...     def send(self, payload, timeout_s):
        ...         return Accepted()
        ...     def close(self):
        ...         pass
        >>> isinstance(Null(), Destination)
        True
    """

    name: str
    """`otlp`, `langfuse`, ...: unique in a process; the metric attribute `fastagentic.destination`."""
    endpoint: str
    """Where it sends to, without secrets. With the name it is the key of the spool: change either and it has another one."""

    def wants(self, span: ReadableSpan) -> bool:
        """Whether an ended, sampled span goes there. Called once a span, on the export thread.

        With `durability="crash"` that is the caller's.
        """

    def dress(self, span: ReadableSpan) -> Mapping[str, AttributeValue] | None:
        """Attributes that this destination's copy of the span gets and no other's."""

    def send(self, payload: Payload, timeout_s: float) -> Answer:
        """Send a batch once, without retries of one's own, in at most `timeout_s` seconds. On the destination's own thread.

        An exception counts as `Later`.
        """

    def close(self) -> None:
        """Give connections back."""
