"""Values out of gateways' headers: whatever else stands in one is ignored, with one warning a header."""

from __future__ import annotations

import logging
import math
import re
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger("fastagentic")

T = TypeVar("T")

warned: Final[set[str]] = set()
"""The headers that were warned of in this process."""

UNSET: Final = ("", "None")
"""What a gateway writes for a value that it does not have."""

_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")

MOST: Final = 2**31
"""No count is larger; an attribute could not hold any number of digits."""


def whole_number(headers: Mapping[str, str], header: str, *, least: int = 0) -> int | None:
    """A count as a header states it, None when it states none."""
    number = _read(headers, header, int)
    if number is None or least <= number <= MOST:
        return number
    warn_once(header, headers[header])
    return None


def amount(headers: Mapping[str, str], header: str) -> float | None:
    """An amount of money as a header states it: finite and not below 0. None when it states none."""
    return _read(headers, header, _finite)


def identifier(headers: Mapping[str, str], header: str) -> str | None:
    """An id as a header states it: letters, digits and what ids are joined with. None when it states none."""
    text = headers.get(header)
    if text is None or text in UNSET:
        return None
    if _ID.fullmatch(text):
        return text
    warn_once(header, text)
    return None


def warn_once(header: str, text: str) -> None:
    """Tell of a value that cannot be used, without the value: it is somebody else's."""
    if header not in warned:
        warned.add(header)
        logger.warning("ignored the header %s: its value has %d characters and is none that is documented", header, len(text))


def _read(headers: Mapping[str, str], header: str, read: Callable[[str], T]) -> T | None:
    text = headers.get(header)
    if text is None or text in UNSET:
        return None
    try:
        return read(text)
    except ValueError:
        warn_once(header, text)
        return None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or number < 0:
        raise ValueError(text)
    return number
