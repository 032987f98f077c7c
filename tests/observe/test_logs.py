"""Run, trace and span id on log records: which, where, and never in the way of logging."""

from __future__ import annotations

import io
import logging
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.trace import format_span_id, get_current_span

import fastagentic
from fastagentic.observe.logs import RunIdsOnRecords

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tests.spans import Memory

FORMAT = "%(message)s|%(run_id)s|%(trace_id)s|%(span_id)s"
RUN_ID = "3bf8b157c4238eefe5ae4a66eca81c6b"


class Written:
    """A logger of the test's own, and what it wrote."""

    def __init__(self) -> None:
        self.logger = logging.Logger("shop")  # known to nobody else
        self.stream = io.StringIO()
        self.handler = logging.StreamHandler(self.stream)
        self.handler.setFormatter(logging.Formatter(FORMAT))
        self.logger.addHandler(self.handler)

    @property
    def lines(self) -> list[list[str]]:
        return [line.split("|") for line in self.stream.getvalue().splitlines()]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Written:
    monkeypatch.setattr(logging, "raiseExceptions", True)
    return Written()


@pytest.fixture
def on() -> Iterator[RunIdsOnRecords]:
    ids = RunIdsOnRecords()
    yield ids
    ids.take_off()


def span_id() -> str:
    return format_span_id(get_current_span().get_span_context().span_id)


def test_a_record_in_a_run_carries_its_ids(recorded: Memory, on: RunIdsOnRecords, written: Written) -> None:
    with fastagentic.run("order", run_id="order-42"):
        written.logger.info("shipped")
        assert written.lines == [["shipped", RUN_ID, RUN_ID, span_id()]]


def test_outside_any_run_the_ids_are_empty_and_the_format_still_works(on: RunIdsOnRecords, written: Written) -> None:
    written.logger.info("idle")

    assert written.lines == [["idle", "", "", ""]]


def test_in_a_span_of_somebody_else_there_is_a_trace_and_no_run(memory: Memory, on: RunIdsOnRecords, written: Written) -> None:
    with memory.tracer_provider.get_tracer("theirs").start_as_current_span("GET /") as span:
        written.logger.info("asked")
        context = span.get_span_context()

    assert written.lines == [["asked", "", f"{context.trace_id:032x}", f"{context.span_id:016x}"]]


@pytest.mark.parametrize("name", ["run_id", "trace_id", "span_id"])
def test_what_the_user_puts_on_a_record_stays(recorded: Memory, on: RunIdsOnRecords, written: Written, name: str) -> None:
    """By the log record factory this would be a KeyError in the user's call."""
    with fastagentic.run("order"):
        written.logger.info("shipped", extra={name: "theirs"})

    assert "theirs" in written.lines[0]


def test_a_record_factory_of_the_users_own_is_left_alone(recorded: Memory, on: RunIdsOnRecords, written: Written) -> None:
    before = logging.getLogRecordFactory()

    class Own(logging.LogRecord):
        pass

    logging.setLogRecordFactory(Own)
    try:
        with fastagentic.run("order", run_id="order-42"):
            written.logger.info("shipped")
    finally:
        logging.setLogRecordFactory(before)

    assert written.lines[0][1] == RUN_ID
    assert before is logging.LogRecord


def test_a_record_still_says_which_line_wrote_it(on: RunIdsOnRecords, written: Written) -> None:
    written.handler.setFormatter(logging.Formatter("%(filename)s %(funcName)s"))

    written.logger.info("here")

    assert written.stream.getvalue() == "test_logs.py test_a_record_still_says_which_line_wrote_it\n"


def test_a_filter_of_a_logger_sees_the_ids(recorded: Memory, on: RunIdsOnRecords, written: Written) -> None:
    seen: list[Any] = []
    written.logger.addFilter(lambda record: seen.append(record.run_id) or True)

    with fastagentic.run("order", run_id="order-42"):
        written.logger.info("shipped")

    assert seen == [RUN_ID]


