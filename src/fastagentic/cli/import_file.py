"""`fastagentic import`: an export back into a store, this one or another's."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fastagentic.core import words
from fastagentic.core.errors import StoreError
from fastagentic.store.carried.files import STDOUT
from fastagentic.store.carried.importing import add, read_directory, read_lines
from fastagentic.store.file import connect
from fastagentic.store.location import store_path
from fastagentic.store.reader import told_to_people
from fastagentic.store.schema import AGE_COLUMN

from .options import AsJson  # noqa: TC001  # typer reads it at run time
from .progress import bar
from .reading import only_local
from .tables import Column, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.store.carried.importing import Found, Imported

BUSY_S: Final = 30.0
_COLUMNS: Final = (Column("table", is_number=False), Column("rows"), Column("new"), Column("there already"))


def import_file(
    source: Annotated[
        str, typer.Argument(metavar="PATH", help="A file of JSON lines, a directory of Parquet, or - for stdin.")
    ],
    as_json: AsJson = False,
) -> None:
    """Read an export into the store. What is there already stays as it is, so a repeat is harmless."""
    only_local("fastagentic import writes the local store")
    path = store_path()
    with (
        _rows(source) as found,
        told_to_people(path),
        contextlib.closing(connect(path, busy_s=BUSY_S)) as connection,
        bar("import", None, "rows") as moved,
    ):
        counts = add(connection, found, moved)
    if as_json:
        print_json({name: {"rows": count.read, "new": count.new} for name, count in counts.items()})
    else:
        print_table(_COLUMNS, [_row(name, count) for name, count in counts.items()])


@contextlib.contextmanager
def _rows(source: str) -> Iterator[Iterator[Found]]:
    """The rows of an export, not read yet. Raises: StoreError when there is none."""
    if source == STDOUT:
        yield read_lines(sys.stdin.buffer, "stdin")
        return
    path = Path(source)
    if path.is_dir():
        yield read_directory(path, AGE_COLUMN)
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror})") from error
    with file:
        yield read_lines(file, str(path))


def _row(name: str, count: Imported) -> tuple[str, ...]:
    return name, words.count(count.read), words.count(count.new), words.count(count.read - count.new)
