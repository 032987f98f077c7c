"""`fastagentic status`: where the store is, what lies in it, what waits for other destinations, what was lost or is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fastagentic._settings_file import load_settings_file
from fastagentic.core import words
from fastagentic.core.config import setting
from fastagentic.core.errors import FastagenticError, StoreError
from fastagentic.export.spool.survey import survey
from fastagentic.store.location import store_home
from fastagentic.store.queries.status import status as ask_status
from fastagentic.store.reader import write_problem

from .budgets import budget_rows, json_row
from .config import print_config
from .errors import FAILED, stop
from .options import AsJson  # noqa: TC001  # typer reads it at run time
from .reading import place
from .tables import console, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.export.spool.survey import SpoolStatus
    from fastagentic.store.queries.status import StoreStatus

    from .budgets import BudgetRow
    from .tables import JsonRow


def status(
    as_json: AsJson = False,
    config: Annotated[bool, typer.Option("--config", help="The settings as they hold here, and where each came from.")] = False,
) -> None:
    """Where the store is, what waits for other destinations, what was lost, what has no price, and what is wrong."""
    if config:
        print_config(as_json=as_json)
        return
    found_at = place()
    path = found_at.path
    spools = [] if path is None else survey(store_home())  # what waits here is nothing of a store elsewhere
    try:
        with found_at.open() as connection:
            found = ask_status(connection, path or str(found_at))
    except StoreError as error:
        if as_json:
            destinations = [_json_spool(spool) for spool in spools]
            print_json({"path": str(found_at), "readable": False, "problem": str(error), "destinations": destinations})
        else:
            _print([_spool_line(spool) for spool in spools])
        stop(str(error), FAILED)
    problem = None if path is None else write_problem(path)
    rows, unread = ([], None) if path is None else _budgets()
    if as_json:
        print_json(
            {
                **_json_status(found, problem),
                "budgets": [json_row(row) for row in rows],
                "destinations": [_json_spool(spool) for spool in spools],
            }
        )
    else:
        _print([*_lines(found, problem), *_budget_lines(rows, unread), *(_spool_line(spool) for spool in spools)])
    if problem is not None:
        stop(problem, FAILED)


def _json_status(found: StoreStatus, problem: str | None) -> JsonRow:
    return {
        "path": found.place,
        "readable": True,
        "writable": problem is None and found.schema_version is not None,
        "problem": problem,
        "size_bytes": found.size_bytes,
        "schema_version": found.schema_version,
        "spans": found.spans,
        "calls": found.calls,
        "runs": found.runs,
        "oldest": words.iso_time(found.oldest_ns),
        "newest": words.iso_time(found.newest_ns),
        "drops": [{"reason": drop.reason, "spans": drop.spans, "last": words.iso_time(drop.last_ns)} for drop in found.drops],
        "unpriced_models": [{"model": row.model, "calls": row.calls} for row in found.unpriced],
    }


def _json_spool(spool: SpoolStatus) -> JsonRow:
    return {
        "name": spool.name,
        "endpoint": spool.endpoint,
        "identity": spool.identity,
        "waiting": spool.spans,
        "oldest": words.iso_time(spool.oldest_ns),
        "refused": spool.aside_spans,
        "lost": [{"reason": drop.reason, "spans": drop.spans} for drop in spool.drops],
    }


def _spool_line(spool: SpoolStatus) -> tuple[str, str]:
    """What waits for a destination outside, what it refused and what was lost on the way there."""
    lost = sum(drop.spans for drop in spool.drops)
    why = ", ".join(drop.reason for drop in spool.drops)
    said = [f"{words.plural(spool.spans, 'span')} waiting" if spool.spans else "nothing waiting"]
    said += [f"{spool.aside_spans:,} refused: see fastagentic spool export"] if spool.aside_spans else []
    said += [f"{lost:,} lost: {why}"] if lost else []
    return "sends", f"{spool.name} ({spool.address}): {'; '.join(said)}"


def _budgets() -> tuple[list[BudgetRow], str | None]:
    """The budgets of which it is known what is spent, and why that cannot be said, if so."""
    try:
        load_settings_file()
        return [row for row in budget_rows(setting("budgets")) if row.spent is not None], None
    except FastagenticError as error:
        return [], str(error)


def _budget_lines(rows: list[BudgetRow], problem: str | None) -> Iterator[tuple[str, str]]:
    for row in rows:
        spent = words.money(None if row.spent is None else row.spent.usd)
        of = " ".join(filter(None, (row.scope, row.name, row.period)))
        yield "budget", f"{of}: {spent} of {words.money(row.limit_usd)}, {row.action} at the limit"
    if problem is not None:
        yield "budget", problem


def _print(lines: list[tuple[str, str]]) -> None:
    target = console()
    for name, value in lines:
        target.print(f"{name:<10}{words.printable(value)}", soft_wrap=True)  # a path is for copying: never cut in two


def _lines(found: StoreStatus, problem: str | None) -> list[tuple[str, str]]:
    held = ((found.calls, "call"), (found.runs, "run"), (found.spans, "span"))
    lines = [("store", found.place)]
    if found.size_bytes is not None:
        lines.append(("size", f"{words.size(found.size_bytes)}, schema {found.schema_version}"))
    lines.append(("holds", ", ".join(words.plural(*of) for of in held)))
    if found.oldest_ns is not None and found.newest_ns is not None:
        lines.append(("from", f"{words.local_time(found.oldest_ns)} to {words.local_time(found.newest_ns)}"))
    lines += [
        ("lost", f"{words.plural(drop.spans, 'span')}: {drop.reason}, last {words.local_time(drop.last_ns)}")
        for drop in found.drops
    ]
    if not found.drops and found.schema_version is not None:
        lines.append(("lost", "nothing"))
    lines += [("unpriced", f"{row.model}: {words.plural(row.calls, 'call')} of unknown cost") for row in found.unpriced]
    is_here = found.schema_version is not None
    lines.append(("writable", ("yes" if problem is None else "no") if is_here else "no: a ClickHouse is only read"))
    return lines
