"""`fastagentic export`: the store as files for other tools, or as OTLP to a collector; each time what is new since the last."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fastagentic.core import words
from fastagentic.core.config import setting
from fastagentic.core.errors import ConfigError, StoreError
from fastagentic.store import bookmarks
from fastagentic.store.carried.csv_file import CSVFile
from fastagentic.store.carried.exporting import export as write_out
from fastagentic.store.carried.exporting import left, marks_for
from fastagentic.store.carried.files import STDOUT
from fastagentic.store.carried.jsonl import JSONLines
from fastagentic.store.carried.tables import CALLS, SPANS, tables
from fastagentic.store.location import store_path
from fastagentic.store.reader import open_store, open_to_write

from .errors import FAILED, say, stop
from .options import Since, moment_ago, seconds
from .progress import bar
from .reading import only_local

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from fastagentic.export.history import History
    from fastagentic.store.carried.files import Output
    from fastagentic.store.carried.tables import Table

TIMEOUT_DEFAULT: Final = "60s"
LOCK_S: Final = 30.0
"""How long a bookmark waits for other processes: stopping there would not harm, but would have to be told."""


class Format(StrEnum):
    """What an export is."""

    JSONL = "jsonl"
    PARQUET = "parquet"
    CSV = "csv"
    OTLP = "otlp"


TABLES: Final = {Format.CSV: (CALLS,), Format.OTLP: (SPANS,)}
"""The tables that a format takes; the others take all."""


def export(
    form: Annotated[
        Format, typer.Option("--format", help="jsonl and parquet hold everything; csv the calls alone.")
    ] = Format.JSONL,
    output: Annotated[str, typer.Option(metavar="PATH", help="The file, or the directory of parquet; - for stdout.")] = STDOUT,
    endpoint: Annotated[
        str | None, typer.Option(metavar="URL", help="Of otlp: where to; else as OTEL_EXPORTER_OTLP_ENDPOINT says.")
    ] = None,
    since: Since = "all",
    restart: Annotated[
        bool, typer.Option("--restart", help="Export everything again, not what is new since the last time.")
    ] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of otlp: how long to try while it is refused; 60s unless said.")
    ] = None,
) -> None:
    """Write what lies in the store to a file, or send it to an OTLP backend; the next time, what is new since.

    An export that was stopped goes on where it was. `fastagentic import` reads jsonl and parquet back.
    """
    only_local("fastagentic export reads the local store")
    since_ns = moment_ago("--since", since) or 0
    if form is Format.OTLP:
        if output != STDOUT:
            raise ConfigError.of(
                "--output", output, "a format that is a file; --format otlp sends to --endpoint", source="option"
            )
        _send(endpoint, since_ns, restart, seconds("--timeout", timeout or TIMEOUT_DEFAULT))
    elif endpoint is not None:
        raise ConfigError.of("--endpoint", endpoint, "--format otlp beside it", source="option")
    elif timeout is not None:
        raise ConfigError.of("--timeout", timeout, "--format otlp beside it", source="option")
    elif output == STDOUT:
        _print(form, since_ns)
    else:
        _write(form, Path(output), since_ns, restart)


# --- files ------------------------------------------------------------------------------------------


def _print(form: Format, since_ns: int) -> None:
    """To a pipe, which remembers nothing."""
    if form is Format.PARQUET:
        raise ConfigError.of("--output", STDOUT, "a directory, for --format parquet", source="option")
    with open_store(store_path()) as connection:
        out, chosen = _output(form, None, connection), _tables(form, connection)
        total = left(connection, (table.name for table in chosen), {}, since_ns)
        # No bar between the rows of a terminal.
        with nullcontext(_ignore) if sys.stdout.isatty() else bar(form.value, total, "rows") as moved, _told("stdout"):
            written = write_out(connection, chosen, out, target=None, since_ns=since_ns, on_written=moved)
    say(f"Exported {_in_words(written)}.")


def _write(form: Format, path: Path, since_ns: int, restart: bool) -> None:
    target = f"{form.value} {path.absolute()}"
    with open_to_write(store_path(), busy_s=LOCK_S) as connection:
        is_new = not path.exists() or (path.is_dir() and not any(path.iterdir()))
        if restart or is_new:
            bookmarks.forget(connection, target)
        elif not bookmarks.read(connection, target):
            raise StoreError(
                f"{path} is there, and no export of {store_path()} made it; name another --output, or replace it with --restart"
            )
        out = _output(form, path, connection)
        with _told(path):
            written = _written(form, connection, out, target, since_ns)
    say(f"Exported {_in_words(written)} to {path}.")


def _written(form: Format, connection: sqlite3.Connection, out: Output, target: str, since_ns: int) -> dict[str, int]:
    chosen = _tables(form, connection)
    marks = marks_for(connection, target, since_ns)
    total = left(connection, (table.name for table in chosen), marks, since_ns)
    with bar(form.value, total, "rows") as moved:
        return write_out(connection, chosen, out, target=target, since_ns=since_ns, on_written=moved)


def _tables(form: Format, connection: sqlite3.Connection) -> list[Table]:
    found = tables(connection)
    return [found[name] for name in TABLES.get(form, tuple(found))]


def _output(form: Format, path: Path | None, connection: sqlite3.Connection) -> Output:
    pipe = sys.stdout.buffer if path is None else None
    if form is Format.CSV:
        return CSVFile(path, pipe, columns=tables(connection)[CALLS].names)
    if form is Format.PARQUET and path is not None:
        from fastagentic.store.carried.parquet import ParquetParts

        return ParquetParts(path)
    return JSONLines(path, pipe)


def _ignore(_: int) -> None:
    pass


@contextmanager
def _told(path: Path | str) -> Iterator[None]:
    """The output's own faults are not the store's."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        hint = "" if isinstance(path, str) else "; the same command goes on where this one stopped"
        raise StoreError(f"{path} cannot be written ({error.strerror}){hint}") from error


# --- OTLP -------------------------------------------------------------------------------------------


def _send(endpoint: str | None, since_ns: int, restart: bool, give_up_s: float) -> None:
    from fastagentic._settings_file import load_settings_file
    from fastagentic.export.destinations.otlp import OTLPDestination
    from fastagentic.export.history import History
    from fastagentic.export.provider import resource_for

    load_settings_file()
    destination = OTLPDestination(endpoint)
    target = f"{Format.OTLP.value} {destination.endpoint}"
    with open_to_write(store_path(), busy_s=LOCK_S) as connection:
        if restart:
            bookmarks.forget(connection, target)
        history = History(destination, connection, resource_for(setting("service_name")), give_up_s=give_up_s)
        written = _written(Format.OTLP, connection, history, target, since_ns)
    _tell(history, written[SPANS], destination.endpoint)


def _tell(history: History, spans: int, endpoint: str) -> None:
    refused = sum(history.refused.values())
    say(f"{endpoint} has taken {words.plural(spans - refused, 'span')}.")
    if refused:
        reasons = ", ".join(f"{words.plural(spans, 'span')} ({why})" for why, spans in history.refused.most_common())
        stop(f"it refused {reasons}; they are not sent again without --restart", FAILED)


def _in_words(written: dict[str, int]) -> str:
    names = {"spans": "span", "calls": "call", "runs": "run", "drops": "note of losses"}
    counts = [words.plural(number, names[name]) for name, number in written.items() if number or name == CALLS]
    return ", ".join(counts)
