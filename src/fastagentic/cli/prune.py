"""`fastagentic prune`: delete what is older than people want to keep, or what belongs to somebody; in the spools too."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from fastagentic.core import words
from fastagentic.core.config import SETTINGS
from fastagentic.core.errors import ConfigError
from fastagentic.store.erase import Whose
from fastagentic.store.location import store_home, store_path

from . import complete
from .errors import say
from .going import delete_theirs, delete_what_is_older, find_older, find_theirs, size_on_disk
from .options import AsJson, moment_ago
from .reading import only_local
from .tables import print_json

if TYPE_CHECKING:
    from .going import Going
    from .tables import JsonRow


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

    With --user, --tenant or --older-than also what waits in the spools for its destinations, or was refused by them; with
    --user or --tenant what the ledger of budgets keeps of them, and the files are written anew without it.
    """
    only_local("fastagentic prune deletes from the local store")
    option, value = ("--keep", keep) if older_than is None else ("--older-than", older_than)
    whose = None if user is None and tenant is None else Whose(_before(older_than), _id("user", user), _id("tenant", tenant))
    before_ns = moment_ago(option, value) or 0 if whose is None else whose.before_ns
    what = f"older than {value}" if whose is None else _of(whose, older_than)
    before = size_on_disk()
    going = find_older(before_ns, with_spools=older_than is not None) if whose is None else find_theirs(whose)
    if not (dry_run or going.is_nothing):
        _ask(going, what, yes)
        going = delete_what_is_older(going, before_ns) if whose is None else delete_theirs(going, whose)
    sizes = before, size_on_disk()
    if as_json:
        is_plain = whose is None and older_than is None
        named = {"keep": keep} if is_plain else {"older_than": older_than, "user": user, "tenant": tenant}
        print_json({**named, "dry_run": dry_run, **_json(going, whose, sizes)})
    else:
        _print(going, what, dry_run=dry_run, sizes=sizes)


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


def _ask(going: Going, what: str, yes: bool) -> None:
    if yes or not (going.rows.rows or going.spans.spans or going.accounts):
        return
    if not _has_person():
        raise ConfigError("prune deletes from the store and nobody is there to ask; add --yes, or look with --dry-run")
    typer.confirm(f"Delete {_in_words(going)} {what}?", abort=True, err=True)


def _has_person() -> bool:
    return sys.stdin.isatty()


def _json(going: Going, whose: Whose | None, sizes: tuple[int, int]) -> JsonRow:
    rows, before, after = going.rows, *sizes
    return {
        "calls": rows.calls,
        "runs": rows.runs,
        "spans": rows.spans,
        "drops": rows.drops,
        **({} if going.rule is None else {"spool": going.spans._asdict()}),
        **({} if whose is None else {"budget_accounts": going.accounts}),
        "bytes_before": before,
        "bytes_after": after,
        "freed_bytes": max(0, before - after),
    }


def _print(going: Going, what: str, *, dry_run: bool, sizes: tuple[int, int]) -> None:
    before, after = sizes
    if going.is_unfinished:
        say("An erasure was stopped half-way; " + ("its bytes are still in the file." if dry_run else "it is finished now."))
    if not (going.rows.rows or going.spans.spans or going.accounts):
        say(f"There is nothing {what} in {store_path() if going.rule is None else store_home()}.")
        return
    typer.echo(f"{'Would delete' if dry_run else 'Deleted'} {_in_words(going)} {what}.")
    if going.spans.held:
        say(
            f"{words.plural(going.spans.held, 'span')} of living processes {'would be' if dry_run else 'are'} left out when "
            "they are sent; their bytes go with the file that holds them."
        )
    if not dry_run:
        say(f"{words.size(before)} on disk before, {words.size(after)} now.")


def _in_words(going: Going) -> str:
    rows, spans = going.rows, going.spans
    counts = [(rows.calls, "call"), (rows.runs, "run"), (rows.spans, "span")]
    found = [words.plural(number, thing) for number, thing in counts]
    found += [words.plural(spans.waiting + spans.held, "waiting span")] if spans.waiting + spans.held else []
    found += [f"{words.plural(spans.refused, 'span')} refused by a destination"] if spans.refused else []
    found += [f"of these {words.plural(spans.scores, 'score')}"] if spans.scores else []
    found += [f"{words.plural(going.accounts, 'sum')} of budgets"] if going.accounts else []
    return ", ".join(found)
