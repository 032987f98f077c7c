"""The settings: one table (name, kind, default, environment, help) for the reader, the CLI, the docs and the tests.

Arguments beat the environment, which beats the settings file, which beats the default. Opens no file: what the nearest one
holds is handed over by `use_file`. Imports nothing heavy: this runs at every start of every script.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from .budget import NO_BUDGETS, Budgets, budgets_of, read_budgets
from .environment import captures_content, chosen_destinations, service_name
from .errors import BadPart, ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

AMOUNT: Final = "an amount of time such as 30d, 24h, 90m or 45s"
DURATION: Final = f"{AMOUNT}, or 'all'"
SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
BYTES: Final = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
ARGUMENT: Final = "argument of instrument()"
DEFAULT: Final = "default"


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


def read_wait(text: str) -> float:
    """Seconds of an amount of time above 0. Raises ValueError."""
    seconds = read_amount(text)
    if not seconds:
        raise ValueError(text)
    return seconds


def read_size(text: str) -> int:
    """Bytes of `512MB`, `2GiB` or `65536`; above 0. Raises ValueError.

    Example:
        >>> read_size("1.5GB"), read_size("64 KiB")
        (1500000000, 65536)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?i?b)?\s*", text.lower())
    if match is None or match[2] == "ib":
        raise ValueError(text)
    size = int(float(match[1]) * BYTES[match[2] or "b"])
    if not size:
        raise ValueError(text)
    return size


def read_names(text: str) -> tuple[str, ...]:
    """`otlp, local` as a tuple of names."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def read_bool(text: str) -> bool:
    """`true`, `1`, `yes`, `on` and their opposites. Raises ValueError."""
    word = text.strip().lower()
    if word not in BOOLEANS:
        raise ValueError(text)
    return BOOLEANS[word]


def read_durability(text: str) -> str:
    """`normal` or `crash`. Raises ValueError."""
    word = text.strip().lower()
    if word not in ("normal", "crash"):
        raise ValueError(text)
    return word


def read_ledger(text: str) -> str:
    """`local`, `process`, or a URL of Redis. Raises: ValueError."""
    place = text.strip()
    if place not in ("local", "process") and not place.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError(text)
    return place


def read_store(text: str) -> str:
    """The URL of a ClickHouse. Raises: BadPart, which does not repeat what stands in it: there is a password among it."""
    url = text.strip()
    try:
        parts = urlsplit(url)
        is_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, half an IPv6 address
        parts, is_host = urlsplit(""), False
    if not url.lower().startswith(("clickhouse://", "clickhouses://")):
        raise BadPart("scheme", url.partition(":")[0], STORE_URL)
    if not is_host:
        raise BadPart("host", "nothing that can be one", STORE_URL)
    unknown = [name for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "secure" or not value]
    if unknown or parts.fragment or "/" in parts.path.strip("/"):
        raise BadPart("database", "more than a name", STORE_URL)
    return url


STORE_URL: Final = "clickhouse://user:password@host:8123/database, with TLS clickhouses:// or ?secure=true at the end"

BOOLEANS: Final = dict.fromkeys(("true", "1", "yes", "on"), True) | dict.fromkeys(("false", "0", "no", "off"), False)


@dataclass(slots=True, frozen=True)
class Kind:
    """How a value is written: `read` takes its text (ValueError: not this kind); an argument or a file may hold `types` too."""

    read: Callable[[str], Any]
    types: tuple[type, ...] = ()
    hold: Callable[[Any], Any] = lambda value: value
    """One of `types` as it is kept."""
    means_by_empty: bool = False
    """Whether an empty variable says something (no names at all). Everywhere else it is the same as none."""


TEXT: Final = Kind(str)
NAMES: Final = Kind(read_names, (Collection,), tuple, means_by_empty=True)
SWITCH: Final = Kind(read_bool, (bool,))
CHOICE: Final = Kind(read_durability)
TIME: Final = Kind(read_duration)
WAIT: Final = Kind(read_amount)
TIMEOUT: Final = Kind(read_wait)
SIZE: Final = Kind(read_size)
PRICES: Final = Kind(str, (Mapping, os.PathLike))
LEDGER: Final = Kind(read_ledger)
STORE: Final = Kind(read_store)
BUDGETS: Final = Kind(read_budgets, (Mapping, Budgets), budgets_of)

Theirs = tuple[Any, str]
"""A value that somebody else's variable gives, and the name of that variable."""


