"""What lies beside the records of a spool: `destination.json`, `dropped.log`, `set-aside/` for people, `rules/` for who sends.

The one module that knows those files; the spool writes them, `fastagentic status` and `fastagentic spool` read them.

Several processes write here at once: files are made under names of their own, or appended to in one call.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SPOOL: Final = "spool"
SET_ASIDE: Final = "set-aside"
RULES: Final = "rules"
BESIDE: Final = frozenset({SET_ASIDE, RULES})
"""Directories that are no process's."""
DESTINATION: Final = "destination.json"
DROPPED: Final = "dropped.log"
COMPACT_BYTES: Final = 1 << 20

_LINE: Final = re.compile(rb"(\d+) (\d+) ([^\n]+)\n")
_ASIDE: Final = re.compile(r"(\d+)-(\d+)-(.*)\.otlp\.pb")
_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Label(NamedTuple):
    """Which destination a spool belongs to."""

    name: str
    endpoint: str
    identity: str = ""
    """What else tells it apart: a project by its public key, which is no secret."""


class Aside(NamedTuple):
    """A request that its destination would not take: a serialised `ExportTraceServiceRequest`."""

    path: Path
    made_ns: int
    spans: int
    why: str
    size: int


class Drop(NamedTuple):
    """Spans that were lost, and when that was last seen."""

    reason: str
    spans: int
    last_ns: int


def spool_directory(home: Path, name: str, endpoint: str, identity: str = "") -> Path:
    """Where the spool of a destination lies. Another endpoint is another spool, and so is another identity behind it.

    Example:
        >>> spool_directory(Path("/srv"), "otlp", "http://localhost:4318/v1/traces").as_posix()
        '/srv/spool/otlp-4292a5c7'
    """
    key = hashlib.sha256(f"{name}{endpoint}{identity}".encode(errors="replace")).hexdigest()[:8]
    return home / SPOOL / f"{_safe(_shown(name))}-{key}"


def make_private(directory: Path) -> None:
    """Make a directory and those above it, for this user alone: spans can hold prompts. Raises: OSError."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


# --- whose it is ------------------------------------------------------------------------------------


def write_label(directory: Path, label: Label) -> None:
    """Say in the spool's directory whose it is, without the endpoint's secrets. Raises: OSError."""
    path = directory / DESTINATION
    if label.name and not path.exists():
        said = {"name": _shown(label.name), "endpoint": without_secrets(label.endpoint)}
        if label.identity:
            said["identity"] = label.identity
        _write_whole(path, json.dumps(said, indent=2).encode())


def read_label(directory: Path) -> Label:
    """Whose spool it is; as far as its name tells, where the label is missing."""
    try:
        found = json.loads((directory / DESTINATION).read_bytes())
        return Label(str(found["name"]), str(found["endpoint"]), str(found.get("identity", "")))
    except (OSError, ValueError, TypeError, KeyError):
        return Label(directory.name.rpartition("-")[0] or directory.name, "")


def without_secrets(endpoint: str) -> str:
    """An endpoint without user, password, query and fragment.

    Example:
        >>> without_secrets("https://me:key@eu.example.com:443/v1/traces?token=1")
        'https://eu.example.com:443/v1/traces'
    """
    try:
        parts = urlsplit(endpoint)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


# --- what was lost ----------------------------------------------------------------------------------


def note_drop(directory: Path, spans: int, reason: str) -> None:
    """Add a line to what was lost. Raises: OSError."""
    line = f"{time.time_ns()} {spans} {' '.join(reason.split()) or 'unknown'}\n"
    path = directory / DROPPED
    _append(path, line.encode(errors="replace"))
    if path.stat().st_size > COMPACT_BYTES:
        _compact(directory)


def drops(directory: Path) -> list[Drop]:
    """What was lost so far, by reason, most first; nothing where nothing can be read."""
    spans: Counter[str] = Counter()
    last_ns: dict[str, int] = {}
    for path in directory.glob(f"{DROPPED}*"):
        with contextlib.suppress(OSError):
            for drop in _lines(path.read_bytes()):
                spans[drop.reason] += drop.spans
                last_ns[drop.reason] = max(drop.last_ns, last_ns.get(drop.reason, 0))
    return [Drop(reason, count, last_ns[reason]) for reason, count in spans.most_common()]


def _compact(directory: Path) -> None:
    """A line a reason instead of a line a loss. Others go on writing, to a file of the same name."""
    old = directory / f"{DROPPED}.{os.urandom(4).hex()}"
    (directory / DROPPED).rename(old)
    summed: dict[str, Drop] = {}
    for drop in _lines(old.read_bytes()):
        before = summed.get(drop.reason, Drop(drop.reason, 0, 0))
        summed[drop.reason] = Drop(drop.reason, before.spans + drop.spans, max(before.last_ns, drop.last_ns))
    text = "".join(f"{drop.last_ns} {drop.spans} {drop.reason}\n" for drop in summed.values())
    _append(directory / DROPPED, text.encode())
    old.unlink()


def _lines(data: bytes) -> Iterator[Drop]:
    for match in _LINE.finditer(data):
        yield Drop(match[3].decode(errors="replace"), int(match[2]), int(match[1]))


# --- what was refused --------------------------------------------------------------------------------


def set_aside(directory: Path, payload: bytes, spans: int, why: str) -> Path:
    """Keep a request for a person to look at. Raises: OSError; then there is no file."""
    aside = directory / SET_ASIDE
    make_private(aside)
    path = aside / f"{time.time_ns()}-{spans}-{_safe(why)}.otlp.pb"
    _write_whole(path, payload)
    return path


def aside(directory: Path) -> list[Aside]:
    """The requests that were set aside, the oldest first."""
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory / SET_ASIDE):
            match = _ASIDE.fullmatch(entry.name)
            with contextlib.suppress(OSError):
                if match is not None:
                    size = entry.stat().st_size
                    found.append(Aside(Path(entry.path), int(match[1]), int(match[2]), match[3], size))
    return sorted(found, key=lambda one: one.made_ns)


# --- what is not to be sent --------------------------------------------------------------------------


def write_rule(directory: Path, rule: Mapping[str, Any]) -> Path:
    """Tell every process that sends from this spool what to leave out (`export/erasing.py`). Raises: OSError."""
    rules = directory / RULES
    make_private(rules)
    path = rules / f"{time.time_ns()}-{os.urandom(4).hex()}.json"
    _write_whole(path, json.dumps(rule).encode())
    return path


def rules(directory: Path) -> list[tuple[Path, Any]]:
    """The rules, the oldest first; those that can be read."""
    found = []
    for path in sorted((directory / RULES).glob("[!.]*.json")):
        with contextlib.suppress(OSError, ValueError):
            found.append((path, json.loads(path.read_bytes())))
    return found


def _shown(name: str) -> str:
    """A name without secrets: `otlp=<endpoint>` is one, too."""
    kind, equals, endpoint = name.partition("=")
    return f"{kind}={without_secrets(endpoint)}" if equals else name


def _safe(text: str) -> str:
    """`text` as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_.]+", "-", text).strip("-.")[:40] or "x"


def _append(path: Path, data: bytes) -> None:
    fd = os.open(path, _APPEND, 0o600)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def _write_whole(path: Path, data: bytes) -> None:
    """The whole file under its name, or none."""
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    try:
        with open(os.open(part, _APPEND | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
