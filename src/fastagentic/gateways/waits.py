"""How long an answer asks to wait before the next try: `retry-after-ms`, or `retry-after` in seconds or as a date."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ._values import amount, warn_once

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_wait(headers: Mapping[str, str]) -> float | None:
    """Seconds, None when the headers (in lower case) ask for nothing that can be read."""
    milliseconds = amount(headers, "retry-after-ms")
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    if not any(letter.isalpha() for letter in text):
        return amount(headers, "retry-after")
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        warn_once("retry-after", text)
        return None
    aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())