@dataclass(slots=True, frozen=True)
class Setting:
    """One setting: what it is called, how its text is read, and what it is when nobody says.

    `beaten_by` and `else_by` read variables of others that mean the same: the first beats even an argument, the second is
    asked after our own variable and before the file.
    """

    name: str
    env: str
    default: Any
    kind: Kind
    accepted: str
    help: str
    beaten_by: Callable[[Mapping[str, str]], Theirs | None] | None = None
    else_by: Callable[[Mapping[str, str]], Theirs | None] | None = None

    @property
    def read(self) -> Callable[[str], Any]:
        """From text to value; ValueError for one that cannot be used."""
        return self.kind.read


@dataclass(slots=True, frozen=True)
class SettingsFile:
    """What the nearest settings file says: its path, the table that holds them ('' is the whole file), and its keys."""

    path: str
    table: str
    values: Mapping[str, Any] = field(repr=False)

    def source(self, name: str) -> str:
        """Where a key of it stands, for the person who has to mend it."""
        return f"{self.path} [{self.table}] {name}" if self.table else f"{self.path} {name}"


@dataclass(slots=True, frozen=True)
class Effective:
    """A setting as it holds: its value, who said so, and what is wrong with that, if anything."""

    name: str
    value: Any
    source: str
    problem: str | None = None


SETTINGS: Final = {
    setting.name: setting
    for setting in (
        Setting(
            "service_name", "FASTAGENTIC_SERVICE_NAME", None, TEXT,
            "a name", "`service.name` of the provider that is made",
            beaten_by=service_name,
        ),
        Setting(
            "destinations", "FASTAGENTIC_DESTINATIONS", None, NAMES,
            "a comma-separated list of: local, otlp, otlp=<endpoint>, langfuse, console (or nothing)",
            "where spans go; from `OTEL_*` and `LANGFUSE_*` when unset, else local",
        ),
        Setting(
            "clients", "FASTAGENTIC_CLIENTS", None, NAMES,
            "a comma-separated list of: portkey, litellm, openai", "which clients are observed; all when unset",
        ),
        Setting(
            "capture_content", "FASTAGENTIC_CAPTURE_CONTENT", False, SWITCH,
            "true or false", "put prompts and answers on spans",
            else_by=captures_content,
        ),
        Setting(
            "propagate", "FASTAGENTIC_PROPAGATE", True, SWITCH,
            "true or false", "lend the run id to Portkey requests that carry none",
        ),
        Setting(
            "prices", "FASTAGENTIC_PRICES", None, PRICES,
            "the path of a TOML or JSON file", "own prices and discounts, before anybody else's",
        ),
        Setting(
            "budgets", "FASTAGENTIC_BUDGETS", NO_BUDGETS, BUDGETS,
            "limits in USD such as run=0.50, month=500, month.action=warn", "what may be spent on whom, and in a month",
        ),
        Setting(
            "budget_ledger", "FASTAGENTIC_BUDGET_LEDGER", None, LEDGER,
            "local, process, or a URL such as redis://host:6379/0",
            "where it is kept what was spent of budgets: beside the local store where there is one, else in each process",
        ),
        Setting(
            "logs", "FASTAGENTIC_LOGS", False, SWITCH,
            "true or false", "put run, trace and span id on log records",
        ),
        Setting(
            "durability", "FASTAGENTIC_DURABILITY", "normal", CHOICE,
            "normal or crash", "crash: a span is on disk before the call returns",
        ),
        Setting(
            "export_timeout", "FASTAGENTIC_EXPORT_TIMEOUT", 10.0, TIMEOUT,
            AMOUNT, "how long one request to a destination may take",
        ),
        Setting(
            "exit_timeout", "FASTAGENTIC_EXIT_TIMEOUT", 5.0, WAIT,
            AMOUNT, "how long the end of the process waits for destinations",
        ),
        Setting(
            "spool_max_size", "FASTAGENTIC_SPOOL_MAX_SIZE", 512 * 10**6, SIZE,
            "a size such as 512MB or 2GB", "disk that spans waiting for one destination may take",
        ),
        Setting(
            "spool_max_age", "FASTAGENTIC_SPOOL_MAX_AGE", 7 * 86400.0, TIME,
            DURATION, "how long spans wait for a destination",
        ),
        Setting(
            "keep", "FASTAGENTIC_KEEP", 30 * 86400.0, TIME,
            DURATION, "how long the local store keeps calls",
        ),
        Setting(
            "store", "FASTAGENTIC_STORE", None, STORE,
            STORE_URL, "a ClickHouse that commands and the dashboard read in place of the local store",
        ),
        Setting(
            "trace_url", "FASTAGENTIC_TRACE_URL", None, TEXT,
            "a URL with {trace_id} in it, or the address of a Grafana", "where else the dashboard's link shows a run",
        ),
    )
}  # fmt: skip

