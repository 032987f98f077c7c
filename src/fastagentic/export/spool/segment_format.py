"""The bytes of a segment: a file header of 16 bytes, then records, each a header of 44 bytes with a checksum of its own and the
content behind it.

The process that wrote it may have died at any byte, and a disk may have lost any of them. So a record says how long it is, what
its content sums to, and how many spans came before it: what is whole is found again, what is missing is counted.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SPANS: Final = 1
ACKNOWLEDGED: Final = 2

_MAGIC: Final = b"fa-spool"
_VERSION: Final = 1
_FILE: Final = struct.Struct("<8sII")  # magic, version, salt of the checksums
_MARK: Final = b"\xfaREC"
# mark, kind, spans before this record, spans, lengths of resource, scope and body, made_ns, checksum of the content
_FACTS: Final = struct.Struct("<4sIIIIIIQI")
_CHECKSUM: Final = struct.Struct("<I")

FILE_OVERHEAD: Final = _FILE.size
"""Bytes of a file without records."""
OVERHEAD: Final = _FACTS.size + _CHECKSUM.size
"""Bytes of a record beside its content."""


class NewerSegmentError(Exception):
    """A newer version of fastagentic wrote the segment: not ours to touch."""


class Header(NamedTuple):
    """What is known of a record before its content is read."""

    kind: int
    before: int
    """Spans that were appended to the segment before this record."""
    spans: int
    resource: int
    scope: int
    body: int
    made_ns: int
    checksum: int

    @property
    def size(self) -> int:
        """Bytes of the whole record."""
        return OVERHEAD + self.resource + self.scope + self.body


def new_salt() -> int:
    """A salt for the checksums of one file, so that no content can pass for a record, nor an old block of the disk."""
    return int.from_bytes(os.urandom(4), "little")


def file_header(salt: int) -> bytes:
    """How a file begins."""
    return _FILE.pack(_MAGIC, _VERSION, salt)


def salt_of(data: bytes) -> int | None:
    """The salt in a file's header; None where there is no such header, whole. Raises: NewerSegmentError."""
    if len(data) < FILE_OVERHEAD:
        return None
    magic, version, salt = _FILE.unpack_from(data)
    if magic != _MAGIC:
        return None
    if version > _VERSION:
        raise NewerSegmentError(version)
    return int(salt)


def packed(salt: int, kind: int, before: int, spans: int, parts: tuple[bytes, bytes, bytes], made_ns: int) -> bytes:
    """A record."""
    content = b"".join(parts)
    resource, scope, body = parts
    lengths = (len(resource), len(scope), len(body))
    head = _FACTS.pack(_MARK, kind, before, spans, *lengths, made_ns, zlib.crc32(content, salt))
    return b"".join((head, _CHECKSUM.pack(zlib.crc32(head, salt)), content))


def packed_offsets(salt: int, before: int, offsets: Sequence[int]) -> bytes:
    """A record that says which others are acknowledged."""
    return packed(salt, ACKNOWLEDGED, before, 0, (b"", b"", struct.pack(f"<{len(offsets)}Q", *offsets)), 0)


def header_at(data: bytes, offset: int, salt: int) -> Header | None:
    """The header at an offset; None where there is none, whole."""
    if len(data) < offset + OVERHEAD:
        return None
    head = data[offset : offset + _FACTS.size]
    (checksum,) = _CHECKSUM.unpack_from(data, offset + _FACTS.size)
    if not head.startswith(_MARK) or zlib.crc32(head, salt) != checksum:
        return None
    return Header(*_FACTS.unpack(head)[1:])


def headers(data: bytes, salt: int) -> Iterator[tuple[int, Header]]:
    """The records of a file, in order. Where one is damaged the search goes on behind it; a torn one ends it."""
    offset = FILE_OVERHEAD
    while offset >= 0:
        header = header_at(data, offset, salt)
        if header is not None and offset + header.size <= len(data):
            yield offset, header
            offset += header.size
        else:
            offset = data.find(_MARK, offset + 1)


def content_of(data: bytes, offset: int, header: Header, salt: int) -> bytes | None:
    """What a record holds, behind its header; None where it is not what was written."""
    content = data[offset + OVERHEAD : offset + header.size]
    return content if zlib.crc32(content, salt) == header.checksum else None


def acknowledged(data: bytes, offset: int, header: Header, salt: int) -> Sequence[int]:
    """The offsets that a record acknowledges; none where it holds spans, or is damaged."""
    content = content_of(data, offset, header, salt) if header.kind == ACKNOWLEDGED else None
    return () if content is None else struct.unpack(f"<{len(content) // 8}Q", content)
