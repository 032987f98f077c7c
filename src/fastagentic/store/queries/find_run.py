"""Which run people mean: by its id, a UUID spelling, their own text, a trace id or the first digits. For `fastagentic show`."""

from __future__ import annotations

import difflib
import string
from typing import TYPE_CHECKING, Final

from fastagentic.core.errors import UnknownRunError
from fastagentic.core.ids import format_trace_id, trace_id_of

from .sql import dialect_of

if TYPE_CHECKING:
    from .sql import Reader

SHORTEST_PREFIX: Final = 6
_HEX: Final = frozenset(string.hexdigits)
_RECENT: Final = "SELECT run_id, external_id, name FROM runs ORDER BY started_ns DESC LIMIT 200"
_SHOWN: Final = 5


def find_run(connection: Reader, text: str) -> str:
    """The run id (32 hex digits) of the run that `text` names.

    Raises: UnknownRunError that names near or recent runs, or those that all begin with `text`.
    """
    wanted = text.strip()
    for found in (
        _by_external_id(connection, wanted),
        _by_id(connection, wanted),
        _by_prefix(connection, wanted),
    ):
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
            raise UnknownRunError(f"{wanted!r} names {len(found)} runs: {names}. Give more digits of the one you mean.")
    raise UnknownRunError(_unknown(connection, wanted))


def _by_external_id(connection: Reader, text: str) -> list[str]:
    return _run_ids(connection, "SELECT run_id FROM runs WHERE external_id = ? ORDER BY started_ns DESC", text)


def _by_id(connection: Reader, text: str) -> list[str]:
    """By the id that a given text becomes: also finds a run that has not ended, and the runs of a foreign trace."""
    run_id = format_trace_id(trace_id_of(text.lower())) if _is_hex(text) else format_trace_id(trace_id_of(text))
    return _of_run(connection, "= ?", run_id) or _run_ids(
        connection, "SELECT DISTINCT run_id FROM spans WHERE trace_id = ?", run_id
    )


def _by_prefix(connection: Reader, text: str) -> list[str]:
    digits = text.replace("-", "").lower()
    if len(digits) < SHORTEST_PREFIX or not _is_hex(digits):
        return []
    return _of_run(connection, "BETWEEN ? AND ?", digits, digits + "g")


def _of_run(connection: Reader, matches: str, *parameters: str) -> list[str]:
    sql = dialect_of(connection)
    by_spans = f"SELECT DISTINCT run_id FROM spans WHERE {sql.of_run(matches)} ORDER BY run_id"  # noqa: S608  # SQL of our own
    found = _run_ids(connection, by_spans, *parameters * 2)
    if found or not sql.calls_outlive_spans:
        return found
    return _run_ids(connection, f"SELECT DISTINCT run_id FROM calls WHERE run_id {matches} ORDER BY run_id", *parameters)  # noqa: S608


def _run_ids(connection: Reader, query: str, *parameters: str) -> list[str]:
    return [run_id for (run_id,) in connection.execute(query, parameters)]


def _is_hex(text: str) -> bool:
    return _HEX.issuperset(text)


def _unknown(connection: Reader, text: str) -> str:
    recent = connection.execute(_RECENT).fetchall()
    near = [row for row in recent if any(_is_near(text, name) for name in row)]
    if len(text) < SHORTEST_PREFIX and any(run_id.startswith(text.lower()) for run_id, _, _ in recent):
        return f"no run {text!r}: the first digits of an id are {SHORTEST_PREFIX} or more. `fastagentic runs` lists the runs."
    shown = ", ".join(_told(*row) for row in (near or recent)[:_SHOWN])
    if not shown:
        return f"no run {text!r}: the store has no runs yet."
    return f"no run {text!r}. {'Near to it' if near else 'Recent runs'}: {shown}. `fastagentic runs` lists more."


def _is_near(text: str, name: str | None) -> bool:
    return bool(name) and bool(difflib.get_close_matches(text.lower(), [str(name).lower()], cutoff=0.75))


def _told(run_id: str, external_id: str | None, name: str | None) -> str:
    return f"{external_id or run_id} ({name})" if name else external_id or run_id
