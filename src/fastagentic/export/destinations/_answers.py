"""What a backend's answer means: tables of status codes, and the three things that are read out of an answer."""

from __future__ import annotations

import re
import ssl
import time
from email.utils import parsedate_to_datetime
from socket import gaierror
from typing import TYPE_CHECKING, Final

from fastagentic.export.destination import Accepted, Later, Malformed, Partly

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.export.destination import Answer

OF_HEADERS: Final = "Check the key in the headers (OTEL_EXPORTER_OTLP_HEADERS for otlp)."
OF_PATH: Final = (
    "Check the path: OTEL_EXPORTER_OTLP_ENDPOINT gets /v1/traces appended, "
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is taken as it is."
)
OF_PROTOCOL: Final = "Check OTEL_EXPORTER_OTLP_PROTOCOL: 4318 is the usual port of http/protobuf, 4317 of grpc."
OF_REDIRECT: Final = (
    "Redirects are not followed, so that no key goes where you did not send it: set the endpoint to the final address."
)

REFUSED_FOR_GOOD: Final = frozenset({400, 413, 422})
HINTS: Final = {
    401: OF_HEADERS,
    403: OF_HEADERS,
    404: OF_PATH,
    405: OF_PATH,
    415: "Check OTEL_EXPORTER_OTLP_COMPRESSION: the backend does not take this encoding.",
    **dict.fromkeys((301, 302, 303, 307, 308), OF_REDIRECT),
}

FAILURES: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (gaierror, "dns"),
    (ssl.SSLError, "tls"),
    (ConnectionRefusedError, "refused"),
    (TimeoutError, "timeout"),
    (ConnectionError, "reset"),
    (OSError, "unreachable"),
)
"""What went wrong below HTTP, the most telling first."""

LONGEST_WAIT_S: Final = 3_600.0
"""A backend that asks for more has made a mistake, and spans would lie here for days."""


def answer_of_status(status: int, body: bytes, retry_after: str | None) -> Answer:
    """What an HTTP answer means."""
    if 200 <= status < 300:
        return answer_of_body(body)
    if status in REFUSED_FOR_GOOD:
        return Malformed(str(status))
    return Later(str(status), seconds_of(retry_after), HINTS.get(status, ""))


def answer_of_body(body: bytes) -> Answer:
    """What an `ExportTraceServiceResponse` says; one that cannot be read took the whole batch."""
    rejected = rejected_spans(body)
    return Partly(rejected, "partial success") if rejected > 0 else Accepted()


def failure(error: BaseException) -> str:
    """The kind of a failure in one word, looked for in everything that an exception stands on."""
    chain = list(_chain(error))
    for kind, word in FAILURES:
        if any(isinstance(one, kind) and (kind is not OSError or _is_from_system(one)) for one in chain):
            return word
    return type(error).__qualname__


def _is_from_system(error: BaseException) -> bool:
    # All of requests' exceptions are OSErrors; only the operating system's have a number.
    return getattr(error, "errno", None) is not None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception and what is inside it: libraries put the cause into `args`, `reason` or the context."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if id(one) not in seen:
            seen.add(id(one))
            yield one
            inside = (*one.args, getattr(one, "reason", None), one.__cause__, one.__context__)
            waiting += [other for other in inside if isinstance(other, BaseException)]


def seconds_of(retry_after: str | None) -> float | None:
    """`Retry-After` in seconds, which it says as a number or as a date; None when it says neither.

    Example:
        >>> seconds_of("7"), seconds_of("Thu, 01 Jan 1970 00:00:00 GMT"), seconds_of("soon"), seconds_of("99999999")
        (7.0, 0.0, None, 3600.0)
    """
    text = (retry_after or "").strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return min(float(text), LONGEST_WAIT_S)
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return min(max(at.timestamp() - time.time(), 0.0), LONGEST_WAIT_S)


def rejected_spans(body: bytes) -> int:
    """`partial_success.rejected_spans` of an `ExportTraceServiceResponse`, 0 for bytes that are none.

    Read by hand: importing the protobuf classes costs more than all that is ever read with them.

    Example:
        >>> rejected_spans(bytes([0x0A, 0x02, 0x08, 0x03])), rejected_spans(b""), rejected_spans(b"<html>")
        (3, 0, 0)
    """
    try:
        partial = _field(body, number=1)
        rejected = _field(partial, number=1) if isinstance(partial, bytes) else 0
    except (IndexError, ValueError):
        return 0
    return rejected if isinstance(rejected, int) and rejected < 1 << 63 else 0


def retry_delay(retry_info: bytes) -> float | None:
    """The seconds of a serialised `google.rpc.RetryInfo`."""
    try:
        delay = _field(retry_info, number=1)
        seconds, nanos = (_field(delay, number=number) for number in (1, 2)) if isinstance(delay, bytes) else (0, 0)
    except (IndexError, ValueError):
        return None
    if not isinstance(seconds, int) or not isinstance(nanos, int):
        return None
    return min(seconds + nanos / 1e9, LONGEST_WAIT_S)


def _field(message: bytes, *, number: int) -> int | bytes:
    """The last value of a field of a protobuf message, 0 when it is not there. Raises for what is no message."""
    found: int | bytes = 0
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        value: int | bytes
        if tag & 7 == 0:
            value, at = _varint(message, at)
        elif tag & 7 in _WIDTHS:
            width, at = (_WIDTHS[tag & 7], at) if tag & 7 != 2 else _varint(message, at)
            value, at = message[at : at + width], at + width
        else:
            raise ValueError(tag)
        if at > len(message):
            raise ValueError(at)
        if tag >> 3 == number:
            found = value
    return found


_WIDTHS: Final = {1: 8, 2: 0, 5: 4}
"""Bytes by wire type; of 2 the length stands in the message."""


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(shift)
