"""What databases spell differently: days, steps of time, tags, latency bins, where the sums of a run stand. One dialect each.

Everything else in `queries/` is plain SQL with `?` for parameters, and asks whatever `Reader` it is given. `Dialect` is how
SQLite, the local store, spells these; another database's dialect says only what it spells otherwise. Only `queries/`, the
rollups and the reader of another database use this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Rows(Protocol):
    """What a query gave, as a cursor of SQLite's hands it out."""

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        """The rows that were not fetched yet."""

    def fetchone(self) -> Any:
        """The next row, or None."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that were not fetched yet."""


class Reader(Protocol):
    """Whatever answers a query: a connection of SQLite's, or a reader of another database, which names its `dialect`."""

    def execute(self, query: str, parameters: Sequence[Any] = ..., /) -> Rows:
        """Ask `query`, its `?` filled with the parameters in their order."""


class Dialect:
    """SQLite's spelling. A method returns an expression, or what stands after FROM or WHERE; the arguments are expressions."""

    keeps_sums = True
    """Whether sums are kept ready by hour and day, as `rollups.py` keeps them. Otherwise all is answered from the rows."""

    calls_outlive_spans = False
    """Whether there may be calls whose spans have been deleted."""

    tag = "tag.value"
    """One tag of a call, where `tags` is joined; a call without tags has one that is NULL."""
    tags = "LEFT JOIN json_each(calls.tags) AS tag ON TRUE"
    first_chunk_ns = "CAST(calls.time_to_first_chunk_s * 1e9 AS INTEGER)"
    in_this_order = "CROSS JOIN"
    """An inner join whose left side is gone through first."""
    span_count = "(SELECT COUNT(*) FROM spans)"
    # Two statements: only one end at a time is looked up, and both together mean reading every row.
    ends = ("SELECT COALESCE(MIN(rowid), 0) FROM spans", "SELECT COALESCE(MAX(rowid), 0) FROM spans")
    """The questions of `extent.py`."""

    def day(self, time_ns: str) -> str:
        """The day of a time in nanoseconds, UTC, as `2026-11-25`."""
        return f"date({time_ns} / 1000000000, 'unixepoch')"

    def step(self, time_ns: str, step_ns: int) -> str:
        """The start of the step of `step_ns` in which a time lies; steps are counted from the epoch."""
        return f"{time_ns} - {time_ns} % {step_ns:d}"

    def since(self, table: str) -> str:
        """Whether a row of `calls`, `spans` or `runs` was started at the parameter or later."""
        return f"{table}.started_ns >= ?"

    def before(self, table: str) -> str:
        """Whether it was started before the parameter."""
        return f"{table}.started_ns < ?"

    def added_up(self, number: str) -> str:
        """The sum as a whole number, 0 of nothing; a sum beyond 64 bits is the largest there is and no error."""
        return f"CAST(TOTAL({number}) AS INTEGER)"

    def contains(self, text: str) -> str:
        """Whether `text` contains the parameter, whatever the case of ASCII letters."""
        return f"instr(lower({text}), lower(?)) > 0"

    def has_tag(self, tags: str) -> str:
        """Whether the parameter is one of the tags in a column of JSON."""
        return f"EXISTS (SELECT 1 FROM json_each({tags}) WHERE value = ?)"  # noqa: S608  # SQL of our own

    def is_listed(self, text: str) -> str:
        """Whether `text` is one of the texts in the parameter, a list in JSON."""
        return f"{text} IN (SELECT value FROM json_each(?))"  # noqa: S608  # SQL of our own

    def bin_of(self, nanoseconds: str) -> str:
        """The latency bin of a whole number of nanoseconds; `latency.py` says what it stands for.

        A bin is the number of decimal digits and the first two or three of them: to be had without logarithms, which
        not every SQLite is built with.
        """
        first = f"CAST(substr({nanoseconds} || '00', 1, 3) AS INTEGER)"
        within = f"CASE WHEN {first} < 200 THEN {first} / 5 ELSE {first} / 10 + 20 END"
        return f"CASE WHEN {nanoseconds} > 0 THEN length({nanoseconds}) * 128 + {within} ELSE 0 END"

    def latencies(self) -> tuple[str, str]:
        """What is measured of a call, in the order of `cubes.LATENCIES`: nanoseconds, NULL where there is none."""
        return "calls.duration_ns", self.first_chunk_ns

    def attribute(self, name: str) -> str:
        """An attribute of a span that is a text; NULL without it."""
        return f"json_extract(spans.attributes, '$.\"{name}\"')"

    def whole_attribute(self, name: str) -> str:
        """An attribute of a span that is a whole number."""
        return self.attribute(name)

    def json_attribute(self, name: str) -> str:
        """An attribute of a span that is a number or a list, as JSON."""
        return f"json_quote({self.attribute(name)})"

    def attributes(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes of a span as they were made, out of what its column of JSON has."""
        return dict(said)

    def of_run(self, matches: str) -> str:
        """The `spans` whose run id `matches`, such as `= ?`. Its parameters stand there twice: a run that is named as its
        trace is found by the trace, the others by an index of their own.
        """
        by_trace = f"spans.trace_id {matches} AND spans.run_id = spans.trace_id"
        return f"(({by_trace}) OR (spans.run_id {matches} AND spans.run_id <> spans.trace_id))"

    def call_of(self, span: str) -> str:
        """The call that a row of `spans`, known here as `span`, tells of."""
        return " AND ".join(f"calls.{name} = {span}.{name}" for name in ("started_ns", "trace_id", "span_id"))

    def span_of_call(self) -> str:
        """The row of `spans` that tells of a call."""
        return "spans.trace_id = calls.trace_id AND spans.span_id = calls.span_id"

    def calls_of_run(self, matches: str) -> str:
        """What stands after FROM for the calls of a run, by way of its spans. Its parameters as in `of_run`."""
        return f"spans {self.in_this_order} calls ON {self.call_of('spans')} WHERE {self.of_run(matches)}"

    def has_a_call(self, where: str, start_ns: int) -> str:  # where each run is looked at, its time says nothing
        """Whether a row of `runs`, all of them started at `start_ns` or later, has a call for which `where` holds."""
        return f"EXISTS (SELECT 1 FROM {self.calls_of_run('= runs.run_id')} AND {where})"  # noqa: S608  # SQL of our own

    def summed_runs(self, start_ns: int) -> str:
        """The table of runs with the sums of their calls, of all that were started at `start_ns` or later."""
        return "runs"

    def lone_calls(self, start_ns: int) -> str:
        """The table of sums of calls that belong to no run, or to one that has not ended."""
        return "rollup_lone_calls"


SQLITE: Final = Dialect()


def dialect_of(reader: Reader) -> Dialect:
    """How whatever is behind `reader` spells things."""
    found: Dialect = getattr(reader, "dialect", SQLITE)
    return found
