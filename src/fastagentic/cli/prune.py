"""`fastagentic prune`: delete what is older than people want to keep, or what belongs to somebody; in the spools too."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from fastagentic.core import words
from fastagentic.core.config import SETTINGS
from fastagentic.core.errors import ConfigError, StoreError
from fastagentic.export.erasing import Erased, count, erase, forget_settled
from fastagentic.export.rules import Rule
from fastagentic.export.spool.survey import survey
from fastagentic.store import erase as theirs
from fastagentic.store.location import store_home, store_path
from fastagentic.store.prune import Pruned, count_older
from fastagentic.store.prune import prune as delete_older
from fastagentic.store.queries.status import size_bytes
from fastagentic.store.reader import open_store, open_to_write

from . import complete
from .errors import say
from .options import AsJson, moment_ago
from .progress import bar
from .tables import print_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from fastagentic.store.erase import Whose

    from .tables import JsonRow


@dataclass(slots=True)
class Going:
    """What goes, or has gone: rows of the store, and spans of each spool."""

    rows: Pruned
    rule: Rule | None = None
    """What it is in a spool; None leaves the spools alone."""
    spools: dict[Path, Erased] = field(default_factory=dict)

    @property
    def spans(self) -> Erased:
        """Those of all spools."""
        return Erased(*map(sum, zip(*self.spools.values(), strict=True))) if self.spools else Erased()


def prune(
    keep: Annotated[
        str,
        typer.Option(metavar="TIME", envvar=SETTINGS["keep"].env, help="What to keep: 90m, 24h, 30d, 2w, or all."),
    ] = "30d",
    older_than: Annotated[
        str | None, typer.Option(metavar="TIME", help="Instead of --keep: what is older goes, in the spools too.")
    ] = None,
    user: Annotated[
        str | None,
        typer.Option(metavar="ID", help="What belongs to this user, and nothing else.", autocompletion=complete.users),
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option(metavar="ID", help="What belongs to this tenant, and nothing else.", autocompletion=complete.tenants),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what is older than --keep from the store, or what belongs to a user or a tenant. Who writes goes on writing.

    With --user, --tenant or --older-than also what waits in the spools for its destinations, or was refused by them.
    """
    option, value = ("--keep", keep) if older_than is None else ("--older-than", older_than)
    whose = (
        None if user is None and tenant is None else theirs.Whose(_before(older_than), _id("user", user), _id("tenant", tenant))
    )
    before_ns = moment_ago(option, value) or 0 if whose is None else whose.before_ns
    what = f"older than {value}" if whose is None else _of(whose, older_than)
    path = store_path()
    size = size_bytes(path)
    with open_store(path) as connection:
        going = _found(connection, whose, before_ns, with_spools=whose is not None or older_than is not None)
    if not dry_run and (going.rows.rows or going.spans.spans):
        _ask(going, what, yes)
        with open_to_write(path) as connection, bar("prune", going.rows.rows, "rows") as moved:
            going = _delete(connection, whose, before_ns, going, moved)
    freed = max(0, size - size_bytes(path))
    if as_json:
        names = (
            {"keep": keep}
            if whose is None and older_than is None
            else {"older_than": older_than, "user": user, "tenant": tenant}
        )
        print_json({**names, "dry_run": dry_run, **_json(going), "freed_bytes": freed})
    else:
        _print(going, what, dry_run=dry_run, freed=freed)


def _before(older_than: str | None) -> int:
    return time.time_ns() if older_than is None else moment_ago("--older-than", older_than) or 0


def _id(name: str, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise ConfigError.of(
            f"--{name}", value, f"the id of a {name}, as `fastagentic costs --by {name}` shows it", source="option"
        )
    return value


def _of(whose: Whose, older_than: str | None) -> str:
    named = [f"{name} {value}" for name, value in (("user", whose.user), ("tenant", whose.tenant)) if value is not None]
    return f"of {' and '.join(named)}" + ("" if older_than is None else f" older than {older_than}")


def _found(connection: sqlite3.Connection, whose: Whose | None, before_ns: int, *, with_spools: bool) -> Going:
    if whose is None:
        going = Going(count_older(connection, before_ns), Rule(before_ns, {}) if with_spools else None)
    else:
        rows = theirs.find(connection, whose)
        going = Going(rows, Rule(before_ns, whose.attributes, theirs.trace_ids(connection)))
    if going.rule is not None:
        going.spools = {spool.directory: count(spool.directory, going.rule) for spool in survey(store_home())}
    return going


def _delete(
    connection: sqlite3.Connection, whose: Whose | None, before_ns: int, going: Going, on_deleted: Callable[[int], None]
) -> Going:
    """The spools first: what the store knows tells which of the spans there are theirs, should this be asked again."""
    gone = Going(going.rows, going.rule)
    for directory in going.spools:
        assert going.rule is not None
        try:
            gone.spools[directory] = erase(directory, going.rule)
            forget_settled(directory)
        except OSError as error:
            raise StoreError(f"{directory} cannot be rewritten ({error.strerror or error}); run the same again") from error
    if whose is None:
        gone.rows = delete_older(connection, before_ns, on_deleted=on_deleted)
    else:
        theirs.find(connection, whose)
        gone.rows = theirs.erase(connection, on_deleted)
    return gone


def _ask(going: Going, what: str, yes: bool) -> None:
    if yes:
        return
    if not _has_person():
        raise ConfigError("prune deletes from the store and nobody is there to ask; add --yes, or look with --dry-run")
    typer.confirm(f"Delete {_in_words(going)} {what}?", abort=True, err=True)


def _has_person() -> bool:
    return sys.stdin.isatty()


def _json(going: Going) -> JsonRow:
    rows, spans = going.rows, going.spans
    counts = {"calls": rows.calls, "runs": rows.runs, "spans": rows.spans, "drops": rows.drops}
    return counts if going.rule is None else {**counts, "spool": {**spans._asdict()}}


def _print(going: Going, what: str, *, dry_run: bool, freed: int) -> None:
    if not going.rows.rows and not going.spans.spans:
        say(f"There is nothing {what} in {store_path()}.")
        return
    typer.echo(f"{'Would delete' if dry_run else 'Deleted'} {_in_words(going)} {what}.")
    if going.spans.held:
        say(
            f"{words.plural(going.spans.held, 'span')} of living processes {'would be' if dry_run else 'are'} left out when "
            "they are sent; their bytes go with the file that holds them."
        )
    if freed:
        say(f"{words.size(freed)} are free again.")


def _in_words(going: Going) -> str:
    rows, spans = going.rows, going.spans
    counts = [(rows.calls, "call"), (rows.runs, "run"), (rows.spans, "span")]
    found = [words.plural(number, thing) for number, thing in counts]
    found += [words.plural(spans.waiting + spans.held, "waiting span")] if spans.waiting + spans.held else []
    found += [f"{words.plural(spans.refused, 'span')} refused by a destination"] if spans.refused else []
    return ", ".join(found)
