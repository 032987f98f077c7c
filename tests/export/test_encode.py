"""Our encoder writes what the stock one writes, without importing it; what it does not know, the stock one writes for it."""

from __future__ import annotations

import enum
import logging
import os
import subprocess
import sys
import textwrap
from collections import OrderedDict, UserList, namedtuple
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from fastagentic.export import _protobuf, encode
from fastagentic.export.encode import dressed, encode_attributes, encode_span, frame_of, request
from fastagentic.export.record import Record

from .generated import ATTRIBUTES, SPANS, STRANGE_ATTRIBUTES, STRANGE_SPANS, recorded
from .stock import CONTEXT, SHOP, assert_as_stock, assert_equal, ours_alone, records, span, writes_none

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The stock encoder logs what it drops, halves of surrogate pairs among it, which no report of a test process can hold."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


at_length = settings(deadline=None, max_examples=60)
needs_none = pytest.mark.skipif(not writes_none(), reason="the installed stock encoder drops attributes that hold None")


class Colour(str, enum.Enum):  # noqa: UP042  # its text is "red", and str() of it "Colour.RED"
    RED = "red"

    def encode(self, *_: object) -> bytes:  # type: ignore[override]
        return b"not what is in it"


class Size(enum.IntEnum):
    LARGE = 3000


class Share(float):
    pass


Pair = namedtuple("Pair", "left right")  # noqa: PYI024


def nested(levels: int, kind: type) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"k": value} if kind is dict else [value]
    return value


REMOTE = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "b")]))

KNOWN = {
    "nothing but a name": {},
    "no name": {"name": ""},
    "a name of None": {"name": None},
    "a name beyond ASCII": {"name": "zahlen 💶"},
    "a trace state": {"context": SpanContext(1, 2, is_remote=False, trace_state=TraceState([("vendor", "1"), ("b@c", "x y")]))},
    "trace flags": {"context": SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))},
    "ids of zero": {"context": SpanContext(0, 0, is_remote=False)},
    "a parent": {"parent": CONTEXT},
    "a parent elsewhere": {"parent": REMOTE},
    "times of zero": {"start_time": 0, "end_time": 0},
    "the end of time": {"start_time": 2**64 - 1, "end_time": 2**64 - 1},
    "no status": {"status": Status(StatusCode.UNSET)},
    "status ok": {"status": Status(StatusCode.OK)},
    "an error": {"status": Status(StatusCode.ERROR)},
    "an error with words": {"status": Status(StatusCode.ERROR, "out of memory ✗")},
    **{f"kind {kind.name}": {"kind": kind} for kind in SpanKind},
    "attributes dropped": {"attributes": BoundedAttributes(1, {"a": 1, "b": 2})},
    "attributes of a read-only mapping": {"attributes": MappingProxyType({"a": 1})},
    "an event": {"events": [Event("seen", {"a": 1}, 5)]},
    "an event of nothing": {"events": [Event("", None, 0)]},
    "an event with attributes dropped": {"events": [Event("seen", BoundedAttributes(1, {"a": 1, "b": 2}), 5)]},
    "links": {"links": [Link(CONTEXT), Link(REMOTE, {"a": (1, 2)}), Link(CONTEXT, BoundedAttributes(0, {"a": 1}))]},
}  # fmt: skip

VALUES = {
    "text": "x",
    "empty text": "",
    "text beyond ASCII": "Straße 💶 \x00",
    **{f"text of {size} bytes": "x" * size for size in (122, 123, 124, 125, 126, 127, 128, 2046, 2047, 2048, 16384, 3_000_000)},
    "text of an enum": Colour.RED,
    "true": True,
    "false": False,
    **{f"integer {n}": n for n in (0, 1, 127, 128, 2047, 2048, 16384, 2**32, 2**63 - 1, -1, -128, -(2**63))},
    "integer of an enum": Size.LARGE,
    **{f"number {n}": n for n in (0.0, -0.0, 0.1, 1e308, 5e-324, float("nan"), float("inf"), float("-inf"))},
    "number of a class": Share(0.5),
    "bytes": b"\x00\xff",
    "no bytes": b"",
    "many bytes": b"x" * 5000,
    "bytearray": bytearray(b"ab"),
    "texts": ("a", "b"),
    "no texts": (),
    "list": ["a", "b"],
    "numbers": (1.5, 2.5),
    "flags": (True, False),
    "chunks": (b"a", b"b"),
    "mixed": ("a", 1, True, 0.5, b"b", ["c"], {"d": 1}),
    "a thousand texts": ("text",) * 1000,
    "named tuple": Pair(1, "b"),
    "range": range(3),
    "a user's list": UserList([1, 2]),
    "mapping": {"a": 1, "b": {"c": ("d",)}, "": {}},
    "mapping of strange keys": {1: "a", Colour.RED: "b", None: "c", "1": "d"},
    "ordered": OrderedDict(b=1, a=2),
    "read-only": MappingProxyType({"a": 1}),
    "16 lists deep": nested(16, list),
    "16 mappings deep": nested(16, dict),
}  # fmt: skip

