"""The options that several commands share, and what their values mean."""

from __future__ import annotations

import time
from typing import Annotated, Final

import typer

from fastagentic.core.config import AMOUNT, DURATION, read_amount, read_duration
from fastagentic.core.errors import ConfigError

SINCE_DEFAULT: Final = "24h"
_LONGEST_S: Final = 1e10  # 300 years, and still a whole number of nanoseconds

Since = Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 30s, 90m, 24h, 7d, 2w, or all.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV on stdout, for spreadsheets.")]


def moment_ago(option: str, value: str) -> int | None:
    """The moment that `value` ago was, in nanoseconds since the epoch; None for `all`.

    Raises: ConfigError that names the option, its value and what it takes.
    """
    try:
        seconds = read_duration(value)
    except ValueError:
        seconds = 0.0
    if seconds is None:
        return None
    if seconds <= 0:
        raise ConfigError.of(option, value, DURATION, source="option")
    return max(0, time.time_ns() - int(min(seconds, _LONGEST_S) * 1e9))


def seconds(option: str, value: str) -> float:
    """An amount of time that ends. Raises: ConfigError that names the option, its value and what it takes."""
    try:
        return read_amount(value)
    except ValueError:
        raise ConfigError.of(option, value, AMOUNT, source="option") from None


def in_words(since: str) -> str:
    """The time that `--since` names, as part of a sentence."""
    return "at all" if since.strip().lower() == "all" else f"in the last {since.strip()}"


def only_one(as_json: bool, as_csv: bool) -> None:
    """Raises: ConfigError when both forms are asked for."""
    if as_json and as_csv:
        raise ConfigError("--json and --csv were both given; a command prints one of them")
