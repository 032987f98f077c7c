"""What a shell offers when somebody presses Tab: runs, models, users, tenants and spools that are there.

Each function gets what is typed so far. Without a store, or with one that cannot be read, nothing is offered and nothing said.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import FastagenticError
from fastagentic.export.spool.survey import survey
from fastagentic.store.location import store_home
from fastagentic.store.queries.costs import GroupBy, costs
from fastagentic.store.queries.models import seen_models
from fastagentic.store.queries.runs import runs as ask_runs
from fastagentic.store.queries.scope import Scope

from .reading import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fastagentic.store.queries.sql import Reader

_RUNS: Final = 50


def runs(incomplete: str) -> list[tuple[str, str]]:
    """The latest runs, each by its own text or its id, with its name."""

    def found(connection: Reader) -> Iterable[tuple[str, str]]:
        for row in ask_runs(connection, Scope(), limit=_RUNS).rows:
            yield row.external_id or row.run_id, row.name or ""

    return _offered(found, incomplete)


def models(incomplete: str) -> list[tuple[str, str]]:
    """The models of the store, as they were asked for, with who sells them."""

    def found(connection: Reader) -> Iterable[tuple[str, str]]:
        return ((seen.model or "", seen.provider or "") for seen in seen_models(connection))

    return _offered(found, incomplete)


def users(incomplete: str) -> list[tuple[str, str]]:
    """The users that calls were made for."""
    return _groups(GroupBy.USER, incomplete)


def tenants(incomplete: str) -> list[tuple[str, str]]:
    """The tenants that calls were made for."""
    return _groups(GroupBy.TENANT, incomplete)


def destinations(incomplete: str) -> list[str]:
    """The destinations that something waits for."""
    try:
        return sorted({spool.name for spool in survey(store_home()) if spool.name.startswith(incomplete)})
    except OSError:
        return []


def _groups(by: GroupBy, incomplete: str) -> list[tuple[str, str]]:
    return _offered(lambda connection: ((row.key or "", "") for row in costs(connection, Scope(), by=by)), incomplete)


def _offered(find: Callable[[Reader], Iterable[tuple[str, str]]], incomplete: str) -> list[tuple[str, str]]:
    offered: dict[str, str] = {}
    with contextlib.suppress(FastagenticError), opened() as connection:
        for name, what in find(connection):
            if name and name.startswith(incomplete):
                offered.setdefault(name, what)
    return list(offered.items())
