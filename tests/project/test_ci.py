"""CI in its forms: `.ci/run` on one machine, the workflow for a host, the hooks before a commit. All call what people call."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import yaml

from .places import REPO

HOOKS_BESIDE_LINT = {"scripts/rooms.py --check"}
"""What a commit is held to besides `make lint`, since a test would say it later."""


def makes(text: str) -> set[tuple[str, ...]]:
    """Each call of make in a script, as words."""
    return {tuple(shlex.split(call)) for call in re.findall(r"\bmake [a-z-]+(?: ARGS=\"[^\"]*\")?", text)}


def run_script() -> str:
    """`.ci/run` without its comments and without what it says to people."""
    lines = (REPO / ".ci/run").read_text().splitlines()
    return "\n".join(line for line in lines if re.match(r"stage |    FASTAGENTIC_HOME=", line))


def strings(value: Any) -> list[str]:
    """Every text of a YAML document."""
    if isinstance(value, dict):
        return [text for part in value.values() for text in strings(part)]
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def test_the_workflow_calls_make_as_the_script_does() -> None:
    workflow = yaml.safe_load((REPO / ".github/workflows/ci.yml").read_text())

    called = makes("\n".join(text for text in strings(workflow["jobs"]) if text.startswith("make ")))

    assert called
    assert called == makes(run_script())


def test_every_target_that_ci_calls_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPO / "Makefile").read_text(), re.MULTILINE))

    assert {target for _, target, *_ in makes(run_script())} <= targets


def test_the_workflow_tests_the_versions_that_the_package_is_for() -> None:
    workflow = yaml.safe_load((REPO / ".github/workflows/ci.yml").read_text())
    versions = re.findall(r"Python :: (3\.\d+)\"", (REPO / "pyproject.toml").read_text())

    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == versions


def test_the_hooks_before_a_commit_are_what_lint_runs() -> None:
    config = yaml.safe_load((REPO / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", (REPO / "Makefile").read_text(), re.MULTILINE)

    assert {repo["repo"] for repo in config["repos"]} == {"local"}  # nothing is fetched: the tools are those of uv.lock
    assert all({"id", "name", "entry", "language"} <= set(hook) for hook in hooks)
    assert lint is not None
    wanted = {line.strip().removeprefix("$(BIN)/").removesuffix(" .") for line in lint[1].splitlines()}
    run = {hook["entry"].removeprefix(".venv/bin/").removeprefix("python ") for hook in hooks}
    assert run - HOOKS_BESIDE_LINT == wanted
    assert all((REPO / Path(line.split()[0])).is_file() for line in HOOKS_BESIDE_LINT)
