"""Entries of the user's prices, checked: each says what a model costs, or what is taken off, and from when until when.

    {"gpt-4o": {"input": 2, "output": 8}, "azure/*": {"discount": 15, "until": "2027-01-01"}}

Everything that can be wrong with them is said here, by name, before anything is patched.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NoReturn

from fastagentic.core.errors import ConfigError

from .rates import UNITS, Tariff

if TYPE_CHECKING:
    from collections.abc import Iterable

FROM: Final = "from"
UNTIL: Final = "until"
DISCOUNT: Final = "discount"
KEYS: Final = (*UNITS, DISCOUNT, FROM, UNTIL)
DATES: Final = "a date or a date with a time, UTC unless it says otherwise: 2027-01-01 or 2027-01-01T12:00:00Z"
ENTRY: Final = f"an object of prices, or a list of them with dates; its keys are any of: {', '.join(KEYS)}"
AMOUNT: Final = "an amount of USD, 0 or more"
HUNDRED: Final = Decimal(100)


@dataclass(slots=True, frozen=True)
class Entry:
    """What one entry says about the models that its key names: rates of their own, or a discount in percent."""

    key: str
    rule: str
    """The entry in words: its key, its dates, where it stands."""
    tariff: Tariff | None
    discount: Decimal | None
    starts_ns: int | None
    ends_ns: int | None
    """First and one past the last nanosecond (since the epoch) at which it holds; None without end."""

    def holds(self, at_ns: int) -> bool:
        """Whether it is in force at a time."""
        return (self.starts_ns is None or at_ns >= self.starts_ns) and (self.ends_ns is None or at_ns < self.ends_ns)

    def less(self, usd: Decimal) -> Decimal:
        """`usd` with the discount taken off."""
        return usd * (HUNDRED - (self.discount or 0)) / HUNDRED


def read_entries(prices: Mapping[str, object], source: str) -> dict[str, tuple[Entry, ...]]:
    """The entries by key, in lower case, earliest first.

    Raises: ConfigError that names the source, the key, the value and what is accepted.
    """
    found: dict[str, list[Entry]] = {}
    for key, given in prices.items():
        if not isinstance(key, str) or not key.strip():
            raise ConfigError.of(
                "a key of prices", key, "a model's name, provider/model, or a pattern like gpt-4o*", source=source
            )
        found.setdefault(key.strip().lower(), []).extend(_read_key(key, given, source))
    return {key: _in_order(entries, source) for key, entries in found.items()}


def _read_key(key: str, given: object, source: str) -> Iterable[Entry]:
    where = f"prices[{key!r}]"
    if isinstance(given, Mapping):
        return [_read(where, key, given, source)]
    if isinstance(given, Sequence) and not isinstance(given, str) and given:
        return [_read(f"{where}[{at}]", key, one, source) for at, one in enumerate(given)]
    raise ConfigError.of(where, given, ENTRY, source=source)


def _read(where: str, key: str, given: object, source: str) -> Entry:
    if not isinstance(given, Mapping):
        raise ConfigError.of(where, given, ENTRY, source=source)
    for name in given:
        if name not in KEYS:
            _refuse_key(where, name, given[name], source)
    rates = {name: _amount(f"{where}[{name!r}]", value, source) for name, value in given.items() if name in UNITS}
    discount = _discount(f"{where}[{DISCOUNT!r}]", given[DISCOUNT], source) if DISCOUNT in given else None
    _check_whole(where, given, rates, discount, source)
    starts_ns = _moment(f"{where}[{FROM!r}]", given.get(FROM), source)
    ends_ns = _moment(f"{where}[{UNTIL!r}]", given.get(UNTIL), source)
    if starts_ns is not None and ends_ns is not None and starts_ns >= ends_ns:
        raise ConfigError.of(f"{where}[{UNTIL!r}]", given[UNTIL], f"a time after its {FROM}, {said(starts_ns)}", source=source)
    rule = _rule(key, starts_ns, ends_ns, source)
    if discount is not None:
        return Entry(key, f"less {discount.normalize():f} % by {rule}", None, discount, starts_ns, ends_ns)
    tariff = Tariff.flat(rates, f"your price for {rule}")
    return Entry(key, tariff.rule, tariff, None, starts_ns, ends_ns)


def _rule(key: str, starts_ns: int | None, ends_ns: int | None, source: str) -> str:
    dates = [f"{word} {said(ns)}" for word, ns in ((FROM, starts_ns), (UNTIL, ends_ns)) if ns is not None]
    return f"{' '.join([key, *dates])} ({source})"


def _check_whole(
    where: str, given: Mapping[str, object], rates: Mapping[str, Decimal], discount: Decimal | None, source: str
) -> None:
    """A price must say all that will be charged: a model with an `input` and no `output` would answer for nothing."""
    if rates and discount is not None:
        accepted = "a discount off somebody else's price, or prices of your own (with the discount taken off already)"
        raise ConfigError.of(where, dict(given), accepted, source=source)
    if not rates and discount is None:
        raise ConfigError.of(where, dict(given), f"{ENTRY}, of which a price or a discount is needed", source=source)
    charges_tokens = any(UNITS[name] == UNITS["input"] for name in rates)
    if charges_tokens and not {"input", "output"} <= rates.keys():
        accepted = "input and output together (0 for what is free, as an embedding's output), in USD per million tokens"
        raise ConfigError.of(where, dict(given), accepted, source=source)


def _refuse_key(where: str, name: object, value: object, source: str) -> NoReturn:
    near = difflib.get_close_matches(str(name), KEYS, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ConfigError(f"{where}[{name!r}] ({source}) is {value!r}; {name!r} is none of {', '.join(KEYS)}{hint}")


def _amount(where: str, value: object, source: str) -> Decimal:
    number = _number(value)
    if number is None or number < 0:
        raise ConfigError.of(where, value, AMOUNT, source=source)
    return number


def _discount(where: str, value: object, source: str) -> Decimal:
    number = _number(value)
    if number is None or not 0 <= number <= HUNDRED:
        raise ConfigError.of(where, value, "a percentage from 0 to 100", source=source)
    return number


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _moment(where: str, value: object, source: str) -> int | None:
    """Nanoseconds since the epoch; a date is its midnight."""
    if value is None:
        return None
    moment = read_moment(value)
    if moment is None:
        raise ConfigError.of(where, value, DATES, source=source)
    return moment


def read_moment(value: object) -> int | None:
    """Nanoseconds since the epoch of a date or a time, or of its ISO 8601 text; UTC unless it says otherwise. None: neither."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, date):
        return None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    aware = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    since = aware - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000


def _in_order(entries: list[Entry], source: str) -> tuple[Entry, ...]:
    """The entries of one key, earliest first; no two may hold at one time."""
    ordered = sorted(entries, key=lambda entry: -(2**63) if entry.starts_ns is None else entry.starts_ns)
    for one, next_one in pairwise(ordered):
        if one.ends_ns is None or next_one.starts_ns is None or one.ends_ns > next_one.starts_ns:
            start = "the beginning" if next_one.starts_ns is None else said(next_one.starts_ns)
            raise ConfigError(
                f"prices[{next_one.key!r}] ({source}) has two entries that hold from {start} on; "
                f"give the earlier one an {UNTIL} that is not after the {FROM} of the later one"
            )
    return tuple(ordered)


def said(at_ns: int) -> str:
    """A time as people write it: the date alone where it is midnight."""
    moment = datetime.fromtimestamp(at_ns // 10**9, UTC)
    return f"{moment:%Y-%m-%d}" if at_ns % (86_400 * 10**9) == 0 else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