_file: SettingsFile | None = None


def use_file(file: SettingsFile | None) -> None:
    """From here on settings that neither an argument nor the environment gives come from this file; None: from none."""
    global _file
    _file = file


def setting(name: str, argument: Any = None, environ: Mapping[str, str] | None = None) -> Any:
    """The effective value of a setting: the argument, else the environment, the settings file, the default.

    Raises: ConfigError that names the setting, its source, the value and what is accepted.
    """
    return resolved(name, argument, environ).value


def resolved(name: str, argument: Any = None, environ: Mapping[str, str] | None = None, *, source: str = ARGUMENT) -> Effective:
    """The same with its source; `source` is what an argument is called in an error. Raises: ConfigError."""
    row = SETTINGS[name]
    value, said_by = _said(row, argument, os.environ if environ is None else environ)
    source = source if said_by == ARGUMENT else said_by
    return Effective(name, row.default if source == DEFAULT else _read(row, value, source), source)


def effective(arguments: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None) -> list[Effective]:
    """Every setting with its source, for people; a value that cannot be used is shown as it was written, with its problem."""
    environ = os.environ if environ is None else environ
    return [_shown(name, (arguments or {}).get(name), environ) for name in SETTINGS]


def _shown(name: str, argument: Any, environ: Mapping[str, str]) -> Effective:
    try:
        found = resolved(name, argument, environ)
    except ConfigError as error:
        value, source = _said(SETTINGS[name], argument, environ)
        return Effective(name, value, source, str(error))
    if name == "destinations" and found.source == DEFAULT:
        chosen = chosen_destinations(environ)
        return Effective(name, chosen.names, chosen.source or DEFAULT)
    return found


def _said(row: Setting, argument: Any, environ: Mapping[str, str]) -> tuple[Any, str]:
    """What was said first in the order of precedence, unread, and by whom."""
    if row.beaten_by is not None and (theirs := row.beaten_by(environ)) is not None:
        return theirs
    if argument is not None:
        return argument, ARGUMENT
    text = environ.get(row.env)
    if text is not None and (text.strip() or row.kind.means_by_empty):
        return text, row.env
    if row.else_by is not None and (theirs := row.else_by(environ)) is not None:
        return theirs
    if _file is not None and row.name in _file.values:
        return _file.values[row.name], _file.source(row.name)
    return None, DEFAULT


def _read(row: Setting, value: Any, source: str) -> Any:
    try:
        if isinstance(value, str):
            return row.kind.read(value)
        if isinstance(value, row.kind.types):
            return row.kind.hold(value)
    except BadPart as part:
        raise ConfigError.of(f"{row.name}: {part.key}", part.value, part.accepted, source=source) from None
    except ValueError:
        pass
    raise ConfigError.of(row.name, value, row.accepted, source=source)