STRANGE = {
    "no times": {"start_time": None, "end_time": None},
    "a name of bytes": {"name": b"pay"},
    "no status object": {"status": None},
    "half a pair": {"attributes": {"a": "x\ud83d", "b": 1}},
    "half a pair in a key": {"attributes": {"\ud83d": 1, "b": 1}},
    "half a pair among others": {"attributes": {"a": ("x", "\ud83d"), "b": 1}},
    "half a pair in an event": {"events": [Event("seen", {"a": "\ud83d", "b": 1}, 5)]},
    "beyond 64 bits": {"attributes": {"a": 2**63, "b": -(2**63) - 1, "c": 1}},
    "no value of OTLP": {"attributes": {"a": object(), "b": 1j, "c": {1}, "d": 1}},
    "a key of bytes": {"attributes": {b"a": 1}},
    "a key that is a number": {"attributes": {1: 1, "b": 2}},
    "17 lists deep": {"attributes": {"a": nested(17, list)}},
    "31 mappings deep": {"attributes": {"a": nested(31, dict)}},
    "endlessly deep": {"attributes": {"a": nested(5000, list), "b": 1}},
}

UNCOUNTABLE = BoundedAttributes()
UNCOUNTABLE.dropped = 2**32

UNWRITABLE = {
    "dropped beyond counting": ({"attributes": UNCOUNTABLE}, "it"),
    "no context": ({"context": None}, "it"),
    "an id too long": ({"context": SpanContext(2**128, 1, is_remote=False)}, "it"),
    "a time before time": ({"start_time": -1}, "it"),
    "a kind of its own": ({"kind": "client"}, "it"),
    "half a pair in the name": ({"name": "pay \ud83d"}, "it"),
    "no events": ({"events": None}, "it"),
    "too deep to be read": ({"attributes": {"fine": 1, "deep": nested(48, list)}}, "attribute 'deep'"),
    "a mapping too deep to be read": ({"attributes": {"deep": nested(32, dict)}}, "attribute 'deep'"),
    "an event too deep to be read": ({"events": [Event("seen", {"deep": nested(32, dict)}, 5)]}, "attribute 'deep'"),
}


@given(SPANS)
@at_length
def test_a_span_is_written_as_the_stock_encoder_writes_it(span: ReadableSpan) -> None:
    with ours_alone():
        ours = request(records([span]))
    assert_equal(ours.body, encode_spans([span]))


@given(recorded())
@at_length
def test_a_batch_that_the_sdk_recorded_is_written_as_the_stock_encoder_writes_it(spans: list[ReadableSpan]) -> None:
    with ours_alone():
        ours = request(records(spans))
    assert ours.spans == len(spans)
    assert_equal(ours.body, encode_spans(spans))


@given(STRANGE_SPANS)
@at_length
def test_a_span_with_something_strange_in_it_is_written_as_the_stock_encoder_writes_it(span: ReadableSpan) -> None:
    assert_as_stock(span)


@pytest.mark.parametrize("parts", KNOWN.values(), ids=KNOWN)
def test_each_part_of_a_span_is_written(parts: dict[str, Any]) -> None:
    with ours_alone():
        assert_as_stock(span(**parts))


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_each_type_of_attribute_is_written_wherever_attributes_are(value: Any) -> None:
    attributes = {"before": 1, "it": value, "after": 2}
    with ours_alone():
        assert_as_stock(span(attributes=attributes, events=[Event("e", attributes, 1)], links=[Link(CONTEXT, attributes)]))


@needs_none
@pytest.mark.parametrize("value", [None, (None,), ("a", None, "b"), {"a": None}], ids=repr)
def test_none_is_written_as_a_value_that_is_empty(value: Any) -> None:
    with ours_alone():
        assert_as_stock(span(attributes={"it": value, "after": 2}))


