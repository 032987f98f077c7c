"""The user's prices as they are given: a mapping, or the path of a TOML or JSON file that holds the same."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED: Final = "a mapping of models to prices, or the path of a TOML or JSON file that holds one"

READERS: Final[dict[str, Callable[[str], Any]]] = {
    ".toml": lambda text: tomllib.loads(text, parse_float=Decimal),
    ".json": lambda text: json.loads(text, parse_float=Decimal, object_pairs_hook=_once),
}


def read_given(prices: object, source: str) -> tuple[Mapping[str, object], str]:
    """The mapping, and where it came from: `source`, or the path of the file.

    Raises: ConfigError that names the file, what is wrong with it and what would do.
    """
    if prices == "":  # an empty variable
        return {}, source
    if isinstance(prices, Mapping):
        return prices, source
    if not isinstance(prices, str | os.PathLike):
        raise ConfigError.of("prices", prices, ACCEPTED, source=source)
    return _read_file(Path(prices).expanduser(), source)


def _read_file(path: Path, source: str) -> tuple[Mapping[str, object], str]:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise ConfigError.of("prices", str(path), "a file that ends in .toml or .json", source=source)
    try:
        found = reader(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ConfigError.of("prices", str(path), f"a file that can be read ({why})", source=source) from error
    except (ValueError, RecursionError) as error:  # both parsers' errors, and bytes that are no UTF-8
        form = path.suffix[1:].upper()
        raise ConfigError(f"prices ({source}) is {str(path)!r}, which is no {form} file: {error}") from error
    if not isinstance(found, Mapping):
        raise ConfigError.of(str(path), found, "an object of models and their prices", source=source)
    return found, str(path)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON lets a key stand twice, and the last one wins; a price list with two prices for a model is a mistake."""
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"the key {twice!r} stands there twice")
    return dict(pairs)
