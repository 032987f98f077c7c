"""The console prints a line for each span of ours, with what a person who watches wants to know, and nothing that was said."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode

from fastagentic.core import names
from fastagentic.export.destinations.console import ConsoleDestination, line_of

if TYPE_CHECKING:
    from collections.abc import Mapping

CALL = {
    names.RUN_ID: "4bf92f3577b34da6a3ce929d0e0e4736",
    names.USAGE_COST: 0.000412,
    names.COST_SOURCE: "price_table",
    names.INPUT_TOKENS: 1204,
    names.OUTPUT_TOKENS: 56,
    names.CACHE_STATUS: "miss",
    names.INPUT_MESSAGES: "zebra",
}


def ended(name: str, attributes: Mapping[str, Any], scope: str = names.SCOPE, status: Status | None = None) -> Any:
    span: Any = TracerProvider().get_tracer(scope).start_span(name, attributes=attributes, start_time=10**18)
    if status is not None:
        span.set_status(status)
    span.end(10**18 + 812_000_000)
    return span


def without_time(line: str) -> str:
    assert re.match(r"\d\d:\d\d:\d\d  ", line)
    return line[10:]


@pytest.mark.parametrize(
    ("name", "attributes", "line"),
    [
        ("chat gpt-4o-mini", CALL, "chat gpt-4o-mini  812 ms  $0.000412  1,204 in + 56 out tokens  cache miss  run {run}"),
        ("chat m", {**CALL, names.USAGE_COST: 0.0}, "chat m  812 ms  $0  1,204 in + 56 out tokens  cache miss  run {run}"),
        ("chat m", {names.RUN_ID: CALL[names.RUN_ID], names.COST_SOURCE: "unknown"}, "chat m  812 ms  cost unknown  run {run}"),
        (
            "invoke_workflow nightly",
            {names.RUN_ID: CALL[names.RUN_ID], names.RUN_CALLS: 2, names.RUN_COST: 1234.5},
            "invoke_workflow nightly  812 ms  2 calls  $1,234.50  run {run}",
        ),
        ("attempt 1", {names.RUN_ID: CALL[names.RUN_ID], names.ATTEMPT_NUMBER: 1}, "attempt 1  812 ms  run {run}"),
    ],
)
def test_a_span_is_a_line(name: str, attributes: dict[str, Any], line: str) -> None:
    assert without_time(line_of(ended(name, attributes))) == line.format(run=CALL[names.RUN_ID])


def test_a_failure_is_named_by_its_type_and_not_by_its_text() -> None:
    line = line_of(ended("chat m", {names.ERROR_TYPE: "RateLimitError"}, status=Status(StatusCode.ERROR, "zebra said no")))

    assert "failed: RateLimitError" in line
    assert "zebra" not in line


def test_spans_are_printed_when_they_have_been_flushed() -> None:
    stream = io.StringIO()
    console = ConsoleDestination(stream)
    console.put(ended("chat m", CALL))
    console.put(ended("GET /", {}, scope="django"))

    assert console.flush(10)
    assert console.close(10)

    assert [without_time(line).split("  ")[0] for line in stream.getvalue().splitlines()] == ["chat m"]
    assert "zebra" not in stream.getvalue()


def test_standard_error_is_looked_up_when_it_is_printed_to(capsys: pytest.CaptureFixture[str]) -> None:
    console = ConsoleDestination()
    console.put(ended("chat m", CALL))
    console.close(10)

    assert "chat m" in capsys.readouterr().err


def test_a_stream_that_has_been_closed_is_no_failure() -> None:
    stream = io.StringIO()
    console = ConsoleDestination(stream)
    stream.close()
    console.put(ended("chat m", CALL))

    assert console.close(10)
    assert console.dropped == 0
