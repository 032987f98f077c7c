"""Numbers as people say them: money, durations, counts, sizes, moments. Pure; the command line and the dashboard use it."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

UNKNOWN: Final = "unknown"
NOTHING: Final = "-"

_UNITS: Final = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s"))
_SIZES: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def money(usd: float | None) -> str:
    """US dollars with the digits that matter.

    Example:
        >>> [money(usd) for usd in (0.0004, 12.31, 1204.4, 0.0, None)]
        ['$0.0004', '$12.31', '$1,204', '$0', 'unknown']
    """
    if usd is None or math.isnan(usd):
        return UNKNOWN
    if usd < 0:
        return f"-{money(-usd)}"
    if usd == 0 or usd >= 999.995:
        return f"${usd:,.0f}"
    if usd >= 0.0995:
        return f"${usd:,.2f}"
    if usd < 0.0000005:
        return "<$0.000001"
    digits = min(1 - math.floor(math.log10(usd)), 7)
    return f"${usd:.{digits}f}".rstrip("0")


def part_known(usd: float | None, unpriced: int) -> str:
    """Money of a group in which the cost of some calls is unknown.

    Example:
        >>> part_known(1.5, 2), part_known(None, 2), part_known(1.5, 0), part_known(0.0, 1)
        ('$1.50 + ?', 'unknown', '$1.50', '$0 + ?')
    """
    return money(usd) if usd is None or not unpriced else f"{money(usd)} + ?"


def duration(seconds: float) -> str:
    """An amount of time.

    Example:
        >>> [duration(seconds) for seconds in (0.0004, 0.12, 3.21, 250, 7_500, 100_000)]
        ['0.4 ms', '120 ms', '3.2 s', '4 m 10 s', '2 h 5 m', '1 d 3 h']
    """
    if seconds < 0.00995:
        return f"{seconds * 1e3:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1e3:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    large, large_name, small, small_name = next(unit for unit in _UNITS if whole >= unit[0])
    return f"{whole // large} {large_name} {whole % large // small} {small_name}"


def count(number: int | None) -> str:
    """A count with its thousands, from ten million on in millions.

    Example:
        >>> [count(number) for number in (0, 1234, 12_345_678, None)]
        ['0', '1,234', '12.3M', '?']
    """
    if number is None:
        return "?"
    return f"{number:,}" if number < 10_000_000 else f"{number / 1e6:,.1f}M"


def some(number: int) -> str:
    """A count that is worth a glance only when there is something.

    Example:
        >>> some(0), some(3)
        ('-', '3')
    """
    return count(number) if number else NOTHING


def share(part: float, whole: float) -> str:
    """A part of a whole in percent.

    Example:
        >>> share(1, 3), share(0.001, 3), share(0, 3), share(1, 0)
        ('33 %', '<1 %', '-', '-')
    """
    if not part or not whole:
        return NOTHING
    percent = 100 * part / whole
    return f"{percent:.0f} %" if percent >= 1 else "<1 %"


def size(number: int) -> str:
    """Bytes.

    Example:
        >>> size(512), size(2_340_000)
        ('512 B', '2.3 MB')
    """
    for unit, name in _SIZES:
        if number >= unit:
            return f"{number / unit:.1f} {name}"
    return f"{number} B"


def local_time(moment_ns: int) -> str:
    """A moment (nanoseconds since the epoch) on the clock of the person."""
    return datetime.fromtimestamp(moment_ns / 1e9, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def iso_time(moment_ns: int | None) -> str | None:
    """A moment (nanoseconds since the epoch) for a program: ISO 8601, UTC.

    Example:
        >>> iso_time(1_795_457_144_123_456_000)
        '2026-11-23T18:05:44.123456Z'
    """
    if moment_ns is None:
        return None
    seconds, rest_ns = divmod(moment_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns // 1_000:06d}Z"


def plural(number: int, thing: str) -> str:
    """A count with its thing.

    Example:
        >>> plural(1, "call"), plural(1200, "call")
        ('1 call', '1,200 calls')
    """
    return f"{count(number)} {thing}" if number == 1 else f"{count(number)} {thing}s"


def printable(text: str) -> str:
    """`text` without characters that would move the cursor or colour the terminal of whoever reads it."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "\N{MIDDLE DOT}" for letter in text)
