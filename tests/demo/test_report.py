"""What the demo prints, run as people run it: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

RUNS = {"nightly-report", "support-chat", "contract-review"}
RUN = "from fastagentic.demo import main; raise SystemExit(main(calls=40))"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("project")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    """The demo without Node, in a project that has seen nothing of it yet."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FASTAGENTIC_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, env=environment | {"PATH": "", "COLUMNS": "100"},
        capture_output=True, text=True, check=False, timeout=90,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_it_says_that_the_gateway_is_a_stand_in_and_what_to_install(printed: str) -> None:
    assert "a stand-in that answers in Portkey's headers, because node is not on the PATH" in printed
    assert "install Node.js 20 or later" in " ".join(printed.split())


def test_it_says_where_portkeys_cache_hits_come_from(printed: str) -> None:
    assert "the npm build of the gateway never caches" in " ".join(printed.split())


def test_it_prints_costs_by_model_with_their_total(printed: str) -> None:
    assert "gpt-4o-mini" in printed
    assert any(line.split()[:2] == ["total", "40"] for line in printed.splitlines())
    assert "without a known price" in printed


def test_it_prints_the_most_expensive_runs(printed: str) -> None:
    lines = [line.split() for line in printed.splitlines()]
    costs = [words[4] for words in lines if words and words[0] in RUNS]
    assert len(costs) == 3
    assert costs == sorted(costs, reverse=True)


def test_it_keeps_its_calls_apart_and_says_where(printed: str, folder: Path) -> None:
    assert (folder / ".fastagentic" / "store.db").is_file()
    assert ".fastagentic/store.db" in printed


def test_the_commands_to_look_further_work(printed: str, folder: Path) -> None:
    commands = [line.strip() for line in printed.splitlines() if line.strip().startswith("FASTAGENTIC_HOME=")]
    assert len(commands) == 3
    for command in commands:
        done = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout
