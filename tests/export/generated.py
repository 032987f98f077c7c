"""Spans of every shape for hypothesis: what the SDK lets a user make, and what only `ReadableSpan` itself lets through."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.trace.propagation import set_span_in_context

from tests.spans import CountingIds

from .stock import writes_none

logging.getLogger("opentelemetry").addHandler(logging.NullHandler())  # it has much to say about what comes here

NS = st.integers(0, 2**64 - 1)
NOTHING = st.none() if writes_none() else st.nothing()
TEXTS = st.text(max_size=20) | st.sampled_from(["", "a" * 127, "ä" * 64, "a" * 2047, "a" * 2048, "€" * 700])
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, 127, 128, 2047, 2048, 16384, -1, -(2**63), 2**63 - 1])
SCALARS = TEXTS | st.booleans() | NUMBERS | st.floats() | st.binary(max_size=20) | NOTHING
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.lists(inner, max_size=3).map(tuple) | st.dictionaries(TEXTS, inner, max_size=3)
    ),
    max_leaves=6,
)
ATTRIBUTES = st.dictionaries(TEXTS, VALUES, max_size=6)

TOO_MUCH = st.sampled_from(["\ud800", "half \udc00 a pair", 2**63, -(2**63) - 1, 2**70, object, 1j, ("a", "\ud800"), [[2**64]]])
STRANGE_ATTRIBUTES = st.dictionaries(TEXTS | st.just("\ud800"), VALUES | TOO_MUCH, max_size=6)
"""Values that have no place in OTLP among those that have."""

IDS = {"trace_id": st.integers(0, 2**128 - 1), "span_id": st.integers(0, 2**64 - 1)}
STATES = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), st.from_regex(r"[!-+\--<>-~]{1,8}", fullmatch=True), max_size=3
)
CONTEXTS = st.builds(
    SpanContext,
    **IDS,
    is_remote=st.booleans(),
    trace_flags=st.sampled_from([TraceFlags(0), TraceFlags(1), TraceFlags(3)]),
    trace_state=st.none() | STATES.map(lambda state: TraceState(list(state.items()))),
)
STATUSES = st.builds(Status, st.sampled_from([StatusCode.UNSET, StatusCode.OK])) | st.builds(
    Status, st.just(StatusCode.ERROR), st.none() | TEXTS
)


def bounded(attributes: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Any]:
    """As the SDK holds them, some of them dropped for being too many; or a plain mapping; or none."""
    in_sdk = st.builds(lambda items, most: BoundedAttributes(most, items), attributes, st.none() | st.integers(0, 3))
    return in_sdk | attributes | st.none()


def bounded_list(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """As the SDK holds events and links: the oldest dropped where there are too many."""
    return st.builds(lambda made, most: BoundedList.from_seq(most, made), st.lists(items, max_size=3), st.integers(1, 3))


def is_known(span: ReadableSpan) -> bool:
    """Whether the installed stock encoder knows all that is in it: older ones drop the attribute where the SDK put a None."""
    parts = (span, span.resource, span.instrumentation_scope, *span.events, *span.links)
    return writes_none() or not any(holds_none(dict(part.attributes or {})) for part in parts if part is not None)


def holds_none(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    return value is None or (isinstance(value, list | tuple) and any(map(holds_none, value)))


def read_only(attributes: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[ReadableSpan]:
    """Spans as they can be constructed, whose parts hold any of these attributes."""
    some = bounded(attributes)
    made = st.builds(
        ReadableSpan,
        name=TEXTS,
        context=CONTEXTS,
        parent=st.none() | CONTEXTS,
        resource=RESOURCES,
        attributes=some,
        events=bounded_list(st.builds(Event, TEXTS, some, NS)),
        links=bounded_list(st.builds(Link, CONTEXTS, some)),
        kind=st.sampled_from(SpanKind),
        status=STATUSES,
        start_time=NS,
        end_time=NS,
        instrumentation_scope=SCOPES,
    )
    return made.filter(is_known)


RESOURCES = st.builds(Resource, ATTRIBUTES, TEXTS)
SCOPES = st.none() | st.builds(InstrumentationScope, TEXTS, st.none() | TEXTS, TEXTS, st.none() | ATTRIBUTES)

SPANS = read_only(ATTRIBUTES)
STRANGE_SPANS = read_only(STRANGE_ATTRIBUTES)


@st.composite
def recorded(draw: st.DrawFn) -> list[ReadableSpan]:
    """Spans that a program records with the SDK: two resources, some tracers, limits that drop."""
    limits = SpanLimits(*draw(st.tuples(*[st.none() | st.integers(1, 3)] * 6)))
    ids = CountingIds()
    resources = [draw(RESOURCES).merge(Resource({"host.name": host})) for host in ("first", "second")]
    providers = [TracerProvider(ALWAYS_ON, each, False, id_generator=ids, span_limits=limits) for each in resources]
    tracers = [provider.get_tracer(name, "1.0") for provider in providers for name in ("shop", "till", "")]
    spans = [_ended(draw, draw(st.sampled_from(tracers))) for _ in range(draw(st.integers(1, 6)))]
    return list(filter(is_known, spans))


def _ended(draw: st.DrawFn, tracer: Any) -> ReadableSpan:
    within = draw(st.none() | CONTEXTS.map(lambda parent: set_span_in_context(NonRecordingSpan(parent))))
    links = draw(st.lists(st.builds(Link, CONTEXTS, ATTRIBUTES), max_size=2))
    span = tracer.start_span(draw(TEXTS), within, draw(st.sampled_from(SpanKind)), draw(ATTRIBUTES), links, draw(NS))
    for name, attributes in draw(st.lists(st.tuples(TEXTS, ATTRIBUTES), max_size=2)):
        span.add_event(name, attributes)
    if draw(st.booleans()):
        span.record_exception(ValueError(draw(TEXTS)))
    span.set_status(draw(STATUSES))
    span.end(draw(NS))
    assert isinstance(span, ReadableSpan)
    return span
