"""`fastagentic prices update`: the price list of this user, from the installed packages or a file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fastagentic.core import words
from fastagentic.core.errors import ConfigError, StoreError
from fastagentic.pricing import LIST_NAME
from fastagentic.pricing.entries import DATES, read_moment, said
from fastagentic.pricing.history import BEGINNING
from fastagentic.pricing.list_file import read_list, undo, write_list
from fastagentic.pricing.offered import of_file, of_packages
from fastagentic.pricing.updating import Kind, updated
from fastagentic.store.location import store_home

from .errors import FAILED, say, stop
from .options import AsJson  # noqa: TC001  # typer reads it at run time
from .progress import waiting
from .tables import Column, print_json, print_table

if TYPE_CHECKING:
    from pathlib import Path

    from fastagentic.pricing.history import Stretch
    from fastagentic.pricing.offered import Offer
    from fastagentic.pricing.updating import Change

    from .tables import JsonRow

_SHOWN: Final = 20
"""Rows of a kind: a first update has some thousand models that are new."""
_COLUMNS: Final = (
    Column("model", is_number=False),
    Column("tier", rank=3, is_number=False),
    Column("change", is_number=False),
    Column("from", rank=2, is_number=False),
    Column("input", rank=1),
    Column("output", rank=1),
    Column("also", rank=4, is_number=False),
    Column("source", rank=5, is_number=False),
)
_SECOND: Final = 10**9


def update(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="Prices as FASTAGENTIC_PRICES takes them, or LiteLLM's list as JSON. Without it: the packages."
        ),
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="When rates that changed began, UTC; now unless said.")
    ] = None,
    take_back: Annotated[bool, typer.Option("--undo", help="Go back to the list before the last update.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the price list: what models cost by the installed packages, or by FILE, from now on. Nothing is fetched.

    Calls that were made before a rate changed keep the earlier one. Your prices (FASTAGENTIC_PRICES) come before the list.
    """
    path = store_home() / LIST_NAME
    if take_back:
        _undo(path, alone=file is None and begin is None and not dry_run)
        return
    now_ns = time.time_ns() // _SECOND * _SECOND
    before = read_list(path)
    with waiting("read the prices"):
        offers = of_packages() if file is None else [of_file(file)]
        after, changes = updated(before, offers, now_ns, _moment(begin))
    if not dry_run and (changes or before is None or before.versions != after.versions):
        try:
            write_list(path, after)
        except OSError as error:
            raise StoreError(f"{path} cannot be written ({error.strerror or error}); the list is as it was") from error
    if as_json:
        looked_at = [{"source": one.source, "version": one.version, "models": len(one.models)} for one in offers]
        print_json({"list": str(path), "dry_run": dry_run, "looked_at": looked_at, "changes": [_json(one) for one in changes]})
    else:
        _print(path, offers, changes, dry_run=dry_run)


def _moment(begin: str | None) -> int | None:
    moment = None if begin is None else read_moment(begin)
    if begin is not None and moment is None:
        raise ConfigError.of("--from", begin, DATES, source="option")
    return moment


def _undo(path: Path, *, alone: bool) -> None:
    if not alone:
        raise ConfigError("--undo goes back to the list before the last update; FILE, --from and --dry-run go without it")
    try:
        is_back = undo(path)
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror or error}); the list is as it was") from error
    if not is_back:
        stop(f"there is no update to undo: {path} is not there, or is the list before the last one already", FAILED)
    say(f"{path} is the list before the last update again." if path.exists() else "There is no price list any more.")


def _print(path: Path, offers: list[Offer], changes: list[Change], *, dry_run: bool) -> None:
    rows = [_row(one) for kind in Kind for one in [change for change in changes if change.kind is kind][:_SHOWN]]
    if rows:
        print_table(_COLUMNS, rows)
    for kind in Kind:
        hidden = sum(change.kind is kind for change in changes) - _SHOWN
        if hidden > 0:
            say(f"And {words.count(hidden)} more that are {kind}; --json lists all.")
    for offer in offers:
        say(f"Looked at {offer.told}: {words.plural(len(offer.models), 'model')}." if offer.version is not None
            else f"Looked at {offer.source}: not installed.")  # fmt: skip
    if changes:
        say(f"{path} {'would be' if dry_run else 'is'} written. `fastagentic reprice --dry-run` shows which calls it changes.")
    else:
        say(f"Nothing changes in {path}.")


def _row(one: Change) -> tuple[str, ...]:
    both = (one.before if one.kind is not Kind.NEW else None, one.after)
    names = [*dict.fromkeys(name for part in both if part is not None for name in part.bands[-1])]
    others = [name for name in names if name not in {"input", "output"} and _rate(name, both[0]) != _rate(name, one.after)]
    also = [f"{name.replace('_', ' ')} {_rates(name, *both)}" for name in others if one.kind is Kind.CHANGED]
    return (
        one.model,
        one.tier or words.NOTHING,
        "gone, kept" if one.kind is Kind.GONE else one.kind.value,
        words.NOTHING if one.after is None or one.after.starts_ns == BEGINNING else said(one.after.starts_ns),
        _rates("input", *both),
        _rates("output", *both),
        ", ".join(also) or words.NOTHING,
        one.section,
    )


def _rates(name: str, before: Stretch | None, after: Stretch | None) -> str:
    """`$2.5`, or `$2.5 -> $2` where it changes."""
    old, new = _rate(name, before), _rate(name, after)
    return new if before is None or old == new else f"{old} -> {new}"


def _rate(name: str, stretch: Stretch | None) -> str:
    rate = None if stretch is None else stretch.bands[-1].get(name)
    return words.NOTHING if rate is None else f"${rate.normalize():f}"


def _json(one: Change) -> JsonRow:
    return {
        "model": one.model,
        "tier": one.tier or None,
        "change": one.kind.value,
        "source": one.section,
        "from": None if one.after is None or one.after.starts_ns == BEGINNING else said(one.after.starts_ns),
        "before": _json_rates(one.before),
        "after": _json_rates(one.after),
    }


def _json_rates(stretch: Stretch | None) -> JsonRow | None:
    """By the number of input tokens above which they hold."""
    if stretch is None:
        return None
    return {
        str(max(above, 0)): {name: float(rate) for name, rate in rates.items()}
        for above, rates in sorted(stretch.bands.items())
    }
