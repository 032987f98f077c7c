"""The tests on every Python that fastagentic is for. Called by `make matrix`.

    .venv/bin/python scripts/matrix.py [--only 3.12 ...] [what pytest takes]

The versions are those of the classifiers in `pyproject.toml`. Each gets an environment of `uv.lock` in `.matrix/` and runs the
default tier in it; folders or other options narrow it (`tests/core tests/observe -n 1`). A Python is looked for on the PATH,
under pyenv, and where uv keeps its own; none is fetched. Exit code 1 when a test failed or a version was not found.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterator

REPO = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
ENVIRONMENTS = REPO / ".matrix"
DEFAULT_TIER = "not slow and not operators and not browser and not docs"


def versions() -> list[str]:
    """The versions that the package says it is for."""
    classifiers = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["classifiers"]
    return re.findall(r"Python :: (3\.\d+)$", "\n".join(classifiers), re.MULTILINE)


def candidates(version: str) -> Iterator[str]:
    """Where a Python of this version may be."""
    if on_path := shutil.which(f"python{version}"):
        yield on_path
    if pyenv := shutil.which("pyenv"):
        root = Path(said(pyenv, "root"))
        yield from (str(one / "bin/python") for one in sorted((root / "versions").glob(f"{version}.*"), reverse=True))
    yield said(str(UV), "python", "find", "--managed-python", "--no-python-downloads", "--quiet", version)


def said(*command: str) -> str:
    """What a command prints, or nothing when it fails."""
    try:
        done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find(version: str) -> str | None:
    """A Python of this version that runs: a shim of pyenv for one that is not chosen does not."""
    asks = "import sys; print('%d.%d' % sys.version_info[:2])"
    return next((python for python in candidates(version) if python and said(python, "-c", asks) == version), None)


def environment(version: str, python: str) -> Path:
    """The interpreter of an environment of `uv.lock` for this version, made or brought up to date."""
    folder = ENVIRONMENTS / version
    variables = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME"}}
    variables |= {"UV_PROJECT_ENVIRONMENT": str(folder), "UV_PYTHON": python, "UV_PYTHON_DOWNLOADS": "never"}
    sync = (UV, "sync", "--frozen", "--all-extras", "--quiet")
    subprocess.run([*sync, "--no-install-project"], cwd=REPO, env=variables, check=True)
    subprocess.run([*sync, "--no-build-isolation-package", "fastagentic"], cwd=REPO, env=variables, check=True)
    return folder / "bin/python"


def run_tests(python: Path, arguments: list[str]) -> tuple[bool, str]:
    """Whether the tests pass in an environment, and pytest's last line about them."""
    processes = [] if any(argument.startswith("-n") for argument in arguments) else ["-n", "2"]
    command = [
        python,
        "-m",
        "pytest",
        "--dist",
        "loadfile",
        "-p",
        "no:cacheprovider",
        "-m",
        DEFAULT_TIER,
        *processes,
        *arguments,
    ]
    summary = "no summary"
    variables = {**os.environ, "PATH": os.pathsep.join([os.environ["PATH"], str(UV.parent)])}  # tests look for uv there
    with subprocess.Popen(command, cwd=REPO, env=variables, stdout=subprocess.PIPE, text=True) as tests:
        for line in tests.stdout or ():
            print(line, end="", flush=True)
            if found := re.search(r"\d+ (?:passed|failed|error).* in [\d.]+s", line):
                summary = found[0]
    return tests.returncode == 0, summary


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--only", nargs=1, action="extend", choices=versions(), help="this version, and no other; may be repeated"
    )
    options, arguments = parser.parse_known_args()
    table = Table("Python", "", "tests", "seconds")
    is_well = True
    for version in options.only or versions():
        started = time.monotonic()
        if (python := find(version)) is None:
            passed, summary = False, "not found: put it on the PATH, or pyenv install it"
        else:
            inside = environment(version, python)
            version = said(str(inside), "-c", "import platform; print(platform.python_version())")
            print(f"--- Python {version}", flush=True)
            passed, summary = run_tests(inside, arguments)
        is_well &= passed
        mark = "[green]ok[/green]" if passed else "[red]failed[/red]"
        table.add_row(version, mark, summary, f"{time.monotonic() - started:.0f}")
    Console().print(table)
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
