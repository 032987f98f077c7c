"""The commands of docs/zero-code.md run as they stand, on the program that the page writes."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from pytest_examples import find_examples

from fastagentic.core.environment import HONOURED
from fastagentic.store.location import store_path
from tests.auto.started import environment
from tests.project.places import DOCS
from tests.store.build import count

from .pages import code_spans

if TYPE_CHECKING:
    from pathlib import Path

PAGE = DOCS / "zero-code.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder with the page's program in it."""
    monkeypatch.chdir(tmp_path)
    exec(next(iter(find_examples(PAGE))).source, {})
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [  # each starts LiteLLM in a process of its own
        COMMANDS[0],
        *(pytest.param(command, marks=pytest.mark.slow) for command in COMMANDS[1:]),
    ],
)
def test_a_command_of_the_page_runs_and_its_calls_are_recorded(command: str, program: Path) -> None:
    done = subprocess.run(["sh", "-c", command], cwd=program, env=environment(), capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.count("It does.\n") == count(store_path(), "calls") == max(1, command.count("python app.py"))


@pytest.mark.parametrize("row", HONOURED, ids=lambda row: row.name)
def test_a_variable_that_is_honoured_is_on_the_page_of_settings(row: object) -> None:
    assert row.name in code_spans(DOCS / "settings.md")  # type: ignore[attr-defined]
