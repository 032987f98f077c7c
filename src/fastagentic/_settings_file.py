"""The settings file: the nearest `fastagentic.toml`, or `pyproject.toml` with a `[tool.fastagentic]`, from here upward.

`core/config.py` says what a setting is and opens no file; this finds the file, reads it and hands its keys over. TOML is
parsed, and its parser imported, only where there is such a file.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .core.config import SETTINGS, SettingsFile, use_file
from .core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("fastagentic")

OWN: Final = "fastagentic.toml"
PROJECT: Final = "pyproject.toml"
TABLE: Final = "tool.fastagentic"

_warned: Final[set[tuple[str, str]]] = set()


def load_settings_file() -> None:
    """Let the settings come from the nearest file too, from here on.

    Raises: ConfigError for a file that is no TOML or cannot be read. A key that is no setting is warned of once.
    """
    file = find_settings_file()
    use_file(file)
    if file is None:
        return
    for key in file.values:
        if key not in SETTINGS:
            _warn_once(file.path, key, f"{file.source(key)} is no setting of fastagentic{_near(key)}")


def find_settings_file(start: Path | None = None) -> SettingsFile | None:
    """The nearest file with settings, from `start` or else the current directory upward; None when there is none.

    A file further up that belongs to another person (neither to you, nor to root, nor to the owner of `start`) is passed
    over: on a shared machine it could send your telemetry to its owner. Raises: ConfigError.
    """
    try:
        here = (start or Path.cwd()).absolute()
        trusted = {0, os.geteuid() if hasattr(os, "geteuid") else 0, here.stat().st_uid}
    except OSError:  # the current directory has been deleted
        return None
    for path in _candidates(here):
        text = _text(path, trusted)
        if text is not None and (file := _parsed(path, text)) is not None:
            return file
    return None


def _candidates(here: Path) -> Iterator[Path]:
    for folder in (here, *here.parents):
        yield folder / OWN
        yield folder / PROJECT


def _text(path: Path, trusted: set[int]) -> str | None:
    """What is in the file; None when it is not there, not trusted, or says nothing of us."""
    try:
        owner = path.stat().st_uid
        if not path.is_file():
            return None
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        if path.name == PROJECT:  # somebody else's matter
            return None
        raise ConfigError(f"{path} cannot be read ({type(error).__name__}): mend it or move it away") from None
    if path.name == PROJECT and "fastagentic" not in text:
        return None
    if owner not in trusted:
        _warn_once(str(path), "", f"{path} belongs to another user and is passed over")
        return None
    return text


def _parsed(path: Path, text: str) -> SettingsFile | None:
    import tomllib

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if path.name == PROJECT and TABLE not in text:
            return None
        raise ConfigError(f"{path} is no TOML: {error}") from None
    if path.name == OWN:
        return SettingsFile(str(path), "", _from(path, content))
    tool = content.get("tool")
    values = tool.get("fastagentic") if isinstance(tool, dict) else None
    return SettingsFile(str(path), TABLE, _from(path, values)) if isinstance(values, dict) else None


def _from(path: Path, values: dict[str, Any]) -> dict[str, Any]:
    """The keys as written, but a path is one from the file, not from wherever the process happens to run."""
    prices = values.get("prices")
    return values | {"prices": str(path.parent / prices)} if isinstance(prices, str) else values


def _near(key: str) -> str:
    import difflib

    near = difflib.get_close_matches(key.replace("-", "_").lower(), SETTINGS, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(SETTINGS)}"


def _warn_once(path: str, key: str, message: str) -> None:
    if (path, key) not in _warned:
        _warned.add((path, key))
        logger.warning("%s", message)
