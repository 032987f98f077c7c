"""`fastagentic runs`: the recent runs and what each came to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from fastagentic.core import words
from fastagentic.store.queries.runs import RunOrder
from fastagentic.store.queries.runs import runs as ask_runs
from fastagentic.store.queries.scope import Scope

from .errors import say
from .options import SINCE_DEFAULT, AsCsv, AsJson, Since, in_words, moment_ago, only_one
from .reading import opened, place
from .tables import Column, print_csv, print_json, print_table

if TYPE_CHECKING:
    from fastagentic.store.queries.runs import RunRow

    from .tables import JsonRow

NAMES: Final = (
    "run_id", "external_id", "name", "user", "session", "tenant", "tags",
    "started", "ended", "duration_s", "status", "error_type",
    "calls", "errors", "input_tokens", "output_tokens", "cost", "saved", "cache_hits", "unpriced",
)  # fmt: skip
_SHORT_ID: Final = 12
_COLUMNS: Final = (
    Column("run", is_number=False, style="cyan"),
    Column("name", rank=2, is_number=False),
    Column("user", rank=8, is_number=False),
    Column("started", rank=5, is_number=False),
    Column("duration", rank=4),
    Column("calls", rank=1),
    Column("errors", rank=3),
    Column("tokens", rank=7),
    Column("cost"),
    Column("saved", rank=9),
    Column("cache hits", rank=6),
)


def runs(
    since: Since = SINCE_DEFAULT,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    sort: Annotated[RunOrder, typer.Option(help="What to sort by, largest or latest first.")] = RunOrder.STARTED,
    lone_calls: Annotated[
        bool, typer.Option("--all", help="Also calls outside any run, and of runs that have not ended.")
    ] = False,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """The recent runs: duration, calls, tokens, cost."""
    only_one(as_json, as_csv)
    scope = Scope(since_ns=moment_ago("--since", since))
    with opened() as connection:
        page = ask_runs(connection, scope, limit=limit, order=sort, lone_calls=lone_calls)
    if as_json:
        print_json([json_run(row) for row in page.rows])
    elif as_csv:
        print_csv(NAMES, [json_run(row) for row in page.rows])
    elif page.rows:
        print_table(_COLUMNS, [_cells(row) for row in page.rows])
        if page.total > limit:
            say(f"The first {limit} of {words.count(page.total)}; `--limit` shows more. `fastagentic show RUN` opens one.")
    else:
        _say_empty(since)


def json_run(row: RunRow) -> JsonRow:
    """A run for a program."""
    return {
        "run_id": row.run_id,
        "external_id": row.external_id,
        "name": row.name,
        "user": row.user_id,
        "session": row.session_id,
        "tenant": row.tenant_id,
        "tags": list(row.tags),
        "started": words.iso_time(row.started_ns),
        "ended": words.iso_time(row.ended_ns),
        "duration_s": row.duration_s,
        "status": row.status,
        "error_type": row.error_type,
        "calls": row.calls,
        "errors": row.errors,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost": row.cost_usd,
        "saved": row.saved_usd,
        "cache_hits": row.hits,
        "unpriced": row.unpriced,
    }


def _cells(row: RunRow) -> tuple[str, ...]:
    return (
        row.external_id or row.run_id[:_SHORT_ID],
        (row.name or words.NOTHING) if row.is_run else "(no run)",
        row.user_id or words.NOTHING,
        words.local_time(row.started_ns),
        words.duration(row.duration_s),
        words.count(row.calls),
        words.some(row.errors) if row.error_type is None or row.errors else "failed",
        words.count(row.input_tokens + row.output_tokens),
        words.part_known(row.cost_usd, row.unpriced),
        words.money(row.saved_usd) if row.saved_usd else words.NOTHING,
        words.some(row.hits),
    )


def _say_empty(since: str) -> None:
    say(
        f"No runs {in_words(since)} in {place()}. Look further back with `--since all`, see calls "
        'outside any run with `--all`, or begin one: `with fastagentic.run("name"): ...`.'
    )
