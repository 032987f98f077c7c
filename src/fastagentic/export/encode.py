"""Spans to OTLP bytes, each once: the message that every destination shares, and the frame around it.

The stock encoder builds a tree of message objects for each destination and walks it again; here bytes are put next to each
other, and a destination's own attributes behind them. What comes out reads back as what `encode_spans` of
`opentelemetry-exporter-otlp-proto-common` makes of the same spans, and a span that has something strange about it goes
through that one (`_stock.py`). Numbers of fields: opentelemetry-proto 1.x, `trace/v1/trace.proto`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final, TypeVar

from opentelemetry.trace import SpanKind, StatusCode

from . import _stock
from ._protobuf import count, key_values, sized, text, unsized, varint
from .destination import Payload
from .record import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import Link, SpanContext, Status, TraceState
    from opentelemetry.util.types import AttributeValue

    from .record import Record

Thing = TypeVar("Thing")

MOST_FRAMES: Final = 64
"""Resources, and scopes, whose bytes are remembered: what a process has many of (a tracer a request) must not pile up."""

SPAN: Final = b"\x12"  # in a ScopeSpans
ATTRIBUTE: Final = b"\x4a"  # in a Span
KINDS: Final = {kind: bytes((0x30, kind.value + 1)) for kind in SpanKind}
STATUS_CODES: Final = {code: bytes((0x18, code.value)) if code.value else b"" for code in StatusCode}
LOCAL: Final = struct.pack("<I", 0x100)  # it is known whether the context is remote: it is not
REMOTE: Final = struct.pack("<I", 0x300)

_times = struct.Struct("<cQcQ").pack
_time = struct.Struct("<cQ").pack


def encode_span(
    span: ReadableSpan, attributes: Mapping[str, AttributeValue] | None = None, events: Sequence[Event] | None = None
) -> bytes:
    """A span as a field of a `ScopeSpans`: tag, length, message.

    `attributes` and `events` take the place of the span's own when they are given: a filtered view.

    Raises: ValueError, which names the attribute, where not even the stock encoder can write it.
    """
    try:
        message = _span(span, attributes, events)
    except Exception:  # noqa: BLE001  # whatever is strange about it, the stock encoder is the judge
        message = _stock.span_message(span, attributes, events)
    return sized(SPAN, message)


def encode_attributes(attributes: Mapping[str, AttributeValue]) -> bytes:
    """Attributes as fields of a `Span`, to dress an encoded one with.

    Raises: ValueError as `encode_span`.
    """
    try:
        return key_values(ATTRIBUTE, attributes.items())
    except Exception:  # noqa: BLE001  # as above
        return _stock.attribute_fields(attributes)


def dressed(span_field: bytes, attribute_bytes: bytes) -> bytes:
    """An encoded span with attributes behind its own. A key that it has already is there twice then, which OTLP forbids."""
    return sized(SPAN, unsized(span_field) + attribute_bytes) if attribute_bytes else span_field


def frame_of(span: ReadableSpan) -> Frame:
    """The resource and the scope of a span, encoded when they are first seen.

    Raises: ValueError as `encode_span`.
    """
    return Frame(_remembered(_resources, span.resource, _resource), _remembered(_scopes, span.instrumentation_scope, _scope))


def request(records: Iterable[Record]) -> Payload:
    """An `ExportTraceServiceRequest`. Records of equal frames come together, in their order."""
    by_resource: dict[bytes, dict[bytes, list[bytes]]] = {}
    spans = 0
    for record in records:
        by_scope = by_resource.setdefault(record.frame.resource, {})
        by_scope.setdefault(record.frame.scope, [record.frame.scope]).append(record.body)
        spans += record.spans
    parts: list[bytes] = []
    for resource, by_scope in by_resource.items():
        parts += _resource_spans(resource, by_scope)
    return Payload(b"".join(parts), spans)


def _resource_spans(resource: bytes, by_scope: Mapping[bytes, list[bytes]]) -> list[bytes]:
    """In pieces, lengths in front: megabytes are copied once, when all is put together."""
    pieces = [resource]
    for parts in by_scope.values():
        pieces += (b"\x12" + varint(sum(map(len, parts))), *parts)
    return [b"\x0a" + varint(sum(map(len, pieces))), *pieces]


# --- Span -----------------------------------------------------------------------------------------


def _span(span: ReadableSpan, attributes: Mapping[str, AttributeValue] | None, events: Sequence[Event] | None) -> bytes:
    context, parent = span.context, span.parent
    parts = [
        _identity(context),
        text(b"\x1a", _trace_state(context.trace_state)),
        b"\x22\x08" + parent.span_id.to_bytes(8, "big") if parent else b"",
        text(b"\x2a", span.name),
        KINDS[span.kind],
        _times(b"\x39", span.start_time, b"\x41", span.end_time),
        key_values(ATTRIBUTE, _items(span.attributes if attributes is None else attributes)),
        count(b"\x50", span.dropped_attributes),
        *[sized(b"\x5a", _event(event)) for event in (span.events if events is None else events)],
        count(b"\x60", span.dropped_events),
        *[sized(b"\x6a", _link(link)) for link in span.links],
        count(b"\x70", span.dropped_links),
        sized(b"\x7a", _status(span.status)),
        b"\x85\x01" + _flags(parent),
    ]
    return b"".join(parts)


def _event(event: Event) -> bytes:
    time = _time(b"\x09", event.timestamp)
    attributes = key_values(b"\x1a", _items(event.attributes))
    return time + text(b"\x12", event.name) + attributes + count(b"\x20", event.dropped_attributes)


def _link(link: Link) -> bytes:
    attributes = key_values(b"\x22", _items(link.attributes))
    return _identity(link.context) + attributes + count(b"\x28", link.dropped_attributes) + b"\x35" + _flags(link.context)


def _status(status: Status) -> bytes:
    return text(b"\x12", status.description) + STATUS_CODES[status.status_code]


def _identity(context: SpanContext) -> bytes:
    return b"\x0a\x10" + context.trace_id.to_bytes(16, "big") + b"\x12\x08" + context.span_id.to_bytes(8, "big")


def _trace_state(state: TraceState | None) -> str:
    return ",".join([f"{key}={value}" for key, value in state.items()]) if state else ""


def _flags(context: SpanContext | None) -> bytes:
    return REMOTE if context and context.is_remote else LOCAL


def _items(attributes: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    if not attributes:
        return ()
    # A copy of `BoundedAttributes` is a dict: its own `items` go through Python code and a lock for each of them.
    return attributes.copy().items() if hasattr(attributes, "copy") else attributes.items()


# --- what stands around spans ---------------------------------------------------------------------

_resources: Final[dict[int, tuple[Resource, bytes]]] = {}
_scopes: Final[dict[int, tuple[InstrumentationScope | None, bytes]]] = {}


def _remembered(kept: dict[int, tuple[Thing, bytes]], thing: Thing, encode: Callable[[Thing], bytes]) -> bytes:
    """The bytes of the very same thing; it is kept with them, for without it another could get its id."""
    found = kept.get(id(thing))
    if found is None:
        if len(kept) >= MOST_FRAMES:
            kept.clear()
        found = kept[id(thing)] = (thing, encode(thing))
    return found[1]


def _resource(resource: Resource) -> bytes:
    """A `ResourceSpans` without its spans."""
    try:
        attributes = key_values(b"\x0a", _items(resource.attributes))
        return sized(b"\x0a", attributes) + text(b"\x1a", resource.schema_url)
    except Exception:  # noqa: BLE001  # as in encode_span
        return _stock.resource_fields(resource)


def _scope(scope: InstrumentationScope | None) -> bytes:
    """A `ScopeSpans` without its spans."""
    if not scope:
        return b"\x0a\x00"
    try:
        attributes = key_values(b"\x1a", _items(scope.attributes))
        message = text(b"\x0a", scope.name) + text(b"\x12", scope.version) + attributes
        return sized(b"\x0a", message) + text(b"\x1a", scope.schema_url)
    except Exception:  # noqa: BLE001  # as in encode_span
        return _stock.scope_fields(scope)
