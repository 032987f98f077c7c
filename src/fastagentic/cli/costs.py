"""`fastagentic costs`: what calls cost, by model, user, run, day and so on; and a limit for CI."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final

import typer

from fastagentic.core import words
from fastagentic.core.errors import ConfigError
from fastagentic.store.queries.costs import GroupBy, total
from fastagentic.store.queries.costs import costs as ask_costs
from fastagentic.store.queries.scope import Scope

from .errors import FAILED, say, stop
from .options import SINCE_DEFAULT, AsCsv, AsJson, Since, in_words, moment_ago, only_one
from .reading import opened, place
from .tables import Column, print_csv, print_json, print_table

if TYPE_CHECKING:
    from fastagentic.store.queries.costs import CostRow
    from fastagentic.store.queries.sums import Sums

    from .tables import JsonRow

ALWAYS: Final = ("calls", "errors", "input_tokens", "output_tokens", "cost", "saved", "unpriced")
_SHORT_ID: Final = 12


def costs(
    by: Annotated[GroupBy, typer.Option(help="What to group by.")] = GroupBy.MODEL,
    since: Since = SINCE_DEFAULT,
    fail_over: Annotated[
        float | None,
        typer.Option(metavar="USD", help="Exit with 1 when the calls cost more than this, for CI."),
    ] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """What calls cost: a row a group, and the total.

    Days are UTC. By tag, a call with two tags counts in both groups; the total counts it once.
    """
    only_one(as_json, as_csv)
    _check_limit(fail_over)
    scope = Scope(since_ns=moment_ago("--since", since))
    with opened() as connection:
        rows = ask_costs(connection, scope, by=by)
        sums = total(connection, scope)
    if as_json:
        print_json([_json_row(by, row) for row in rows])
    elif as_csv:
        print_csv((by.value, *ALWAYS), [_json_row(by, row) for row in rows])
    elif rows:
        _print_table(by, rows, sums)
    else:
        _say_empty(since)
    if fail_over is not None:
        _stop_above(fail_over, sums, since)


def _check_limit(fail_over: float | None) -> None:
    if fail_over is not None and not (math.isfinite(fail_over) and fail_over >= 0):
        raise ConfigError.of("--fail-over", fail_over, "an amount of USD such as 2.50", source="option")


def _json_row(by: GroupBy, row: CostRow) -> JsonRow:
    return {
        by.value: row.key,
        "calls": row.calls,
        "errors": row.errors,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost": row.cost_usd,
        "saved": row.saved_usd,
        "unpriced": row.unpriced,
    }


def _print_table(by: GroupBy, rows: list[CostRow], sums: Sums) -> None:
    columns = (
        Column(by.value, is_number=False, style="cyan"),
        Column("calls", rank=1),
        Column("errors", rank=2),
        Column("tokens in", rank=4),
        Column("tokens out", rank=5),
        Column("cost"),
        Column("share", rank=3),
        Column("saved", rank=6),
        Column("cache hits", rank=7),
    )
    spent = sums.cost_usd or 0.0
    cells = [(_key(by, row), *_cells(row, spent)) for row in rows]
    print_table(columns, cells, footer=("total", *_cells(sums, spent)))
    if sums.unpriced:
        unpriced = words.plural(sums.unpriced, "call")
        say(f"{unpriced} of unknown cost, shown as ?: `fastagentic status` names the models without a price.")
    if by is GroupBy.TAG:
        say("A call with several tags counts in each of their groups, and once in the total.")


def _key(by: GroupBy, row: CostRow) -> str:
    if row.key is None:
        return "(none)"
    return f"{row.key[:_SHORT_ID]} {row.label or '(no run)'}" if by is GroupBy.RUN else row.key


def _cells(sums: Sums, spent: float) -> tuple[str, ...]:
    return (
        words.count(sums.calls),
        words.some(sums.errors),
        words.count(sums.input_tokens),
        words.count(sums.output_tokens),
        words.part_known(sums.cost_usd, sums.unpriced),
        words.share(sums.cost_usd or 0.0, spent),
        words.money(sums.saved_usd) if sums.saved_usd else words.NOTHING,
        f"{words.count(sums.hits)} ({words.share(sums.hits, sums.lookups)})" if sums.hits else words.NOTHING,
    )


def _say_empty(since: str) -> None:
    say(
        f"No calls {in_words(since)} in {place()}. Look further back with `--since 7d` or "
        "`--since all`, or make some with `fastagentic demo`."
    )


def _stop_above(limit: float, sums: Sums, since: str) -> None:
    spent = sums.cost_usd or 0.0
    if sums.unpriced:
        unpriced = words.plural(sums.unpriced, "call")
        say(f"Not in the sum that --fail-over looks at: {unpriced} of unknown cost.")
    if spent > limit:
        stop(f"calls {in_words(since)} cost ${spent:.6f}, more than --fail-over ${limit:.6f}", FAILED)
