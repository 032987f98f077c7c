"""The file of the price list: read with every mistake told by its place, written whole or not at all, and taken back."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from fastagentic.core.errors import ConfigError

from .entries import read_moment, said
from .history import BEGINNING, END, Stretch
from .price_list import SECTIONS, PriceList, Section
from .rates import UNITS

if TYPE_CHECKING:
    from .history import History

PREVIOUS: Final = "prices.previous.json"
FORMAT: Final = 1
_MEND: Final = "delete the file, and write it anew with `fastagentic prices update`"


def read_list(path: Path) -> PriceList | None:
    """The list at `path`; None where there is none.

    Raises: ConfigError that names the file, the field, its value and the way out.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no price list that can be read ({error}); {_MEND}") from error
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no price list ({error}); {_MEND}") from error
    return _Reading(path).whole(found)


def write_list(path: Path, prices: PriceList) -> None:
    """Put the list where it is read, whole or not at all; the one before it is kept for an undo. Raises: OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        before = path.read_bytes()
        prices.replaced = True
        _put(path.with_name(PREVIOUS), before)
    _put(path, json.dumps(as_json(prices), indent=1, ensure_ascii=False).encode())


def undo(path: Path) -> bool:
    """Go back to the list before the last update, or to none; False where there is nothing to go back to. One that cannot be
    read gives way to the one before it.

    Raises: OSError; ConfigError where that cannot be read and there is none before it.
    """
    previous = path.with_name(PREVIOUS)
    try:
        prices = read_list(path)
    except ConfigError:
        if not previous.exists():
            raise
        prices = PriceList(replaced=True)
    if prices is None or (prices.replaced and not previous.exists()):
        return False
    if prices.replaced:
        previous.replace(path)
    else:
        path.unlink()
    return True


def _put(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def as_json(prices: PriceList) -> dict[str, Any]:
    """The list as it lies on disk."""
    sections = {
        name: {
            "version": section.version,
            "updated": section.updated,
            "models": {
                key: {tier: [_stretch_as_json(one) for one in history] for tier, history in tiers.items()}
                for key, tiers in sorted(section.models.items())
            },
        }
        for name, section in prices.ordered()
    }
    return {"format": FORMAT, "replaced": prices.replaced, "sections": sections}


def _stretch_as_json(one: Stretch) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if one.starts_ns != BEGINNING:
        found["from"] = said(one.starts_ns)
    if one.ends_ns != END:
        found["until"] = said(one.ends_ns)
    if one.lacks:
        found["lacks"] = list(one.lacks)
    found["rates"] = {str(above): {name: str(rate) for name, rate in rates.items()} for above, rates in one.bands.items()}
    return found


class _Reading:
    """One file being read: whatever is not as it should be is told with its place."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def whole(self, found: Any) -> PriceList:
        given = self._object("the whole file", found)
        if given.get("format") != FORMAT:
            self._refuse("format", given.get("format"), f"{FORMAT}, as this version writes it")
        sections = self._object("sections", given.get("sections"))
        return PriceList({name: self._section(name, one) for name, one in sections.items()}, given.get("replaced") is True)

    def _section(self, name: str, found: Any) -> Section:
        if name not in SECTIONS:
            self._refuse("sections", name, f"any of: {', '.join(SECTIONS)}")
        given = self._object(name, found)
        models = self._object(f"{name}.models", given.get("models"))
        return Section(
            self._text(f"{name}.version", given.get("version")),
            self._text(f"{name}.updated", given.get("updated")),
            {key: self._tiers(f"{name}.models[{key!r}]", one) for key, one in models.items()},
        )

    def _tiers(self, where: str, found: Any) -> dict[str, History]:
        return {tier: self._history(f"{where}[{tier!r}]", one) for tier, one in self._object(where, found).items()}

    def _history(self, where: str, found: Any) -> History:
        if not isinstance(found, list):
            self._refuse(where, found, "a list of rates")
        return tuple(self._stretch(f"{where}[{at}]", one) for at, one in enumerate(found))

    def _stretch(self, where: str, found: Any) -> Stretch:
        given = self._object(where, found)
        bands = self._object(f"{where}.rates", given.get("rates"))
        lacks = given.get("lacks", [])
        if not isinstance(lacks, list):
            self._refuse(f"{where}.lacks", lacks, "a list of counts")
        return Stretch(
            {self._above(where, above): self._rates(f"{where}.rates[{above!r}]", one) for above, one in bands.items()},
            self._moment(f"{where}.from", given.get("from"), BEGINNING),
            self._moment(f"{where}.until", given.get("until"), END),
            tuple(map(str, lacks)),
        )

    def _above(self, where: str, above: str) -> int:
        try:
            return int(above)
        except ValueError:
            self._refuse(f"{where}.rates", above, "a number of input tokens, -1 for every size")

    def _rates(self, where: str, found: Any) -> dict[str, Decimal]:
        return {name: self._rate(f"{where}[{name!r}]", name, value) for name, value in self._object(where, found).items()}

    def _rate(self, where: str, name: str, value: Any) -> Decimal:
        if name not in UNITS:
            self._refuse(where, value, f"nothing: {name!r} is none of {', '.join(UNITS)}")
        try:
            rate = Decimal(value) if isinstance(value, str) else Decimal("NaN")
        except InvalidOperation:
            rate = Decimal("NaN")
        if not rate.is_finite() or rate < 0:
            self._refuse(where, value, "an amount of USD as text, 0 or more")
        return rate

    def _moment(self, where: str, value: Any, otherwise: int) -> int:
        moment = otherwise if value is None else read_moment(value)
        if moment is None:
            self._refuse(where, value, "a date or a date with a time")
        return moment

    def _text(self, where: str, value: Any) -> str:
        if not isinstance(value, str):
            self._refuse(where, value, "text")
        return value

    def _object(self, where: str, found: Any) -> dict[str, Any]:
        if not isinstance(found, dict):
            self._refuse(where, found, "an object")
        return found

    def _refuse(self, where: str, value: object, accepted: str) -> NoReturn:
        raise ConfigError(f"{self._path}: {where} is {value!r}; it takes {accepted}; {_MEND}")
