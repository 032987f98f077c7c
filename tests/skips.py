"""A plugin of our suite: the run ends with one plain line of what was skipped and why, and CI skips nothing.

With CI=true a skip in the default tier makes the run fail, unless its reason begins with "platform:" (a test
for macOS cannot run on Linux, whoever asks).
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PLATFORM = "platform:"


def reason_of(report: Any) -> str:
    """Why a test, or a whole module, was skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ").strip() or "no reason given"


def told(reasons: Iterable[str]) -> str:
    """`skipped: 3 (Node is missing: 2, platform: macOS only: 1)`, or `skipped: nothing`."""
    counts = Counter(reasons)
    if not counts:
        return "skipped: nothing"
    listed = ", ".join(f"{reason}: {count}" for reason, count in counts.most_common())
    return f"skipped: {counts.total()} ({listed})"


def is_forbidden(report: Any) -> bool:
    """Whether CI takes this skip for a failure."""
    is_slow = "slow" in getattr(report, "keywords", ())  # a module that skips itself is a report without keywords
    return not is_slow and not reason_of(report).startswith(PLATFORM)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Print the line below pytest's own last one, and in CI turn forbidden skips into a failure."""
    yield
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or hasattr(session.config, "workerinput"):
        return
    skipped = reporter.stats.get("skipped", [])
    line = told(map(reason_of, skipped))
    if os.environ.get("CI", "").lower() == "true" and any(map(is_forbidden, skipped)):
        line += "; with CI=true the default tier may skip nothing, so this run has failed"
        if session.exitstatus in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
    reporter.ensure_newline()
    reporter.write_line(line)
