"""The settings: one table (name, type, default, environment, help) for the reader, the CLI, the docs and the tests.

Arguments beat the environment, the environment beats the default. Imports nothing heavy: this runs at every start of every
script.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AMOUNT: Final = "an amount of time such as 30d, 24h, 90m or 45s"
DURATION: Final = f"{AMOUNT}, or 'all'"
SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


@dataclass(slots=True, frozen=True)
class Setting:
    """One setting: what it is called, how its text is read, and what it is when nobody says."""

    name: str
    env: str
    default: Any
    read: Callable[[str], Any]
    accepted: str
    help: str


def read_duration(text: str) -> float | None:
    """Seconds of `30d`, `24h`, `90m`, `45s` or `2w`; None for `all` (no limit). Raises ValueError."""
    if text.strip().lower() == "all":
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", text.lower())
    if match is None:
        raise ValueError(text)
    return float(match[1]) * SECONDS[match[2]]


def read_amount(text: str) -> float:
    """Seconds of an amount of time that has an end. Raises ValueError."""
    seconds = read_duration(text)
    if seconds is None:
        raise ValueError(text)
    return seconds


def read_names(text: str) -> tuple[str, ...]:
    """`otlp, local` as a tuple of names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def read_bool(text: str) -> bool:
    """`true`, `1`, `yes`, `on` and their opposites. Raises ValueError."""
    word = text.strip().lower()
    if word not in BOOLEANS:
        raise ValueError(text)
    return BOOLEANS[word]


BOOLEANS: Final = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("false", "0", "no", "off"), False)

SETTINGS: Final = {
    setting.name: setting
    for setting in (
        Setting(
            "destinations", "FASTAGENTIC_DESTINATIONS", ("local",), read_names,
            "a comma-separated list of: local (or nothing)", "where spans go",
        ),
        Setting(
            "clients", "FASTAGENTIC_CLIENTS", None, read_names,
            "a comma-separated list of: portkey, litellm, openai", "which clients are observed; all when unset",
        ),
        Setting(
            "capture_content", "FASTAGENTIC_CAPTURE_CONTENT", False, read_bool,
            "true or false", "put prompts and answers on spans",
        ),
        Setting(
            "propagate", "FASTAGENTIC_PROPAGATE", True, read_bool,
            "true or false", "lend the run id to Portkey requests that carry none",
        ),
        Setting(
            "prices", "FASTAGENTIC_PRICES", None, str,
            "the path of a TOML or JSON file", "own prices and discounts, before anybody else's",
        ),
        Setting(
            "keep", "FASTAGENTIC_KEEP", 30 * 86400.0, read_duration,
            DURATION, "how long the local store keeps calls",
        ),
        Setting(
            "exit_timeout", "FASTAGENTIC_EXIT_TIMEOUT", 5.0, read_amount,
            AMOUNT, "how long the end of the process waits for destinations",
        ),
    )
}  # fmt: skip


def setting(name: str, argument: Any = None, environ: Mapping[str, str] | None = None) -> Any:
    """The effective value of a setting: the argument, else the environment, else the default.

    Raises: ConfigError that names the setting, its source, the value and what is accepted.
    """
    row = SETTINGS[name]
    if argument is not None:
        return argument
    text = (os.environ if environ is None else environ).get(row.env)
    if text is None:
        return row.default
    try:
        return row.read(text)
    except ValueError:
        raise ConfigError.of(name, text, row.accepted, source=row.env) from None
