"""The stock OTLP encoder, for what ours does not know, and the name of what not even that one can write.

It drops attributes that have no place in OTLP (integers beyond 64 bits, text that is no UTF-8) and logs each of them. Its
modules take 180 ms of CPU to import: that happens here, when the first such span comes by, and nowhere else.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import INVALID_SPAN_CONTEXT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opentelemetry.sdk.trace import Event
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope

NOWHERE: Final = Resource.get_empty()
NOTHING: Final = ReadableSpan("", INVALID_SPAN_CONTEXT, resource=NOWHERE)


class Seen:
    """A span as it looks with something else in the place of its own."""

    def __init__(self, span: ReadableSpan, **instead: object) -> None:
        self.__dict__.update(instead, _span=span)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._span, name)


def span_message(span: ReadableSpan, attributes: Mapping[str, Any] | None, events: Sequence[Event] | None) -> bytes:
    """A `Span`, of one whose attributes and events are as given."""
    instead = {"attributes": attributes, "events": events}
    shown = {name: given for name, given in instead.items() if given is not None}
    seen = Seen(span, **shown, resource=NOWHERE, instrumentation_scope=None)
    return _bytes_of(_resource_spans(seen, f"span {span.name!r}").scope_spans[0].spans[0])


def attribute_fields(attributes: Mapping[str, Any]) -> bytes:
    """A `Span` with attributes and nothing else."""
    span = _resource_spans(Seen(NOTHING, attributes=attributes), "attributes").scope_spans[0].spans[0]
    return _bytes_of(type(span)(attributes=span.attributes))


def resource_fields(resource: Resource) -> bytes:
    """A `ResourceSpans` without its spans."""
    message = _resource_spans(Seen(NOTHING, resource=resource), "resource")
    message.ClearField("scope_spans")
    return _bytes_of(message)


def scope_fields(scope: InstrumentationScope) -> bytes:
    """A `ScopeSpans` without its spans."""
    message = _resource_spans(Seen(NOTHING, instrumentation_scope=scope), f"scope {scope.name!r}").scope_spans[0]
    message.ClearField("spans")
    return _bytes_of(message)


def _resource_spans(span: Seen, what: str) -> Any:
    try:
        return _read_back(span)
    except Exception as error:
        raise ValueError(f"{what}: {_culprit(span)} cannot be written as OTLP ({type(error).__qualname__})") from error


def _read_back(span: Any) -> Any:
    """The span in a request that a backend can read: what is nested too deeply is written without a word, and breaks there."""
    from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    request = encode_spans([span])
    return type(request).FromString(request.SerializeToString()).resource_spans[0]


def _culprit(span: Seen) -> str:
    """The attribute that is to blame, its value left out: it may be a prompt."""
    with suppress(Exception):  # a span so strange that it cannot even be looked through
        parts = (span, span.resource, span.instrumentation_scope, *span.events, *span.links)
        for attributes in [part.attributes for part in parts if part is not None]:
            for key, value in (attributes or {}).items():
                try:
                    _read_back(Seen(NOTHING, attributes={key: value}))
                except Exception:  # noqa: BLE001  # any failure is the answer
                    return f"attribute {key!r}"
    return "it"


def _bytes_of(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded
