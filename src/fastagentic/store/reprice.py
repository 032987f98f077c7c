"""Correcting what calls in the store cost, in one transaction; what was first recorded stays beside it.

Which rule prices a call is the caller's to say. Costs that a gateway stated are its bill and are not asked about; of what its
cache answered, only what that saved is.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from fastagentic.core import names

from . import rollups
from .schema import CALL_COLUMNS
from .transaction import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping

CHUNK: Final = 5_000
_SAME: Final = 1e-9  # a price is the same when binary fractions alone tell it from the other

COLUMNS: Final = tuple(column.name for column in CALL_COLUMNS)
ATTRIBUTES: Final = (names.SERVICE_TIER, *(name for name, _ in names.FURTHER_COUNTS))
"""What decides a price and is in no column."""
_PATHS: Final = ", ".join(f"'$.\"{name}\"'" for name in ATTRIBUTES)
_CALLS: Final = f"""
    SELECT calls.rowid, calls.started_ns, json_extract(spans.attributes, {_PATHS}),
        {", ".join(f"calls.{name}" for name in COLUMNS)}
    FROM calls LEFT JOIN spans ON spans.trace_id = calls.trace_id AND spans.span_id = calls.span_id
    WHERE calls.rowid > ? AND +calls.started_ns >= ?
        AND (calls.cost_source IN ('unknown', 'price_table', 'override')
            OR (calls.cost_source = 'gateway' AND calls.cache_hit = 1))
    ORDER BY calls.rowid LIMIT {CHUNK}
"""  # noqa: S608  # SQL of our own
_CORRECT: Final = """
    UPDATE calls SET
        first_cost_usd = CASE WHEN repriced_ns IS NULL THEN cost_usd ELSE first_cost_usd END,
        first_cost_source = CASE WHEN repriced_ns IS NULL THEN cost_source ELSE first_cost_source END,
        first_saved_usd = CASE WHEN repriced_ns IS NULL THEN saved_usd ELSE first_saved_usd END,
        repriced_ns = ?, cost_usd = ?, cost_source = ?, saved_usd = ?
    WHERE rowid = ?
"""


class Recorded(NamedTuple):
    """A call as it was recorded: when (nanoseconds since the epoch), its columns, and the `ATTRIBUTES` of its span."""

    started_ns: int
    columns: Mapping[str, Any]
    attributes: Mapping[str, Any]


class Price(NamedTuple):
    """What a call costs by the rules of now; `saved_usd` of a cache hit. None is unknown, and corrects nothing."""

    cost_usd: float | None
    cost_source: str | None
    saved_usd: float | None = None


@dataclass(slots=True)
class Difference:
    """Calls of one model that cost something else by now, and what they come to; of cache hits, what they saved."""

    calls: int = 0
    unpriced: int = 0
    """Of those, the ones that had no price."""
    before_usd: float = 0.0
    after_usd: float = 0.0
    saved_before_usd: float = 0.0
    saved_after_usd: float = 0.0

    def add(self, columns: Mapping[str, Any], price: Price) -> None:
        """Count one call."""
        self.calls += 1
        self.unpriced += columns["cost_source"] == names.CostSource.UNKNOWN
        self.before_usd += columns["cost_usd"] or 0.0
        self.after_usd += price.cost_usd or 0.0
        self.saved_before_usd += columns["saved_usd"] or 0.0
        self.saved_after_usd += price.saved_usd or 0.0


def differences(
    connection: sqlite3.Connection,
    since_ns: int,
    price: Callable[[Recorded], Price | None],
    on_read: Callable[[int], None] = lambda calls: None,
) -> dict[str, Difference]:
    """What `correct` would change, by model. Changes nothing."""
    return _each(connection, since_ns, price, on_read, is_written=False)


def correct(
    connection: sqlite3.Connection,
    since_ns: int,
    price: Callable[[Recorded], Price | None],
    on_read: Callable[[int], None] = lambda calls: None,
) -> dict[str, Difference]:
    """Write what `price` says of the calls started since, and all sums with it, or nothing at all; what changed, by model.

    `price` answers None where a call is to stay as it is. Raises: sqlite3.Error; then the store is as it was.
    """
    with transaction(connection):
        return _each(connection, since_ns, price, on_read, is_written=True)


def outdated(
    connection: sqlite3.Connection,
    since_ns: int,
    price: Callable[[Recorded], Price | None],
    on_read: Callable[[int], None] = lambda calls: None,
) -> Iterator[tuple[Recorded, Price]]:
    """The calls that `correct` would change, each with its new price."""
    for calls in _chunks(connection, since_ns):
        for _, recorded in calls:
            new = price(recorded)
            if new is not None and _is_other(recorded.columns, new):
                yield recorded, new
        on_read(len(calls))


def count(connection: sqlite3.Connection, since_ns: int) -> int:
    """How many calls there are to look at, at most."""
    found = connection.execute("SELECT COUNT(*) FROM calls WHERE started_ns >= ?", (since_ns,))
    return int(found.fetchone()[0])


def _each(
    connection: sqlite3.Connection,
    since_ns: int,
    price: Callable[[Recorded], Price | None],
    on_read: Callable[[int], None],
    *,
    is_written: bool,
) -> dict[str, Difference]:
    found: dict[str, Difference] = defaultdict(Difference)
    now_ns = time.time_ns()
    for calls in _chunks(connection, since_ns):
        changed = []
        for row, recorded in calls:
            new = price(recorded)
            columns = recorded.columns
            if new is not None and _is_other(columns, new):
                found[columns["response_model"] or columns["model"] or ""].add(columns, new)
                changed.append((now_ns, *new, row))
        if is_written and changed:
            with rollups.changing(connection, [row for *_, row in changed]):
                connection.executemany(_CORRECT, changed)
        on_read(len(calls))
    return dict(found)


def _chunks(connection: sqlite3.Connection, since_ns: int) -> Iterator[list[tuple[int, Recorded]]]:
    last = 0
    while rows := connection.execute(_CALLS, (last, since_ns)).fetchall():
        last = rows[-1][0]
        yield [(row, _recorded(started_ns, encoded, values)) for row, started_ns, encoded, *values in rows]


def _recorded(started_ns: int, encoded: str | None, values: list[Any]) -> Recorded:
    found = json.loads(encoded) if encoded is not None else (None,) * len(ATTRIBUTES)
    return Recorded(started_ns, dict(zip(COLUMNS, values, strict=True)), dict(zip(ATTRIBUTES, found, strict=True)))


def _is_other(columns: Mapping[str, Any], price: Price) -> bool:
    if columns["cache_hit"]:
        return price.saved_usd is not None and not _is_same(columns["saved_usd"], price.saved_usd)
    return price.cost_usd is not None and not _is_same(columns["cost_usd"], price.cost_usd)


def _is_same(one: float | None, other: float) -> bool:
    return one is not None and math.isclose(one, other, rel_tol=_SAME, abs_tol=1e-15)
