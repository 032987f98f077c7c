"""Rows to a terminal as a table, to a program as JSON or CSV. Every command prints through here.

A table leaves out its least important columns where the terminal is narrow, before it cuts off any text.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fastagentic.core.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    JsonValue = str | int | float | bool | None | Sequence["JsonValue"] | Mapping[str, "JsonValue"]
    JsonRow = Mapping[str, JsonValue]

PIPE_WIDTH: Final = 160
"""Columns when nobody looks: a file or a pipe has no width, and nothing should be cut off."""
_GAP: Final = 2
_SHORTEST_KEY: Final = 8


@dataclass(slots=True, frozen=True)
class Column:
    """A column: its header, and what it is worth where space is short (0 always stays, the highest goes first, and what
    shares a rank goes together).
    """

    header: str
    rank: int = 0
    is_number: bool = True
    style: str = ""


def console() -> Console:
    """Standard output as it is now: a terminal's width, `$COLUMNS`, or wide enough for a file. NO_COLOR is heeded."""
    has_width = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdigit()
    return Console(width=None if has_width else PIPE_WIDTH, highlight=False, markup=False, emoji=False)


def print_table(columns: Sequence[Column], rows: Sequence[Sequence[str]], footer: Sequence[str] = ()) -> None:
    """Print `rows`, one text a column, and a footer below a line. The first column says what the row is."""
    target = console()
    widths = [_widest([column.header, *texts]) for column, texts in zip(columns, _turned(rows, footer), strict=True)]
    shown = list(range(len(columns)))
    while _width(widths, shown) > target.width and (least := max(columns[at].rank for at in shown)):
        shown = [at for at in shown if columns[at].rank != least]
    widths[0] -= max(0, min(_width(widths, shown) - target.width, widths[0] - _SHORTEST_KEY))
    target.print(
        _table(
            [columns[at] for at in shown],
            [widths[at] for at in shown],
            _only(shown, rows),
            _only(shown, [footer]),
        )
    )


def print_json(value: JsonValue) -> None:
    """Print one JSON document."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_csv(names: Sequence[str], rows: Sequence[JsonRow]) -> None:
    """Print a line of `names` and a line for each row. An unknown value is an empty field; a list is joined by spaces."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_field(row[name]) for name in names] for row in rows)


def _field(value: JsonValue) -> JsonValue:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _turned(rows: Sequence[Sequence[str]], footer: Sequence[str]) -> Iterator[Sequence[str]]:
    return zip(*rows, *([footer] if footer else []), strict=True)


def _only(shown: Sequence[int], rows: Sequence[Sequence[str]]) -> list[list[Text]]:
    return [[Text(printable(row[at])) for at in shown] for row in rows if row]


def _widest(texts: Sequence[str]) -> int:
    return max(cell_len(printable(text)) for text in texts)


def _width(widths: Sequence[int], shown: Sequence[int]) -> int:
    return sum(widths[at] + _GAP for at in shown)


def _table(columns: Sequence[Column], widths: Sequence[int], rows: list[list[Text]], footers: list[list[Text]]) -> Table:
    table = Table(box=box.SIMPLE, show_edge=False, padding=(0, 1, 0, 0), show_footer=bool(footers), footer_style="bold")
    footer = footers[0] if footers else [Text()] * len(columns)
    for column, width, total in zip(columns, widths, footer, strict=True):
        table.add_column(
            Text(column.header, style="bold"),
            footer=total,
            width=width,
            justify="right" if column.is_number else "left",
            style=column.style,
            no_wrap=True,
            overflow="ellipsis",
        )
    for row in rows:
        table.add_row(*row)
    return table
