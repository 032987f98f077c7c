"""`Scope`: which calls and runs a question is about. The one place where a filter becomes SQL."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core.names import Outcome
from fastagentic.store.values import LARGEST, valid_text

from .dimensions import OUTCOME_OF_A_CALL, GroupBy, dimension

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sql import Dialect

NONE: Final = "(none)"
"""As the value of a filter: those that have none, as tables show them."""


@dataclass(slots=True, frozen=True, kw_only=True)
class Scope:
    """Calls started from `since_ns` until before `until_ns` (nanoseconds since the epoch) to which all filters apply.

    A field that is None does not filter. A filter given as `NONE` takes the calls that have none. `endpoint` is the
    name of the run, `outcome` how the call went, `search` a text in any of the names and ids, whatever its case.
    For runs `model`, `provider` and `gateway` mean that one call of the run is such, and the outcome is the run's:
    `error` when it failed, `ok` when not, rescued when one of its calls was.

    Example:
        >>> Scope(since_ns=0, model="gpt-4o-mini").filters
        {'model': 'gpt-4o-mini'}
    """

    since_ns: int | None = None
    until_ns: int | None = None
    model: str | None = None
    provider: str | None = None
    user: str | None = None
    tenant: str | None = None
    session: str | None = None
    tag: str | None = None
    gateway: str | None = None
    endpoint: str | None = None
    outcome: Outcome | None = None
    search: str | None = None

    @property
    def start_ns(self) -> int:
        """The first nanosecond that belongs to it."""
        return _clamped(0 if self.since_ns is None else self.since_ns)

    @property
    def end_ns(self) -> int:
        """The first nanosecond that does not."""
        return LARGEST if self.until_ns is None else _clamped(self.until_ns)

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set, by name; the time is none of them."""
        found = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _TIMES}
        return {name: valid_text(value) for name, value in found.items() if value}

    def between(self, since_ns: int | None, until_ns: int | None) -> Scope:
        """The same filters at another time."""
        return replace(self, since_ns=since_ns, until_ns=until_ns)


class Condition(NamedTuple):
    """What stands after WHERE, and its parameters in order."""

    where: str
    parameters: tuple[str | int, ...]


EVERYTHING: Final = Scope()
_TIMES: Final = frozenset({"since_ns", "until_ns"})


def calls_in(sql: Dialect, scope: Scope) -> Condition:
    """The condition on `calls` that `scope` is."""
    return all_of([within(sql, "calls", scope.start_ns, scope.end_ns), *filtered_calls(sql, scope)])


def filtered_calls(sql: Dialect, scope: Scope) -> Iterator[Condition]:
    """The filters alone as conditions on `calls`."""
    for name, value in scope.filters.items():
        if name == "search":
            yield _any_contains(sql, _SEARCHED_IN_CALLS, value)
        elif name == GroupBy.TAG:
            yield _tagged(sql, "calls.tags", value)
        elif name == GroupBy.ENDPOINT:
            yield is_value("(SELECT runs.name FROM runs WHERE runs.run_id = calls.run_id)", value)
        else:
            yield is_value(dimension(sql, name).key, value)


def runs_in(sql: Dialect, scope: Scope) -> Condition:
    """The condition on `runs` that `scope` is."""
    return all_of([within(sql, "runs", scope.start_ns, scope.end_ns), *filtered_runs(sql, scope)])


def filtered_runs(sql: Dialect, scope: Scope) -> Iterator[Condition]:
    """The filters alone as conditions on `runs`."""
    for name, value in scope.filters.items():
        if name == "search":
            yield _any_contains(sql, _SEARCHED_IN_RUNS, value)
        elif name == GroupBy.TAG:
            yield _tagged(sql, "runs.tags", value)
        elif name == GroupBy.OUTCOME:
            yield _of_outcome(sql, value, scope.start_ns)
        elif name in _RUN_COLUMNS:
            yield is_value(_RUN_COLUMNS[name], value)
        else:
            yield _has_a_call(sql, is_value(dimension(sql, name).key, value), scope.start_ns)


_RUN_COLUMNS: Final = {
    "user": "runs.user_id",
    "tenant": "runs.tenant_id",
    "session": "runs.session_id",
    "endpoint": "runs.name",
}
_SEARCHED_IN_RUNS: Final = tuple(
    f"runs.{column}" for column in ("run_id", "external_id", "name", "user_id", "session_id", "tenant_id", "tags", "error_type")
)
_SEARCHED_IN_CALLS: Final = (
    *(
        f"calls.{column}"
        for column in (
            "run_id", "model", "response_model", "provider", "gateway", "user_id", "session_id", "tenant_id", "tags",
            "target_name", "error_type",
        )
    ),
    "(SELECT runs.name FROM runs WHERE runs.run_id = calls.run_id)",
    "(SELECT runs.external_id FROM runs WHERE runs.run_id = calls.run_id)",
)  # fmt: skip
_HAS_FAILED: Final = "(runs.status = 'error' OR runs.error_type IS NOT NULL)"


def within(sql: Dialect, table: str, start_ns: int, end_ns: int) -> Condition:
    """The rows of `calls` or `runs` that were started from `start_ns` until before `end_ns`."""
    return Condition(f"{sql.since(table)} AND {sql.before(table)}", (start_ns, end_ns))


def all_of(conditions: list[Condition]) -> Condition:
    """The calls or runs that all `conditions` let through."""
    parameters = tuple(parameter for condition in conditions for parameter in condition.parameters)
    return Condition(" AND ".join(condition.where for condition in conditions), parameters)


def is_value(expression: str, value: str) -> Condition:
    """Whether an expression has the value of a filter, or none when that is asked for."""
    return Condition(f"{expression} IS NULL", ()) if value == NONE else Condition(f"{expression} = ?", (value,))


def _tagged(sql: Dialect, column: str, value: str) -> Condition:
    return Condition(f"{column} IS NULL", ()) if value == NONE else Condition(sql.has_tag(column), (value,))


def _any_contains(sql: Dialect, expressions: tuple[str, ...], text: str) -> Condition:
    where = " OR ".join(sql.contains(expression) for expression in expressions)
    return Condition(f"({where})", (text,) * len(expressions))


def _of_outcome(sql: Dialect, outcome: str, start_ns: int) -> Condition:
    if outcome == Outcome.ERROR:
        return Condition(_HAS_FAILED, ())
    if outcome == Outcome.OK:
        return Condition(f"NOT {_HAS_FAILED}", ())
    return _has_a_call(sql, Condition(f"{OUTCOME_OF_A_CALL} = ?", (outcome,)), start_ns)


def _has_a_call(sql: Dialect, condition: Condition, start_ns: int) -> Condition:
    return Condition(sql.has_a_call(condition.where, start_ns), condition.parameters)


def _clamped(time_ns: int) -> int:
    return max(0, min(time_ns, LARGEST))
