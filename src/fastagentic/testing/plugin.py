"""The pytest plugin: fixture `llm_calls`, marker `llm_budget`, `--llm-report=FILE`, a line at the end of the session.

A test that asks for none of these is none of ours: nothing is imported for it, and nothing observed. Where the program has not
called `fastagentic.instrument()`, its clients are observed for as long as the test takes, without a span, a store or a
provider; should it do so in the test, ours gives way. Counts travel on test reports, so that they arrive from xdist's workers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from .calls import LLMCalls
    from .recording import Recording

MARKER: Final = "llm_budget"
FIXTURE: Final = "llm_calls"
ON_REPORT: Final = "fastagentic_llm_calls"
"""The attribute of a test report that carries the test's calls, as JSON values."""

RECORDING: Final = pytest.StashKey["Recording"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--llm-report`."""
    group = parser.getgroup("fastagentic", "LLM calls (fastagentic)")
    group.addoption(
        "--llm-report",
        metavar="FILE",
        help="Observe the LLM calls of every test, and write what each made and cost to FILE, as JSON.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker, and whoever gathers the calls."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(usd, allow_unpriced=False): the test fails when its LLM calls cost more, USD, or an unknown amount",
    )
    if not hasattr(config, "workerinput"):  # a worker of xdist has it: its reports go to the controller
        config.pluginmanager.register(Session(config.getoption("llm_report")), "fastagentic-llm-session")


@pytest.fixture
def llm_calls(request: pytest.FixtureRequest) -> LLMCalls:
    """The LLM calls that this test makes, through the clients that fastagentic observes: counts, sums, assertions."""
    calls: LLMCalls = request.node.stash[RECORDING].calls
    return calls


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test and its fixtures, from the first to the last."""
    if not _is_observed(item):
        return (yield)
    recording = item.stash[RECORDING] = _new_recording()
    try:
        return (yield)
    finally:
        recording.stop()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Generator[None, None, None]:
    """Before the first fixture: it may make calls, too."""
    recording = item.stash.get(RECORDING, None)
    if recording is not None:
        recording.start()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """The test itself; one that passed may still have been too dear."""
    __tracebackhide__ = True
    result = yield
    recording = item.stash.get(RECORDING, None)
    if recording is None:
        return result
    for marker in item.iter_markers(MARKER):
        usd, terms = _terms(marker)
        try:
            recording.calls.assert_cost(max_usd=usd, **terms)
        except AssertionError as error:
            pytest.fail(f"@pytest.mark.{MARKER}(usd={usd:g}): {error}", pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """The last report of a test carries its calls."""
    report = yield
    recording = item.stash.get(RECORDING, None)
    if recording is not None and call.when == "teardown":
        setattr(report, ON_REPORT, [one.row() for one in recording.calls])
    return report


class Session:
    """The calls of a whole session, in the process that reports: the only one, or the controller of xdist's workers."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._tests: dict[str, list[dict[str, Any]]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Of a test that ran here, or in a worker; run again by another plugin, a test has made the calls of both."""
        if hasattr(report, ON_REPORT):
            self._tests.setdefault(report.nodeid, []).extend(getattr(report, ON_REPORT))

    def pytest_sessionfinish(self) -> None:
        """Write the report."""
        if self._path is not None:
            from .report import report_of

            document = json.dumps(report_of(self._tests), indent=2, ensure_ascii=False)
            path = Path(self._path)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{document}\n", encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """A line, where a test was observed."""
        if self._tests:
            from .report import summary_of

            terminalreporter.write_line(summary_of(self._tests))
            if self._path is not None:
                terminalreporter.write_line(f"LLM calls by test: {self._path}")


def _new_recording() -> Recording:
    from . import recording

    return recording.Recording()


def _is_observed(item: pytest.Item) -> bool:
    return bool(
        FIXTURE in getattr(item, "fixturenames", ())
        or item.get_closest_marker(MARKER) is not None
        or item.config.getoption("llm_report", None)
    )


def _terms(marker: pytest.Mark) -> tuple[float, dict[str, bool]]:
    """What a marker was given. Raises: pytest.UsageError."""
    given: dict[str, Any] = {**dict(zip(("usd",), marker.args, strict=False)), **marker.kwargs}
    usd, allow = given.pop("usd", None), given.pop("allow_unpriced", False)
    if given or isinstance(usd, bool) or not isinstance(usd, (int, float)) or usd < 0 or len(marker.args) > 1:
        raise pytest.UsageError(f"@pytest.mark.{MARKER} takes usd=..., USD, and allow_unpriced=True; it was given {marker}")
    return usd, {"allow_unpriced": bool(allow)}
