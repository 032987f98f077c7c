"""Attribute values on their way into a column. Whatever comes, what leaves here can be bound by SQLite.

One bad value must not take a batch with it: not a number, beyond 64 bits or of another type becomes NULL,
which is "unknown" in every column; text that is no UTF-8 keeps what can be kept. The projection of spans is
the only caller.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Final

SqlValue = str | int | float | None

LARGEST: Final = 2**63 - 1
LARGEST_COUNT: Final = 2**48  # beyond any count, and thousands of them still add up in 64 bits
LARGEST_USD: Final = 1e6

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring


def text(value: object) -> str | None:
    """`value` as text that is valid UTF-8; None stays None."""
    if isinstance(value, str):
        return value if value.isascii() else valid_text(value)
    return None if value is None else valid_text(str(value))


def valid_text(value: str) -> str:
    """`value` with lone surrogates replaced by `?`, for UTF-8 has no way to write them."""
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return value.encode(errors="replace").decode()
    return value


def integer(value: object) -> int | None:
    """`value` as a count that can be added up, or None."""
    if type(value) is int and -LARGEST_COUNT <= value <= LARGEST_COUNT:  # nearly always
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int(value) if isinstance(value, int) and abs(value) <= LARGEST_COUNT else None


def real(value: object) -> float | None:
    """`value` as a finite number, or None."""
    if not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def usd(value: object) -> float | None:
    """`value` as an amount that one call can cost, or None: beyond a million USD something else was meant."""
    amount = real(value)
    return amount if amount is not None and abs(amount) <= LARGEST_USD else None


def flag(value: object) -> int | None:
    """1 or 0 for a boolean, else None."""
    return int(value) if isinstance(value, bool) else None


def texts(value: object) -> str | None:
    """A JSON array of the distinct texts in `value`, or None when there are none. A single text is an array of one."""
    if isinstance(value, str):
        value = (value,)
    if not isinstance(value, Sequence) or not value:
        return None
    return f"[{','.join(map(_quoted, dict.fromkeys(valid_text(str(item)) for item in value)))}]"


def json_object(attributes: Mapping[str, object]) -> str:
    """All attributes as a JSON object. NaN and infinities become text, for JSON has no numbers for them."""
    try:
        encoded = _encode(dict(attributes))
    except (ValueError, TypeError):
        encoded = _encode({str(key): _jsonable(value) for key, value in attributes.items()})
    return valid_text(encoded)


def _jsonable(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_jsonable(item) for item in value]
    return str(value)


def nanoseconds(value: object) -> int:
    """A time in nanoseconds since the epoch; one that cannot be is 0."""
    return value if isinstance(value, int) and 0 < value <= LARGEST else 0
