"""The two commands on other machines: an old Python, no venv module, spaces in the path, a killed install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .places import REPO

if TYPE_CHECKING:
    from pathlib import Path

NEEDED = (
    "Makefile", "pyproject.toml", "uv.lock", "README.md", "LICENSE",
    "scripts/environment.sh", "scripts/uv-requirements.txt", "src/fastagentic",
)  # fmt: skip

OLD = '#!/bin/sh\ncat >/dev/null; echo "old 3.9"\n'
WITHOUT_VENV = '#!/bin/sh\ncat >/dev/null; echo "no-venv 3.12"\n'
SHIM_OF_NOTHING = "#!/bin/sh\necho 'pyenv: command not found' >&2; exit 127\n"


def sh(*command: str, cwd: Path = REPO, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(command, cwd=cwd, env={**environment, **variables}, capture_output=True, text=True, check=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A PATH with the shell's tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("sh", "dirname", "cat"):
        (folder / tool).symlink_to(shutil.which(tool) or "")
    return folder


def put(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(script)
    (folder / name).chmod(0o755)


def test_make_alone_prints_the_targets() -> None:
    done = sh("make")

    targets = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("  make ")}
    assert targets == {
        "help",
        "demo",
        "test",
        "test-slow",
        "test-all",
        "matrix",
        "operators",
        "operators-slow",
        "collector",
        "dashboards",
        "pictures",
        "browser",
        "docs",
        "lint",
        "format",
        "bench",
        "faults",
        "lockstep",
        "peers",
        "release-check",
        "example",
        "lock",
        "clean",
    }


def test_without_the_venv_module_the_package_to_install_is_named(path: Path) -> None:
    put(path, "python3", WITHOUT_VENV)

    done = sh("sh", "scripts/environment.sh", "python", PATH=str(path))

    assert done.returncode == 1
    assert "sudo apt install python3-venv" in done.stderr


def test_a_second_python_without_venv_is_named_by_its_own_package(path: Path) -> None:
    put(path, "python3", OLD)
    put(path, "python3.12", WITHOUT_VENV)

    done = sh("sh", "scripts/environment.sh", "python", PATH=str(path))

    assert "sudo apt install python3.12-venv" in done.stderr


def test_a_python_that_is_too_old_is_named_with_what_is_needed(path: Path) -> None:
    put(path, "python3", OLD)

    done = sh("sh", "scripts/environment.sh", "python", PATH=str(path))

    assert done.returncode == 1
    assert "needs Python 3.11 or newer; python3 is 3.9" in done.stderr


def test_without_any_python_it_says_what_to_install(path: Path) -> None:
    done = sh("sh", "scripts/environment.sh", "python", PATH=str(path))

    assert done.returncode == 1
    assert done.stderr.startswith("No Python found.")


def test_a_newer_python_beside_an_old_one_is_taken(path: Path) -> None:
    put(path, "python3", OLD)
    put(path, "python3.13", SHIM_OF_NOTHING)
    put(path, "python3.12", f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')

    done = sh("sh", "scripts/environment.sh", "python", PATH=str(path))

    assert done.stdout == "python3.12\n", done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What `make` needs of this repository, under a path with spaces."""
    folder = tmp_path / "a path with spaces" / "fastagentic"
    for name in NEEDED:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        source = REPO / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


@pytest.mark.slow
def test_an_environment_is_made_once_and_again_when_it_is_broken(checkout: Path) -> None:
    first = sh("make", "lock", "ARGS=--check", cwd=checkout)
    assert first.returncode == 0, first.stderr
    assert sh(".venv/bin/fastagentic", "--help", cwd=checkout).returncode == 0

    again = sh("make", "lock", "ARGS=--check", cwd=checkout)
    assert "Installing" not in again.stderr

    (checkout / "uv.lock").touch()
    refreshed = sh("make", "lock", "ARGS=--check", cwd=checkout)
    assert "Installing" in refreshed.stderr
    assert "Making" not in refreshed.stderr

    for stamp in (checkout / ".venv").glob(".installed-*"):
        stamp.rename(checkout / ".venv/.unfinished")  # as a killed install leaves it
    healed = sh("make", "lock", "ARGS=--check", cwd=checkout)
    assert "Making .venv" in healed.stderr
    assert healed.returncode == 0, healed.stderr

    moved = checkout.rename(checkout.with_name("moved"))
    there = sh("make", "lock", "ARGS=--check", cwd=moved)
    assert "Making .venv" in there.stderr
    assert sh(".venv/bin/fastagentic", "--help", cwd=moved).returncode == 0


@pytest.mark.slow
def test_settings_for_other_projects_do_not_lead_the_install_astray(checkout: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    elsewhere = tmp_path / "elsewhere"

    done = sh(
        "make", "lock", "ARGS=--check --no-cache", cwd=checkout,
        HOME=str(home), XDG_CACHE_HOME=str(home / "cache"), PIP_USER="1", PIP_REQUIRE_VIRTUALENV="1",
        PIP_TARGET=str(elsewhere), VIRTUAL_ENV=str(elsewhere), UV_PROJECT_ENVIRONMENT=str(elsewhere),
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert not elsewhere.exists()
    assert sh(".venv/bin/fastagentic", "--help", cwd=checkout).returncode == 0
