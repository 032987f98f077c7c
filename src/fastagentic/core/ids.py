"""Run ids and trace ids: one 128-bit number, written as 32 hex digits."""

from __future__ import annotations

import hashlib
import uuid


def trace_id_of(run_id: str | uuid.UUID) -> int:
    """The trace id that a given run id becomes.

    A UUID in any of its spellings, or 32 hex digits, is taken bit for bit. Anything else is hashed: the first 16 bytes
    of the SHA-256 of its UTF-8 text, which is what Langfuse's `create_trace_id(seed=...)` does. The all-zero id
    is no valid trace id (W3C Trace Context, 3.2.2.3) and is hashed too.

    Example:
        >>> format_trace_id(trace_id_of("0190b5a2-7c1e-7abc-8def-0123456789ab"))
        '0190b5a27c1e7abc8def0123456789ab'
        >>> format_trace_id(trace_id_of("order-42"))
        '3bf8b157c4238eefe5ae4a66eca81c6b'
    """
    text = run_id.hex if isinstance(run_id, uuid.UUID) else run_id
    try:
        number = uuid.UUID(text).int
    except ValueError:
        number = 0
    return number or int.from_bytes(hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:16], "big")


def format_trace_id(number: int) -> str:
    """A trace id as everybody writes it: 32 lower-case hex digits."""
    return format(number, "032x")