@pytest.mark.parametrize("parts", STRANGE.values(), ids=STRANGE)
def test_the_stock_encoder_writes_what_ours_does_not_know(parts: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be written"), ours_alone():
        encode_span(span(**parts))
    assert_as_stock(span(**parts))


@pytest.mark.parametrize(("parts", "culprit"), UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_nobody_can_write_is_an_error_that_names_it(parts: dict[str, Any], culprit: str) -> None:
    with pytest.raises(ValueError, match=rf"^span 'pay.*': {culprit} cannot be written as OTLP \(\w+\)$"):
        encode_span(span(**parts))


def test_the_error_does_not_repeat_the_value() -> None:
    with pytest.raises(ValueError, match="'prompt'") as caught:
        encode_span(span(attributes={"prompt": {"secret": nested(31, dict)}}))
    assert "secret" not in str(caught.value)


def test_a_strange_span_is_written_whether_or_not_its_frame_can_be() -> None:
    strange = {"attributes": {"a": 2**63, "b": 1}}
    alone = encode_span(span(**strange))
    assert encode_span(span(**strange, resource=Resource({}, "\ud83d"))) == alone
    assert encode_span(span(**strange, instrumentation_scope=InstrumentationScope("shop", "\ud83d"))) == alone


def test_a_span_that_has_not_ended_is_left_to_the_stock_encoder() -> None:
    assert_as_stock(TracerProvider(shutdown_on_exit=False).get_tracer("shop").start_span("pay"))


def test_nothing_of_the_stock_encoder_is_imported_for_a_span_of_ours() -> None:
    program = """
        import sys
        from opentelemetry.sdk.trace import TracerProvider
        from fastagentic.export.encode import dressed, encode_attributes, encode_span, frame_of, request
        from fastagentic.export.record import Record
        span = TracerProvider().get_tracer("shop", "1.0").start_span("pay", attributes={"a": ("b",), "c": {"d": 1}})
        span.record_exception(ValueError("no"))
        span.end()
        body = dressed(encode_span(span), encode_attributes({"e": 1.5}))
        assert request([Record(frame_of(span), body, 1, 0)]).body
        theirs = ("google.protobuf", "opentelemetry.proto", "opentelemetry.exporter")
        print([name for name in sys.modules if name.startswith(theirs)])
    """
    run = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=True, env=dict(os.environ))
    assert done.stdout.strip() == "[]"


@given(SPANS, ATTRIBUTES)
@at_length
def test_a_filtered_view_is_written_as_a_span_that_has_these_attributes(span: ReadableSpan, view: dict[str, Any]) -> None:
    expected = encode_spans([span])
    del only_span(expected).attributes[:]
    only_span(expected).attributes.extend(only_span(encode_spans([with_attributes(span, view)])).attributes)
    with ours_alone():
        body = encode_span(span, view)
    assert_equal(request([Record(frame_of(span), body, 1, 0)]).body, expected)


def test_an_attribute_that_nobody_can_write_does_no_harm_where_the_view_leaves_it_out() -> None:
    broken = span(attributes={"deep": nested(48, list), "b": 2**63, "c": 1}, events=[Event("seen", {"a": 2**63}, 5)])
    body = encode_span(broken, {"b": 2**63, "c": 1})
    expected = span(attributes={"c": 1}, events=[Event("seen", {}, 5)])
    assert_equal(request([Record(frame_of(broken), body, 1, 0)]).body, encode_spans([expected]))


# --- dressing -------------------------------------------------------------------------------------


@given(SPANS, STRANGE_ATTRIBUTES)
@at_length
def test_dressing_is_encoding_a_span_with_more_attributes(span: ReadableSpan, more: dict[str, Any]) -> None:
    extra = {f"langfuse.{key}": value for key, value in more.items()}
    expected = encode_spans([span])
    only_span(expected).attributes.extend(only_span(encode_spans([with_attributes(span, extra)])).attributes)
    body = dressed(encode_span(span), encode_attributes(extra))
    assert_equal(request([Record(frame_of(span), body, 1, 0)]).body, expected)


@pytest.mark.parametrize("size", [0, 1, 40, 41, 42, 43, 44, 45, 46, 80, 2000, 16_250, 16_300, 2_100_000])
def test_a_span_may_grow_a_longer_length_by_being_dressed(size: int) -> None:
    before, after = span(attributes={"a": "x" * size}), span(attributes={"a": "x" * size, "b": "y" * 60})
    body = dressed(encode_span(before), encode_attributes({"b": "y" * 60}))
    assert_equal(request([Record(frame_of(after), body, 1, 0)]).body, encode_spans([after]))


def test_a_destination_without_attributes_of_its_own_gets_the_shared_bytes() -> None:
    body = encode_span(span())
    assert dressed(body, encode_attributes({})) is body


def test_attributes_that_nobody_can_write_are_an_error_that_names_one() -> None:
    with pytest.raises(ValueError, match=r"^attributes: attribute 'deep' cannot be written as OTLP"):
        encode_attributes({"fine": 1, "deep": nested(48, list)})


# --- frames ---------------------------------------------------------------------------------------


SCOPES = {
    "none": None,
    "a name": InstrumentationScope("shop"),
    "no name": InstrumentationScope(""),
    "all of it": InstrumentationScope("shop", "1.2", "https://schema/1", {"a": 1, "b": ("c",)}),
}
RESOURCES = {
    "empty": Resource({}),
    "with a schema": Resource({"service.name": "shop", "pid": 1, "tags": ("a", "b")}, "https://schema/2"),
    "of the SDK": Resource.create({"service.name": "shop"}),
    "half a pair": Resource({"a": "\ud83d", "b": 1}),
}


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_a_frame_holds_the_resource_and_the_scope(resource: Resource, scope: InstrumentationScope | None) -> None:
    assert_as_stock(span(resource=resource, instrumentation_scope=scope))


def test_a_scope_whose_attributes_are_strange_is_left_to_the_stock_encoder() -> None:
    assert_as_stock(span(instrumentation_scope=InstrumentationScope("shop", "1", None, {"a": 2**63, "b": 1})))


def test_a_scope_that_nobody_can_write_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"^scope 'shop': it cannot be written as OTLP"):
        frame_of(span(instrumentation_scope=InstrumentationScope("shop", "\ud83d")))


