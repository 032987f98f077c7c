"""The tutorials, followed to the letter: each in a scratch copy of the project, whose result then runs.

A block with a title is a step: a file that is made, lines that go to the end of one (`at="the end"`), a difference that is
applied to one, or commands (`run`). `try.py` is the program at the end, and prints what the page says.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.project.places import DOCS, REPO

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = re.compile(r'^```(\w+) title="([^"]+)"(?: at="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
COPIED = ("src", "dashboards", "docs")
TRY = "try.py"


class Step(NamedTuple):
    """A block of a page that says what to do."""

    language: str
    title: str
    at: str
    text: str


def steps(page: str) -> list[Step]:
    return [Step(*found) for found in BLOCK.findall((DOCS / "tutorials" / page).read_text())]


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of the project to be changed."""
    for folder in COPIED:
        shutil.copytree(REPO / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def run(scratch: Path, *command: str) -> str:
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("FASTAGENTIC_", "OTEL_"))}
    variables |= {
        "PYTHONPATH": os.pathsep.join([str(scratch), str(scratch / "src")]),
        "FASTAGENTIC_HOME": str(scratch / "home"),
    }
    done = subprocess.run(command, cwd=scratch, env=variables, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def apply(scratch: Path, difference: str, path: Path) -> None:
    """Do what a difference says: each hunk's old lines, which stand once in the file, become its new ones."""
    text = path.read_text()
    for hunk in re.split(r"^@@.*\n", difference, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] in " -")
        assert text.count(old) == 1, f"{path.name} has this {text.count(old)} times:\n{old}"
        text = text.replace(old, "".join(line[1:] for line in lines if line[0] in " +"))
    path.write_text(text)


def follow(scratch: Path, page: str) -> list[str]:
    """Do the steps of a page. Returns: what its program printed, a line each."""
    printed: list[str] = []
    for step in steps(page):
        path = scratch / step.title
        if step.title == "run":
            for command in step.text.splitlines():
                run(scratch, *command.replace("python", sys.executable, 1).split(" "))
        elif step.language == "diff":
            apply(scratch, step.text, path)
        elif step.at == "the end":
            path.write_text(path.read_text() + step.text)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
        if step.title == TRY:
            printed = run(scratch, sys.executable, TRY).splitlines()
    return printed


def changed(scratch: Path) -> dict[str, tuple[int, int]]:
    """The sources that the steps touched, with lines added and removed."""
    found = {}
    for path in sorted([*(scratch / "src").rglob("*.py"), *(scratch / "dashboards/src").rglob("*.py")]):
        name = path.relative_to(scratch)
        before = (REPO / name).read_text().splitlines() if (REPO / name).exists() else []
        lines = list(difflib.ndiff(before, path.read_text().splitlines()))
        counts = sum(line[0] == "+" for line in lines), sum(line[0] == "-" for line in lines)
        if any(counts):
            found[name.as_posix()] = counts
    return found


@pytest.mark.parametrize(
    ("page", "touched"),
    [
        ("client.md", {"src/fastagentic/clients/acme.py", "src/fastagentic/clients/__init__.py"}),
        ("destination.md", {"src/fastagentic/export/destinations/folder.py"}),
        pytest.param("panel.md", {"dashboards/src/gateway_reliability.py"}, marks=pytest.mark.operators),
    ],
)
def test_a_tutorial_followed_to_the_letter_gives_what_it_says(
    page: str, touched: set[str], scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    promised = [line.removeprefix("#> ") for line in steps(page)[-1].text.splitlines() if line.startswith("#> ")]

    printed = follow(scratch, page)

    differences = changed(scratch)
    with capsys.disabled():
        print(f"\n{page}: " + ", ".join(f"{name} +{added} -{removed}" for name, (added, removed) in differences.items()))
    assert printed == promised
    assert set(differences) == touched
    architecture = (REPO / "ARCHITECTURE.md").read_text()
    for name, (added, removed) in differences.items():
        assert f"`{name}` | +{added} -{removed} |" in architecture
