"""`fastagentic prices check`: which recorded calls have no price, or not the one that the rules of now say, and what to do."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

import typer

from fastagentic.core import words
from fastagentic.core.names import CostSource
from fastagentic.pricing import pricing_of_settings
from fastagentic.pricing.explain import ended, named_call
from fastagentic.pricing.offered import newer_than
from fastagentic.store.location import store_home, store_path
from fastagentic.store.queries.models import seen_models
from fastagentic.store.queries.unpriced import unpriced_calls
from fastagentic.store.reader import open_store
from fastagentic.store.reprice import count, outdated

from .errors import FAILED, say
from .options import AsJson, Since, in_words, moment_ago
from .progress import bar
from .reading import only_local
from .reprice import pricer
from .tables import Column, print_json, print_table

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

    from fastagentic.pricing import Pricing
    from fastagentic.store.queries.models import SeenModel
    from fastagentic.store.queries.unpriced import UnpricedCalls
    from fastagentic.store.reprice import Price, Recorded

    from .tables import JsonRow


class Kind(StrEnum):
    """What is wrong with the price of some calls."""

    UNPRICED = "no price"
    PRICEABLE = "priced now"
    OUTDATED = "other price now"
    ENDED = "rule ended"


@dataclass(slots=True)
class Found:
    """Calls of one model about which there is something to say."""

    kind: Kind
    model: str
    provider: str | None
    gateway: str | None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    first_ns: int = 0
    last_ns: int = 0
    before_usd: float = 0.0
    after_usd: float = 0.0
    rule: str | None = None
    """The rule that ended."""


_COLUMNS: Final = (
    Column("model", is_number=False),
    Column("provider", rank=3, is_number=False),
    Column("gateway", rank=3, is_number=False),
    Column("finding", is_number=False),
    Column("calls"),
    Column("tokens", rank=2),
    Column("before", rank=2),
    Column("after", rank=2),
    Column("first seen", rank=4, is_number=False),
    Column("last seen", rank=1, is_number=False),
)


def check(since: Since = "7d", as_json: AsJson = False) -> None:
    """Find recorded calls without a price, with another price by now, and models whose price of yours has ended.

    Exits with 1 when something is found, and says what to do about it.
    """
    only_local("fastagentic prices check reads the local store")
    since_ns = moment_ago("--since", since) or 0
    pricing = pricing_of_settings(store_home())
    path, newer_prices = store_path(), newer_than(pricing.table.listed)
    with open_store(path) as connection, bar("look", count(connection, since_ns), "calls") as moved:
        found = list(_found(connection, pricing, since_ns, moved))
    if as_json:
        print_json(
            {"since": since, "findings": [_json(one) for one in found], "newer": [newer._asdict() for newer in newer_prices]}
        )
    elif found:
        print_table(_COLUMNS, [_row(one) for one in found])
        _advise(found, since)
    else:
        say(f"Every call {in_words(since)} has a price, and the one that the rules of now say.")
    for newer in newer_prices if not as_json else ():
        say(f"The price list is of {newer.listed}, and {newer.installed} is installed: see `fastagentic prices update`.")
    if found:
        raise typer.Exit(FAILED)


def _found(connection: sqlite3.Connection, pricing: Pricing, since_ns: int, on_read: Callable[[int], None]) -> Iterator[Found]:
    """What is unpriced for good first, then what `reprice` would correct, then rules that ended."""
    corrected = _corrected(outdated(connection, since_ns, pricer(pricing), on_read))
    priceable = {(one.model, one.provider, one.gateway): one for one in corrected if one.kind is Kind.PRICEABLE}
    yield from _unpriced(unpriced_calls(connection, since_ns), priceable)
    yield from corrected
    yield from _ended(pricing, seen_models(connection, since_ns))


def _unpriced(rows: Iterable[UnpricedCalls], priceable: dict[tuple[str, str | None, str | None], Found]) -> Iterator[Found]:
    found: dict[tuple[str, str | None, str | None], Found] = {}
    for row in rows:
        key = (row.model, row.provider, row.gateway)
        one = found.setdefault(key, Found(Kind.UNPRICED, *key))
        _add(one, row.calls, row.input_tokens, row.output_tokens, row.first_ns, row.last_ns)
    for key, one in found.items():
        now = priceable.get(key)
        if now is not None:
            one.calls -= now.calls
            one.input_tokens -= now.input_tokens
            one.output_tokens -= now.output_tokens
        if one.calls:
            yield one


def _corrected(calls: Iterable[tuple[Recorded, Price]]) -> list[Found]:
    found: dict[tuple[Kind, str, str | None, str | None], Found] = {}
    for recorded, price in calls:
        columns = recorded.columns
        kind = Kind.PRICEABLE if columns["cost_source"] == CostSource.UNKNOWN else Kind.OUTDATED
        model = columns["response_model"] or columns["model"] or "(no model)"
        key = (kind, model, columns["provider"], columns["gateway"])
        one = found.setdefault(key, Found(*key))
        tokens = columns["input_tokens"] or 0, columns["output_tokens"] or 0
        _add(one, 1, *tokens, recorded.started_ns, recorded.started_ns)
        is_saved = bool(columns["cache_hit"])
        one.before_usd += columns["saved_usd" if is_saved else "cost_usd"] or 0.0
        one.after_usd += (price.saved_usd if is_saved else price.cost_usd) or 0.0
    return sorted(found.values(), key=lambda one: (list(Kind).index(one.kind), -abs(one.after_usd - one.before_usd), one.model))


def _add(one: Found, calls: int, input_tokens: int, output_tokens: int, first_ns: int, last_ns: int) -> None:
    one.first_ns = min(one.first_ns or first_ns, first_ns)
    one.last_ns = max(one.last_ns, last_ns)
    one.calls += calls
    one.input_tokens += input_tokens
    one.output_tokens += output_tokens


def _ended(pricing: Pricing, seen: Iterable[SeenModel]) -> Iterator[Found]:
    found: dict[tuple[str, str | None, str | None], Found] = {}
    for row in seen:
        call = named_call(row.provider or "", row.model or "", spelled=row.spelled, answered=row.answered)
        rule = ended(pricing, call, time.time_ns())
        if rule is not None:
            key = (row.answered or row.model or "(no model)", row.provider, row.gateway)
            one = found.setdefault(key, Found(Kind.ENDED, *key, rule=rule))
            one.calls += row.calls
    yield from found.values()


def _advise(found: list[Found], since: str) -> None:
    kinds = {one.kind for one in found}
    if kinds & {Kind.PRICEABLE, Kind.OUTDATED}:
        say(f"`fastagentic reprice --since {since}` corrects the calls that have a price, or another one, by now.")
    if Kind.UNPRICED in kinds:
        say("Nobody knows what these cost. `fastagentic prices update` looks into newer price data, once it is installed;")
        say("or put what you pay, in USD per million tokens, into the TOML file that FASTAGENTIC_PRICES names:\n")
        say(_snippet([one for one in found if one.kind is Kind.UNPRICED]))
    for one in found:
        if one.kind is Kind.ENDED:
            say(f"{one.model}: {one.rule} holds no more; add what follows it, with a `from`.")


def _snippet(found: Iterable[Found]) -> str:
    keys = dict.fromkeys(f"{one.provider}/{one.model}" if one.provider else one.model for one in found)
    return "\n".join(f"[{json.dumps(words.printable(key), ensure_ascii=False)}]\ninput = \noutput = \n" for key in keys)


def _row(one: Found) -> tuple[str, ...]:
    is_walked = one.kind in {Kind.PRICEABLE, Kind.OUTDATED}
    return (
        one.model,
        one.provider or words.NOTHING,
        one.gateway or words.NOTHING,
        one.kind.value,
        words.count(one.calls),
        words.some(one.input_tokens + one.output_tokens),
        "unknown" if one.kind is Kind.PRICEABLE else words.money(one.before_usd) if is_walked else words.NOTHING,
        words.money(one.after_usd) if is_walked else words.NOTHING,
        words.local_time(one.first_ns) if one.first_ns else words.NOTHING,
        words.local_time(one.last_ns) if one.last_ns else words.NOTHING,
    )


def _json(one: Found) -> JsonRow:
    is_walked = one.kind in {Kind.PRICEABLE, Kind.OUTDATED}
    return {
        "finding": one.kind.value,
        "model": one.model,
        "provider": one.provider,
        "gateway": one.gateway,
        "calls": one.calls,
        "input_tokens": one.input_tokens,
        "output_tokens": one.output_tokens,
        "first": words.iso_time(one.first_ns or None),
        "last": words.iso_time(one.last_ns or None),
        "before_usd": one.before_usd if one.kind is Kind.OUTDATED else None,
        "after_usd": one.after_usd if is_walked else None,
        "rule": one.rule,
    }
