"""Ended spans to records: each encoded once, dressed for every delivery that wants it. Loaded when something is to be sent."""

from __future__ import annotations

import time
from itertools import groupby
from typing import TYPE_CHECKING, Final

from fastagentic.core import names
from fastagentic.core.guard import never_break

from .encode import dressed, encode_attributes, encode_span, frame_of
from .ours import leaving, leaving_events
from .record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import AttributeValue

    from .delivery import Delivery
    from .record import Frame

ENCODE: Final = never_break("encode a span")
DRESS: Final = never_break("dress a span for a destination")

LABELS: Final = "langfuse."
"""Langfuse's SDK writes its attributes, `@observe`'s arguments and results among them, on spans that all backends get."""


def deliver(spans: Sequence[ReadableSpan], deliveries: Sequence[Delivery]) -> None:
    """Encode spans and hand them to each delivery that wants them, in records of one frame."""
    encoded = [(frame_of(span), one) for span in spans if (one := _encoded(span, deliveries)) is not None]
    for frame, alike in groupby(encoded, key=lambda one: one[0]):
        of_frame = [one for _, one in alike]
        for delivery in deliveries:
            _deliver(delivery, frame, of_frame)


def _encoded(span: ReadableSpan, deliveries: Sequence[Delivery]) -> tuple[ReadableSpan, bytes] | None:
    try:
        if is_ours(span):
            return span, encode_span(span, leaving(span), leaving_events(span))
        return span, encode_span(span, _without_labels(span))
    except Exception as error:  # noqa: BLE001  # somebody's span can hold anything; counted for whoever wanted it
        ENCODE.caught(error)
        for delivery in deliveries:
            delivery.note_drop(1, "not encodable")
        return None


def _deliver(delivery: Delivery, frame: Frame, spans: Sequence[tuple[ReadableSpan, bytes]]) -> None:
    destination, parts = delivery.destination, []
    for span, encoded in spans:
        try:
            if destination.wants(span):
                more = destination.dress(span)
                parts.append(dressed(encoded, encode_attributes(more)) if more else encoded)
        except Exception as error:  # noqa: BLE001  # as the guard does; entering one for each span and destination costs more
            DRESS.caught(error)
    if parts:
        delivery.put(Record(frame, b"".join(parts), len(parts), spans[-1][0].end_time or time.time_ns()))


def _without_labels(span: ReadableSpan) -> dict[str, AttributeValue] | None:
    """The attributes of somebody else's span but for those that speak to Langfuse, whose copy has them; None for all."""
    attributes = span.attributes or {}
    if not any(name.startswith(LABELS) for name in attributes):
        return None
    return {name: value for name, value in attributes.items() if not name.startswith(LABELS)}


def is_ours(span: ReadableSpan) -> bool:
    """Whether fastagentic made the span."""
    scope = span.instrumentation_scope
    return scope is not None and scope.name == names.SCOPE
