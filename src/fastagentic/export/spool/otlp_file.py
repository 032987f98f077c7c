"""What waits in a spool, or was refused, as OTLP in a file: for a collector, for `curl`, for a look.

JSON is a request a line, as the collector's file receiver takes it. Protobuf is one `ExportTraceServiceRequest`, for such
messages concatenate. Either can be appended to.
"""

from __future__ import annotations

import base64
import contextlib
import json
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastagentic.export.encode import request

from .spool import Spool
from .survey import waiting_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import IO

    from fastagentic.export.record import Record

    from .notes import Aside
    from .spool import Position
    from .survey import SpoolStatus

_IDS: Final = frozenset({"traceId", "spanId", "parentSpanId"})
_AT_ONCE: Final = 100
_NO_LIMIT: Final = 1 << 62


class Written(NamedTuple):
    """How much went into the file."""

    waiting: int
    """Spans that wait to be delivered."""
    refused: int
    """Spans that the destination refused."""


def as_json(body: bytes) -> bytes:
    """A serialised request as a line of OTLP JSON: ids in hex, enumerations as numbers. Raises: ValueError."""
    from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        message = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise ValueError("no ExportTraceServiceRequest") from error
    found = _with_hex_ids(MessageToDict(message, use_integers_for_enums=True))
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode(errors="replace") + b"\n"


def as_protobuf(body: bytes) -> bytes:
    """A serialised request as it is."""
    return body


FORMATS: Final[dict[str, Callable[[bytes], bytes]]] = {"otlp-json": as_json, "otlp-proto": as_protobuf}


def copy_out(status: SpoolStatus, file: IO[bytes], form: str) -> Written:
    """Write what waits, with living processes too, and what was refused; all of it stays. Raises: OSError."""
    encode = FORMATS[form]
    waiting = _write(waiting_records(status.directory), file, encode)
    return Written(waiting, sum(one.spans for one in _write_refused(status.aside, file, encode)))


def move_out(status: SpoolStatus, file: IO[bytes], form: str) -> Written:
    """Write what dead processes left and what was refused, and delete it. What living ones hold is theirs to deliver.

    Raises: OSError; then nothing is deleted.
    """
    encode = FORMATS[form]
    spool = Spool(status.directory, max_bytes=_NO_LIMIT, max_age_s=None, on_dropped=lambda *lost: spool.note_drop(*lost))
    try:
        read: list[Position] = []
        waiting = _write(_records(spool, read), file, encode)
        refused = _write_refused(status.aside, file, encode)
        file.flush()
        spool.acknowledge(*read)
        for one in refused:
            with contextlib.suppress(FileNotFoundError):
                one.path.unlink()
    finally:
        spool.close()
    return Written(waiting, sum(one.spans for one in refused))


def _records(spool: Spool, read: list[Position]) -> Iterable[Record]:
    for position in spool.take_over():
        record = spool.read(position)
        if record is not None:
            read.append(position)
            yield record


def _write(records: Iterable[Record], file: IO[bytes], encode: Callable[[bytes], bytes]) -> int:
    """Write records, some to a request; how many spans they are."""
    spans, rest = 0, iter(records)
    while some := list(islice(rest, _AT_ONCE)):
        payload = request(some)
        file.write(encode(payload.body))
        spans += payload.spans
    return spans


def _write_refused(aside: Iterable[Aside], file: IO[bytes], encode: Callable[[bytes], bytes]) -> list[Aside]:
    """Write requests that were refused; those that could be, for a destination may have been right."""
    written = []
    for one in aside:
        with contextlib.suppress(ValueError, FileNotFoundError):
            file.write(encode(one.path.read_bytes()))
            written.append(one)
    return written


def _with_hex_ids(value: Any) -> Any:
    """OTLP JSON writes ids in hex, where protobuf's own JSON has base64."""
    if isinstance(value, list):
        return [_with_hex_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(inner).hex() if key in _IDS and isinstance(inner, str) else _with_hex_ids(inner)
        for key, inner in value.items()
    }
