"""`fastagentic reprice`: recorded calls that had no price, or one by a rule that is outdated, at the prices of now."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fastagentic.core import words
from fastagentic.core.errors import ConfigError
from fastagentic.pricing import Pricing, pricing_of_settings
from fastagentic.pricing.recorded import price_now, recorded_call
from fastagentic.store.location import store_home, store_path
from fastagentic.store.reader import open_store, open_to_write
from fastagentic.store.reprice import Price, correct, count, differences

from .errors import say
from .options import AsJson, Since, in_words, moment_ago
from .progress import bar
from .reading import only_local
from .tables import Column, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.store.reprice import Difference, Recorded

LOCK_S: Final = 30.0
_COLUMNS: Final = (
    Column("model", is_number=False),
    Column("calls"),
    Column("unpriced before", rank=1),
    Column("before"),
    Column("after"),
    Column("saved before", rank=3),
    Column("saved after", rank=2),
)


def reprice(
    since: Since = "7d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the difference.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Price recorded calls again that had no price, or one by a rule that says something else by now.

    Each call at the prices that were in force when it was made. What a gateway stated stays: it is a bill.
    """
    only_local("fastagentic reprice changes the local store")
    since_ns = moment_ago("--since", since) or 0
    price = pricer(pricing_of_settings(store_home()))
    path = store_path()
    with open_store(path) as connection, bar("look", count(connection, since_ns), "calls") as moved:
        found = differences(connection, since_ns, price, moved)
    if not as_json:
        _print(found, since)
    if found and not dry_run:
        _ask(found, yes)
        with open_to_write(path, busy_s=LOCK_S) as connection, bar("write", count(connection, since_ns), "calls") as moved:
            found = correct(connection, since_ns, price, moved)
        say(f"Corrected {words.plural(sum(one.calls for one in found.values()), 'call')}; what was first recorded is kept.")
    if as_json:
        print_json({"since": since, "dry_run": dry_run, "models": [_json(model, one) for model, one in _sorted(found)]})


def pricer(pricing: Pricing) -> Callable[[Recorded], Price | None]:
    """What a recorded call costs by these prices, as the store asks for it."""

    def price(recorded: Recorded) -> Price | None:
        call = recorded_call(recorded.columns, recorded.attributes, recorded.started_ns)
        cost = None if call is None else price_now(pricing, call, recorded.columns["cost_source"])
        if cost is None:
            return None
        saved = None if cost.saved_usd is None else float(cost.saved_usd)
        return Price(None if cost.usd is None else float(cost.usd), cost.source.value, saved)

    return price


def _ask(found: dict[str, Difference], yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("reprice changes the store and nobody is there to ask; add --yes, or look with --dry-run")
    calls = sum(one.calls for one in found.values())
    typer.confirm(f"Correct {words.plural(calls, 'call')}?", abort=True, err=True)


def _sorted(found: dict[str, Difference]) -> list[tuple[str, Difference]]:
    return sorted(found.items(), key=lambda item: (-abs(item[1].after_usd - item[1].before_usd), item[0]))


def _print(found: dict[str, Difference], since: str) -> None:
    if not found:
        say(f"Every call {in_words(since)} has the price that the rules of now say, or one that they do not know better.")
        return
    rows = [_row(model, one) for model, one in _sorted(found)]
    print_table(_COLUMNS, rows, _row("total", _total(found)))


def _total(found: dict[str, Difference]) -> Difference:
    total = type(next(iter(found.values())))()
    for one in found.values():
        for name in type(one).__dataclass_fields__:
            setattr(total, name, getattr(total, name) + getattr(one, name))
    return total


def _row(model: str, one: Difference) -> tuple[str, ...]:
    money = (one.before_usd, one.after_usd, one.saved_before_usd, one.saved_after_usd)
    return (model or "(no model)", words.count(one.calls), words.some(one.unpriced), *map(words.money, money))


def _json(model: str, one: Difference) -> dict[str, str | int | float | None]:
    return {"model": model or None, **{name: getattr(one, name) for name in type(one).__dataclass_fields__}}
