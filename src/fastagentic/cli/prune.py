"""`fastagentic prune`: delete what is older than people want to keep."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from fastagentic.core import words
from fastagentic.core.config import SETTINGS
from fastagentic.core.errors import ConfigError
from fastagentic.store.location import store_path
from fastagentic.store.prune import count_older
from fastagentic.store.prune import prune as delete_older
from fastagentic.store.reader import open_store, open_to_write

from .errors import say
from .options import AsJson, moment_ago
from .tables import print_json

if TYPE_CHECKING:
    from fastagentic.store.prune import Pruned


def prune(
    keep: Annotated[
        str,
        typer.Option(metavar="TIME", envvar=SETTINGS["keep"].env, help="What to keep: 90m, 24h, 30d, 2w, or all."),
    ] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete calls, runs and spans older than --keep from the local store. Processes that write go on writing."""
    older_than_ns = moment_ago("--keep", keep)
    path = store_path()
    with open_store(path) as connection:
        older = count_older(connection, older_than_ns or 0)
    if not dry_run and older.rows:
        _ask(older, keep, yes)
        with open_to_write(path) as connection:
            older = delete_older(connection, older_than_ns or 0)
    if as_json:
        print_json(_json_pruned(older, keep, dry_run))
    else:
        _print_pruned(older, keep, dry_run)


def _ask(older: Pruned, keep: str, yes: bool) -> None:
    if yes:
        return
    if not _has_person():
        raise ConfigError("prune deletes from the store and nobody is there to ask; add --yes, or look with --dry-run")
    typer.confirm(f"Delete {_in_words(older)} older than {keep}?", abort=True, err=True)


def _has_person() -> bool:
    return sys.stdin.isatty()


def _json_pruned(pruned: Pruned, keep: str, dry_run: bool) -> dict[str, str | bool | int]:
    return {
        "keep": keep,
        "dry_run": dry_run,
        "calls": pruned.calls,
        "runs": pruned.runs,
        "spans": pruned.spans,
        "drops": pruned.drops,
    }


def _print_pruned(pruned: Pruned, keep: str, dry_run: bool) -> None:
    if not pruned.rows:
        say(f"Nothing in {store_path()} is older than {keep}.")
    else:
        typer.echo(f"{'Would delete' if dry_run else 'Deleted'} {_in_words(pruned)} older than {keep}.")


def _in_words(pruned: Pruned) -> str:
    counts = ((pruned.calls, "call"), (pruned.runs, "run"), (pruned.spans, "span"))
    return ", ".join(words.plural(number, thing) for number, thing in counts)
