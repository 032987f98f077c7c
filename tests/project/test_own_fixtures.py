"""The rules that our suite lives under: seen to fail a run that breaks them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .places import REPO

if TYPE_CHECKING:
    from pathlib import Path

SKIPPING = """
import pytest

def test_one(): pytest.skip("Node is missing")
@pytest.mark.skip(reason="Node is missing")
def test_two(): pass
@pytest.mark.skipif(True, reason="platform: macOS only")
def test_three(): pass
def test_four(): pass
"""

SWALLOWING = """
from fastagentic.core import guard

def test_quiet():
    try:
        raise KeyError("no such thing")
    except KeyError as error:
        guard.report("count the sheep", error)  # as a worker's thread does
"""

ALLOWED = """
import pytest
from fastagentic.core.guard import never_break

@pytest.mark.swallows_failures
def test_quiet(swallows_failures):
    with never_break("count the sheep"):
        raise KeyError("no such thing")
    assert swallows_failures == {("count the sheep", "KeyError"): 1}
"""


def run(folder: Path, test: str, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a test file under our own plugins, as a suite by itself."""
    (folder / "test_it.py").write_text(test)
    environment = {name: value for name, value in os.environ.items() if name != "CI" and "PYTEST" not in name}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "tests.conftest",
            "-p",
            "no:cacheprovider",
            *options,
            "test_it.py",
        ],
        cwd=folder,
        env={**environment, "PYTHONPATH": str(REPO), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_run_ends_with_one_line_of_what_was_skipped(tmp_path: Path, processes: str) -> None:
    done = run(tmp_path, SKIPPING, "-n", processes)

    assert done.stdout.splitlines()[-1] == "skipped: 3 (Node is missing: 2, platform: macOS only: 1)"
    assert done.returncode == 0, done.stderr


def test_a_run_that_skips_nothing_says_so(tmp_path: Path) -> None:
    done = run(tmp_path, "def test_it(): pass")

    assert done.stdout.splitlines()[-1] == "skipped: nothing"


def test_ci_takes_a_skip_for_a_failure(tmp_path: Path) -> None:
    done = run(tmp_path, SKIPPING, CI="true")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("skipped: 3 (Node is missing: 2, platform: macOS only: 1); with CI=true")


def test_ci_lets_a_test_for_another_platform_and_a_slow_one_be_skipped(tmp_path: Path) -> None:
    marked = SKIPPING.replace('"Node is missing"', '"platform: Linux only"')
    slow = "import pytest\npytestmark = pytest.mark.slow\n" + SKIPPING
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow: slow\n")

    assert run(tmp_path, marked, CI="true").returncode == 0
    assert run(tmp_path, slow, CI="true").returncode == 0


def test_a_swallowed_failure_of_our_own_fails_the_test(tmp_path: Path) -> None:
    done = run(tmp_path, SWALLOWING)

    assert done.returncode == 1
    assert "count the sheep" in done.stdout


def test_a_test_may_say_that_failures_are_swallowed(tmp_path: Path) -> None:
    done = run(tmp_path, ALLOWED)

    assert done.returncode == 0, done.stdout
