"""`fastagentic spool`: what waits on disk for its destinations, to look at, to write to a file, to send now."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fastagentic.core import words
from fastagentic.core.errors import ConfigError, StoreError
from fastagentic.export.spool.survey import survey
from fastagentic.store.location import store_home

from . import complete
from .errors import FAILED, say, stop, told
from .options import AsJson, seconds
from .reading import only_local
from .tables import Column, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from fastagentic.export.spool.survey import SpoolStatus

    from .tables import JsonRow

COLUMNS: Final = (
    Column("destination", is_number=False),
    Column("endpoint", rank=4, is_number=False),
    Column("waiting"),
    Column("oldest", rank=2, is_number=False),
    Column("on disk", rank=3),
    Column("processes", rank=5, is_number=False),
    Column("refused", rank=1),
    Column("lost"),
)

spool = typer.Typer(name="spool", no_args_is_help=True, help="What waits on disk because its destination did not take it.")


class Form(StrEnum):
    """In which form spans are written out."""

    JSON = "otlp-json"
    PROTOBUF = "otlp-proto"


@spool.callback()
@told
def _only_local() -> None:
    """What waits on disk because its destination did not take it."""
    only_local("a spool is what waits on this machine")


@spool.command()
@told
def status(as_json: AsJson = False) -> None:
    """What waits for each destination, since when, what was refused and what was lost. Changes nothing."""
    found = survey(store_home())
    if as_json:
        print_json([_json_row(one) for one in found])
    elif found:
        print_table(COLUMNS, [_row(one) for one in found])
        _explain(found)
    else:
        say(f"Nothing waits: there is no spool in {store_home()}.")


@spool.command()
@told
def export(
    destination: Annotated[
        str | None,
        typer.Argument(
            metavar="DESTINATION", help="Of this one alone; a name of `spool status`.", autocompletion=complete.destinations
        ),
    ] = None,
    output: Annotated[str, typer.Option(metavar="FILE", help="The file to add to; - for stdout.")] = "-",
    form: Annotated[Form, typer.Option("--format", help="A JSON request a line, or one protobuf request.")] = Form.JSON,
    delete: Annotated[bool, typer.Option("--delete", help="Delete what was written; not what a living process holds.")] = False,
) -> None:
    """Write the spans that wait or were refused to a file, as OTLP."""
    from fastagentic.export.spool.otlp_file import copy_out, move_out

    chosen = _chosen(destination)
    with _opened(output) as file:
        written = [(move_out if delete else copy_out)(one, file, form.value) for one in chosen]
    waiting, refused = sum(one.waiting for one in written), sum(one.refused for one in written)
    say(f"{'Moved' if delete else 'Copied'} {words.plural(waiting, 'waiting span')} and {refused:,} refused.")
    held = sum(one.spans - one.orphaned_spans for one in chosen) if delete else 0
    if held:
        say(f"{words.plural(held, 'span')} of living processes stay where they are, to be delivered.")


@spool.command()
@told
def drain(
    timeout: Annotated[str, typer.Option(metavar="TIME", help="How long at most: 30s, 5m.")] = "60s",
) -> None:
    """Send what dead processes left to the destinations that the settings name. Exits with 1 when some is left."""
    from .drain import send_what_is_left

    send_what_is_left(seconds("--timeout", timeout))
    left = [one for one in survey(store_home()) if one.orphaned_spans]
    for one in left:
        say(f"{words.plural(one.orphaned_spans, 'span')} left for {one.name} ({one.address or one.directory.name}).")
    if left:
        stop("not all could be sent; FASTAGENTIC_DESTINATIONS names where, as in the program that made the spans", FAILED)
    say("Nothing is left.")


def _chosen(destination: str | None) -> list[SpoolStatus]:
    """Raises: ConfigError that names what there is."""
    found = survey(store_home())
    chosen = [one for one in found if destination in (None, one.name, one.directory.name)]
    if destination is not None and not chosen:
        names = ", ".join(sorted({one.name for one in found})) or "none"
        raise ConfigError.of("DESTINATION", destination, f"the name of a spool; there are: {names}", source="argument")
    return chosen


@contextmanager
def _opened(output: str) -> Iterator[IO[bytes]]:
    """The file to add to. Raises: StoreError when it cannot be written."""
    if output == "-":
        yield sys.stdout.buffer
        return
    try:
        with open(output, "ab", opener=_private) as file:
            yield file
    except OSError as error:
        raise StoreError(f"{output} cannot be written ({error.strerror}); nothing was deleted") from error


def _private(path: str, flags: int) -> int:
    """For the owner alone, as in the spool: spans can hold prompts."""
    return os.open(path, flags, 0o600)


def _row(one: SpoolStatus) -> Sequence[str]:
    return (
        one.name,
        one.address or words.NOTHING,
        words.some(one.spans),
        words.NOTHING if one.oldest_ns is None else words.local_time(one.oldest_ns),
        words.size(one.size_bytes),
        f"{one.alive} alive, {one.dead} dead",
        words.some(one.aside_spans),
        words.some(sum(drop.spans for drop in one.drops)),
    )


def _explain(found: Sequence[SpoolStatus]) -> None:
    for one in found:
        for drop in one.drops:
            say(f"{one.name}: {words.plural(drop.spans, 'span')} lost ({drop.reason}), last {words.local_time(drop.last_ns)}")
        if one.unreadable:
            say(f"{one.name}: {words.plural(one.unreadable, 'segment')} of another user or of a newer version cannot be read")


def _json_row(one: SpoolStatus) -> JsonRow:
    return {
        "destination": one.name,
        "endpoint": one.endpoint,
        "identity": one.identity,
        "directory": str(one.directory),
        "spans": one.spans,
        "orphaned_spans": one.orphaned_spans,
        "oldest": words.iso_time(one.oldest_ns),
        "size_bytes": one.size_bytes,
        "processes": {"alive": one.alive, "dead": one.dead},
        "refused": {"requests": len(one.aside), "spans": one.aside_spans, "reasons": sorted({it.why for it in one.aside})},
        "drops": [{"reason": drop.reason, "spans": drop.spans, "last": words.iso_time(drop.last_ns)} for drop in one.drops],
        "unreadable_segments": one.unreadable,
    }
