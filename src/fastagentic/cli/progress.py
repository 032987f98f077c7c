"""How far a long command is, on stderr, where somebody looks."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def bars(unit: str) -> Progress:
    """Lines with a bar each; nothing where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Something that cannot be counted is under way."""
    with Console(stderr=True).status(what) if sys.stderr.isatty() else nullcontext():
        yield


@contextmanager
def bar(what: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """One line, which moves by what its function is called with."""
    with bars(unit) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, advance=done)
