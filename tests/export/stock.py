"""The measure of our encoder: what the stock one makes of the same spans, and how the two are compared."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext

from fastagentic.export import _stock
from fastagentic.export.encode import encode_span, frame_of, request
from fastagentic.export.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CONTEXT = SpanContext(0x0123456789ABCDEF0123456789ABCDEF, 0x0123456789ABCDEF, is_remote=False)
SHOP = Resource({"service.name": "shop"})


def span(name: str = "pay", **parts: Any) -> ReadableSpan:
    """A span of which a test says what matters."""
    return ReadableSpan(name, **{"context": CONTEXT, "resource": SHOP, "start_time": 1, "end_time": 2, **parts})


def records(spans: Sequence[ReadableSpan]) -> list[Record]:
    return [Record(frame_of(span), encode_span(span), 1, 0) for span in spans]


def assert_as_stock(*spans: ReadableSpan) -> None:
    """Our request for these spans reads back as the stock encoder's: field by field, and in what is there at all."""
    assert_equal(request(records(spans)).body, encode_spans(spans))


def assert_equal(ours: bytes, theirs: ExportTraceServiceRequest) -> None:
    read = ExportTraceServiceRequest.FromString(ours)
    assert str(read) == str(theirs)
    assert read.SerializeToString(deterministic=True) == theirs.SerializeToString(deterministic=True)


@contextmanager
def ours_alone() -> Iterator[None]:
    """The stock encoder is not asked: a mistake of ours has nobody to hide behind."""

    def asked(span: object) -> None:
        raise AssertionError("the stock encoder was asked")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_stock, "_read_back", asked)
        yield


@cache
def writes_none() -> bool:
    """Whether the installed encoder knows of None in attributes; older ones drop the whole attribute."""
    return bool(encode_spans([span(attributes={"a": (None,)})]).resource_spans[0].scope_spans[0].spans[0].attributes)