def test_taken_off_records_are_what_they_were(written: Written) -> None:
    before = logging.Logger.__dict__["handle"]
    ids = RunIdsOnRecords()
    assert logging.Logger.__dict__["handle"] is not before

    ids.take_off()

    assert logging.Logger.__dict__["handle"] is before
    written.handler.setFormatter(logging.Formatter("%(message)s"))
    seen: list[logging.LogRecord] = []
    written.logger.addFilter(lambda record: seen.append(record) or True)
    written.logger.info("plain")
    assert not hasattr(seen[0], "run_id")


def test_taken_off_below_somebody_elses_wrapper_it_is_silent(monkeypatch: pytest.MonkeyPatch, written: Written) -> None:
    ids = RunIdsOnRecords()
    ours = logging.Logger.handle
    monkeypatch.setattr(logging.Logger, "handle", lambda self, record: ours(self, record))

    ids.take_off()

    written.handler.setFormatter(logging.Formatter("%(message)s", defaults={"run_id": "none"}))
    written.logger.info("plain")
    assert written.stream.getvalue() == "plain\n"
    monkeypatch.undo()
    logging.Logger.handle = ours.__wrapped__  # type: ignore[method-assign, attr-defined]


def test_instrument_puts_them_on_when_asked_and_uninstrument_takes_them_off(memory: Memory, written: Written) -> None:
    before = logging.Logger.__dict__["handle"]

    fastagentic.instrument(destinations=[], logs=True, tracer_provider=memory.tracer_provider)
    with fastagentic.run("order", run_id="order-42"):
        written.logger.info("shipped")
    fastagentic.uninstrument()

    assert written.lines[0][1] == RUN_ID
    assert logging.Logger.__dict__["handle"] is before


def test_instrument_leaves_log_records_alone_unless_asked(memory: Memory) -> None:
    before = logging.Logger.__dict__["handle"]

    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)

    assert logging.Logger.__dict__["handle"] is before


def test_a_failure_of_ours_leaves_the_record_to_be_written(
    on: RunIdsOnRecords, written: Written, monkeypatch: pytest.MonkeyPatch, swallows_failures: Counter[tuple[str, str]]
) -> None:
    def fail() -> None:
        raise LookupError

    monkeypatch.setattr("fastagentic.observe.logs.current_run", fail)
    written.handler.setFormatter(logging.Formatter("%(message)s"))

    written.logger.info("shipped")
    written.logger.info("again")

    assert written.stream.getvalue() == "shipped\nagain\n"
    assert set(swallows_failures) == {("put ids on a log record", "LookupError")}


# --- one handler, structlog -----------------------------------------------------------------------


def test_the_filter_puts_ids_on_the_records_of_one_handler(recorded: Memory, written: Written) -> None:
    written.handler.addFilter(fastagentic.RunLogFilter())

    with fastagentic.run("order", run_id="order-42"):
        written.logger.info("shipped")
    written.logger.info("idle", extra={"trace_id": "theirs"})

    assert written.lines[0][:3] == ["shipped", RUN_ID, RUN_ID]
    assert written.lines[1] == ["idle", "", "theirs", ""]


def test_the_processor_adds_what_is_known(recorded: Memory) -> None:
    with fastagentic.run("order", run_id="order-42"):
        event = fastagentic.add_run_ids(None, "info", {"event": "shipped"})
        assert event == {"event": "shipped", "run_id": RUN_ID, "trace_id": RUN_ID, "span_id": span_id()}


def test_outside_any_run_the_processor_adds_nothing() -> None:
    assert fastagentic.add_run_ids(None, "info", {"event": "idle"}) == {"event": "idle"}


def test_the_processor_leaves_what_is_there(recorded: Memory) -> None:
    with fastagentic.run("order"):
        assert fastagentic.add_run_ids(None, "info", {"event": "x", "run_id": "theirs"})["run_id"] == "theirs"


def test_structlog_takes_the_processor(recorded: Memory) -> None:
    structlog = pytest.importorskip("structlog", reason="structlog is missing: it belongs to the dev group")
    written: list[Any] = []
    logger = structlog.wrap_logger(
        structlog.ReturnLogger(), processors=[fastagentic.add_run_ids, lambda _, __, event: written.append(event) or event]
    )

    with fastagentic.run("order", run_id="order-42"):
        logger.info("shipped", total=3)

    (event,) = written
    assert (event["event"], event["total"], event["run_id"]) == ("shipped", 3, RUN_ID)
