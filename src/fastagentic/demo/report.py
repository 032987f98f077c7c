"""What the demo tells: a progress bar while it runs, then what the calls cost and where to look further.

It asks the same queries as the command line and prints its own small tables. Called by `fastagentic demo`.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from fastagentic.core.errors import FastagenticError
from fastagentic.store.location import store_path
from fastagentic.store.queries.costs import GroupBy, costs, total
from fastagentic.store.queries.runs import RunOrder, runs
from fastagentic.store.queries.scope import Scope
from fastagentic.store.reader import open_store

from .plan import plan
from .stage import play, settle_home, stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastagentic.store.queries.costs import CostRow
    from fastagentic.store.queries.runs import RunRow
    from fastagentic.store.queries.sums import Sums

    from .stage import Home, Played, Stage

NOTHING: Final = "-"
MOST_EXPENSIVE: Final = 5
PIPE_WIDTH: Final = 120

COST_HEADERS: Final = ("model", "calls", "errors", "tokens in", "tokens out", "cost", "saved", "cache hits")
RUN_HEADERS: Final = ("run", "id", "calls", "errors", "cost", "saved", "duration")
REAL_AND_PLAYED: Final = (
    "The SDKs, LiteLLM's cache and its Router are real. The model provider is a stand-in, and so are "
    "Portkey's cache hits: it answers in Portkey's headers, since the npm build of the gateway never caches. "
    "Nothing leaves this machine."
)
TEXT_COLUMNS: Final = frozenset({"model", "run", "id"})


def report(*, calls: int, seed: int, home: Path | None, wants_gateway: bool) -> int:
    """Run the demo and print it. Returns the exit status."""
    target = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False, emoji=False)
    chosen = settle_home(home)
    started_ns = time.time_ns()
    try:
        played = _play(target, calls, seed, wants_gateway)
        _tell(target, played, started_ns, chosen)
    except FastagenticError as error:
        print(f"fastagentic: {error}", file=sys.stderr)
        return 1
    return 0


def _play(target: Console, calls: int, seed: int, wants_gateway: bool) -> Played:
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(),
    )  # fmt: skip
    planned = plan(calls, seed)
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("starting the gateway (the first time: installing it)", total=len(planned.calls))
        with stage(wants_gateway=wants_gateway) as ready:
            _introduce(target, ready)
            progress.update(task, description="importing the SDKs")

            def advance(_: object) -> None:
                progress.update(task, advance=1, description="making calls")

            return play(planned, ready, advance)


def _introduce(target: Console, ready: Stage) -> None:
    """Say plainly which parts are real, and which are played by the stand-in."""
    if ready.gateway_version is not None:
        target.print(f"Gateway: the real @portkey-ai/gateway {ready.gateway_version} from npm, on loopback.")
    else:
        why = f"Gateway: a stand-in that answers in Portkey's headers, because {ready.why_no_gateway}."
        target.print(why, markup=False)
    target.print(REAL_AND_PLAYED)


def _tell(target: Console, played: Played, started_ns: int, home: Home) -> None:
    if not played.was_delivered:
        target.print("Not everything reached the store in time; the tables below are incomplete.", style="yellow")
    scope = Scope(since_ns=started_ns)
    with open_store(store_path()) as connection:
        groups = costs(connection, scope, by=GroupBy.MODEL)
        sums = total(connection, scope)
        dearest = runs(connection, scope, order=RunOrder.COST, limit=MOST_EXPENSIVE).rows
    target.print()
    _print_table(
        target,
        COST_HEADERS,
        [_cost_cells(row.key or "(none)", row) for row in groups],
        _cost_cells("total", sums),
    )
    if sums.unpriced:
        target.print(f"{sums.unpriced} calls went to a model without a known price: their cost is unknown, not 0.\n")
    target.print("The most expensive runs", style="bold")
    _print_table(target, RUN_HEADERS, [_run_cells(row) for row in dearest])
    _tell_more(target, dearest, home)


def _tell_more(target: Console, dearest: Sequence[RunRow], home: Home) -> None:
    program = "fastagentic"
    if shutil.which(program) is None:
        program = os.path.relpath(Path(sys.executable).with_name(program))
    target.print("Look further", style="bold")
    for arguments in ("costs --by user", "runs", f"show {dearest[0].run_id}" if dearest else "status"):
        target.print(f"  {home.prefix}{program} {arguments}", soft_wrap=True, markup=False)
    target.print(f"\nThe calls are in {home.path / store_path().name}.", soft_wrap=True, markup=False)


def _print_table(target: Console, headers: Sequence[str], rows: Sequence[Sequence[str]], footer: Sequence[str] = ()) -> None:
    table = Table(box=box.SIMPLE, pad_edge=False, collapse_padding=True, show_footer=bool(footer), footer_style="bold")
    for at, header in enumerate(headers):
        justify = "left" if header in TEXT_COLUMNS else "right"
        table.add_column(header, footer[at] if footer else "", justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*row)
    target.print(table)


def _cost_cells(name: str, row: CostRow | Sums) -> tuple[str, ...]:
    return (
        name, f"{row.calls:,}", f"{row.errors:,}", f"{row.input_tokens:,}", f"{row.output_tokens:,}",
        _usd(row.cost_usd), _usd(row.saved_usd or None, NOTHING), f"{row.hits:,}" if row.hits else NOTHING,
    )  # fmt: skip


def _run_cells(row: RunRow) -> tuple[str, ...]:
    return (
        row.name or "(none)", row.run_id, f"{row.calls:,}", f"{row.errors:,}",
        _usd(row.cost_usd), _usd(row.saved_usd or None, NOTHING), f"{row.duration_s:.1f} s",
    )  # fmt: skip


def _usd(amount: float | None, when_none: str = "unknown") -> str:
    return when_none if amount is None else f"${amount:.4f}"
