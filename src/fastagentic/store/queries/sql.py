"""The expressions of SQL that databases spell differently: days, steps of time, tags, text search, latency bins.

Everything else in `queries/` is plain SQL with `?` for parameters. Only `queries/` and the rollups use this.
"""

from __future__ import annotations

from typing import Final

TAGS: Final = "LEFT JOIN json_each(calls.tags) AS tag ON TRUE"
"""Joins a row for each tag of a call, as `tag.value`; a call without tags keeps one."""


def day(time_ns: str) -> str:
    """The day of a time in nanoseconds, UTC, as `2026-11-25`."""
    return f"date({time_ns} / 1000000000, 'unixepoch')"


def step(time_ns: str, step_ns: int) -> str:
    """The start of the step of `step_ns` in which a time lies; steps are counted from the epoch."""
    return f"{time_ns} - {time_ns} % {step_ns:d}"


def added_up(number: str) -> str:
    """The sum as a whole number, 0 of nothing; a sum beyond 64 bits is the largest there is and no error."""
    return f"CAST(TOTAL({number}) AS INTEGER)"


def contains(text: str) -> str:
    """Whether `text` contains the parameter, whatever the case of ASCII letters."""
    return f"instr(lower({text}), lower(?)) > 0"


def has_tag(tags: str) -> str:
    """Whether the parameter is one of the tags in a column of JSON."""
    return f"EXISTS (SELECT 1 FROM json_each({tags}) WHERE value = ?)"  # noqa: S608  # SQL of our own


def bin_of(nanoseconds: str) -> str:
    """The latency bin of a whole number of nanoseconds; `latency.py` says what it stands for.

    A bin is the number of decimal digits and the first two or three of them: to be had without logarithms, which
    not every SQLite is built with.
    """
    first = f"CAST(substr({nanoseconds} || '00', 1, 3) AS INTEGER)"
    within = f"CASE WHEN {first} < 200 THEN {first} / 5 ELSE {first} / 10 + 20 END"
    return f"CASE WHEN {nanoseconds} > 0 THEN length({nanoseconds}) * 128 + {within} ELSE 0 END"


def of_run(matches: str) -> str:
    """The `spans` whose run id `matches`, such as `= ?`. Its parameters stand there twice: a run that is named as its
    trace is found by the trace, the others by an index of their own.
    """
    by_trace = f"spans.trace_id {matches} AND spans.run_id = spans.trace_id"
    return f"(({by_trace}) OR (spans.run_id {matches} AND spans.run_id <> spans.trace_id))"


def call_of(span: str) -> str:
    """The call that a row of `spans`, known here as `span`, tells of."""
    return " AND ".join(f"calls.{name} = {span}.{name}" for name in ("started_ns", "trace_id", "span_id"))


def calls_of_run(matches: str) -> str:
    """What stands after FROM for the calls of a run, by way of its spans. Its parameters as in `of_run`."""
    return f"spans CROSS JOIN calls ON {call_of('spans')} WHERE {of_run(matches)}"  # CROSS keeps the order


FIRST_CHUNK_NS: Final = "CAST(calls.time_to_first_chunk_s * 1e9 AS INTEGER)"