def test_a_resource_that_nobody_can_write_is_an_error_that_names_it() -> None:
    with pytest.raises(ValueError, match=r"^resource: it cannot be written as OTLP"):
        frame_of(span(resource=Resource({}, "\ud83d")))


def test_a_frame_is_encoded_once() -> None:
    scope = InstrumentationScope("shop")
    one, other = (frame_of(span(name, instrumentation_scope=scope)) for name in ("pay", "ship"))
    assert one.resource is other.resource
    assert one.scope is other.scope


def test_a_resource_that_comes_where_another_one_lay_is_not_taken_for_it() -> None:
    for number in range(300):
        assert_as_stock(span(resource=Resource({"number": number}), instrumentation_scope=InstrumentationScope(str(number))))


def test_what_is_remembered_has_an_end() -> None:
    for number in range(5000):
        encode_attributes({f"key.{number}": 1, "x" * 300 + str(number): 1})
        frame_of(span(resource=Resource({"number": number}), instrumentation_scope=InstrumentationScope(str(number))))
    assert len(encode._resources) <= encode.MOST_FRAMES
    assert len(encode._scopes) <= encode.MOST_FRAMES
    assert len(_protobuf._keys) <= _protobuf.MOST_KEYS
    assert max(map(len, _protobuf._keys)) <= _protobuf.LONGEST_KEY


# --- requests -------------------------------------------------------------------------------------


def test_a_request_of_nothing_is_empty() -> None:
    assert request([]) == encode.Payload(b"", 0)


def test_spans_of_a_frame_come_together_in_their_order_and_frames_in_the_order_seen() -> None:
    shop, till = Resource({"service.name": "shop"}), Resource({"service.name": "till"})
    a, b = InstrumentationScope("a"), InstrumentationScope("b")
    frames = [(shop, a), (till, a), (shop, a), (shop, b), (till, a), (shop, a)]
    spans = [span(str(n), resource=resource, instrumentation_scope=scope) for n, (resource, scope) in enumerate(frames)]
    assert_as_stock(*spans)


def test_a_record_of_several_spans_counts_each() -> None:
    spans = [span(str(number)) for number in range(3)]
    together = Record(frame_of(spans[0]), b"".join(map(encode_span, spans)), 3, 0)
    alone = Record(frame_of(spans[0]), encode_span(spans[0]), 1, 0)
    payload = request([together, alone])
    assert payload.spans == 4
    assert_equal(payload.body, encode_spans([*spans, spans[0]]))


def only_span(message: Any) -> Any:
    return message.resource_spans[0].scope_spans[0].spans[0]


def with_attributes(span: ReadableSpan, attributes: dict[str, Any]) -> ReadableSpan:
    return ReadableSpan(span.name, span.context, resource=SHOP, attributes=attributes)
