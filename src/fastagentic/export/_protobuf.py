"""Protobuf's wire format, as much of it as spans need: varints, fields with a length, and the OTLP `AnyValue`.

Plain bytes and tables of them; no message classes, whose modules take 180 ms of CPU to import. `encode.py` knows which
field of which message a number is. Whatever cannot be written here raises, and goes to the stock encoder from there.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DEEPEST: Final = 16
"""Levels of nesting in an attribute that are written here: parsers give up at 100 messages, and a level takes two or three."""
MOST_KEYS: Final = 4096
LONGEST_KEY: Final = 256
"""Keys are the user's to choose: what is remembered of them has an end."""

SMALL: Final = 2048
VARINTS: Final = tuple(bytes((n,)) if n < 128 else bytes((n & 127 | 128, n >> 7)) for n in range(SMALL))
"""The varints of most lengths and numbers."""

utf8: Final = str.encode  # not the value's own `encode`: a subclass may have another
_double = struct.Struct("<d").pack
_keys: Final[dict[str, bytes]] = {}


def varint(number: int) -> bytes:
    """A number from 0 to 2^64 - 1 in seven bits a byte, the lowest first."""
    if 0 <= number < SMALL:
        return VARINTS[number]
    if not 0 < number < 1 << 64:
        raise OverflowError("not an unsigned number of 64 bits")
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def sized(tag: bytes, body: bytes) -> bytes:
    """A field that carries its length: text, bytes or a message."""
    return tag + varint(len(body)) + body


def unsized(field: bytes) -> bytes:
    """What is in a field made by `sized` with a tag of one byte."""
    start = 1
    while field[start] & 128:
        start += 1
    return field[start + 1 :]


def text(tag: bytes, value: str | None) -> bytes:
    """A field of text; nothing for an empty one, as proto3 has it."""
    return sized(tag, utf8(value)) if value else b""


def count(tag: bytes, number: int) -> bytes:
    """A field of type uint32; nothing for 0."""
    if number >= 1 << 32:
        raise OverflowError("not an unsigned number of 32 bits")
    return tag + varint(number) if number else b""


def key_values(tag: bytes, attributes: Iterable[tuple[str, Any]], depth: int = 0) -> bytes:
    """Attributes as fields of type `KeyValue`."""
    parts: list[bytes] = []
    for key, value in attributes:
        scalar = SCALARS.get(value.__class__)
        body = (_keys.get(key) or _key(key)) + (scalar(value) if scalar else _compound(value, depth))
        size = len(body)
        parts += (tag, VARINTS[size] if size < SMALL else varint(size), body)
    return b"".join(parts)


def _key(key: str) -> bytes:
    """The key of a `KeyValue`, and the tag of the value after it."""
    head = sized(b"\x0a", utf8(key)) + b"\x12"
    if len(head) <= LONGEST_KEY:
        if len(_keys) >= MOST_KEYS:
            _keys.clear()
        _keys[key] = head
    return head


# --- an AnyValue, its length in front -------------------------------------------------------------


def _any_value(tag: bytes, body: bytes) -> bytes:
    field = sized(tag, body)
    return varint(len(field)) + field


_TEXTS: Final = tuple(varint(1 + len(VARINTS[n]) + n) + b"\x0a" + VARINTS[n] for n in range(SMALL))
"""What stands before a text of n bytes."""
_INTEGERS: Final = tuple(varint(1 + len(VARINTS[n])) + b"\x18" + VARINTS[n] for n in range(SMALL))
"""A whole integer n."""


def _text(value: str) -> bytes:
    data = utf8(value)
    size = len(data)
    return _TEXTS[size] + data if size < SMALL else _any_value(b"\x0a", data)


def _boolean(value: bool) -> bytes:
    return b"\x02\x10\x01" if value else b"\x02\x10\x00"


def _integer(value: int) -> bytes:
    if 0 <= value < SMALL:
        return _INTEGERS[value]
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError("not a number of 64 bits")
    number = varint(value & (1 << 64) - 1)  # the two's complement of a negative one
    return VARINTS[1 + len(number)] + b"\x18" + number


def _real(value: float) -> bytes:
    return b"\x09\x21" + _double(value)


def _bytes(value: bytes) -> bytes:
    return _any_value(b"\x3a", value)


def _nothing(value: None) -> bytes:
    return b"\x00"


SCALARS: Final[dict[type, Callable[[Any], bytes]]] = {
    str: _text,
    bool: _boolean,
    int: _integer,
    float: _real,
    bytes: _bytes,
    NoneType: _nothing,
}
PLAIN: Final = (tuple, list, dict)


def _compound(value: object, depth: int) -> bytes:
    """A value of several, or a scalar of a class derived from its own."""
    if value.__class__ not in PLAIN:
        for kind, scalar in SCALARS.items():
            if isinstance(value, kind):
                return scalar(value)
    if depth == DEEPEST:
        raise RecursionError("nested too deeply")
    if isinstance(value, Sequence):
        return _any_value(b"\x2a", b"".join([b"\x0a" + _element(element, depth + 1) for element in value]))
    if isinstance(value, Mapping):
        items = [(str(key), element) for key, element in value.items()]
        return _any_value(b"\x32", key_values(b"\x0a", items, depth + 1))
    raise TypeError("no attribute has this type")


def _element(value: object, depth: int) -> bytes:
    scalar = SCALARS.get(value.__class__)
    return scalar(value) if scalar else _compound(value, depth)
