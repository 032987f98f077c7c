"""What may be installed: no release known as compromised, and from the lock nothing without a hash."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .places import REPO, toml

COMPROMISED = {
    # Releases known as compromised; pyproject.toml says the same beside the range.
    "litellm": ("1.82.7", "1.82.8", "1.107.0", "1.107.1", "1.107.9", "1.107.1.post1"),
}


def requirements(name: str) -> list[Requirement]:
    """Every line of pyproject.toml that asks for this package."""
    project = toml("pyproject.toml")
    extras = project["project"]["optional-dependencies"]
    lines = [*project["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]
    return [found for found in map(Requirement, lines) if canonicalize_name(found.name) == name]


def locked() -> list[dict[str, Any]]:
    packages: list[dict[str, Any]] = toml("uv.lock")["package"]
    return packages


@pytest.mark.parametrize(("name", "version"), [(name, version) for name in COMPROMISED for version in COMPROMISED[name]])
def test_a_compromised_release_can_not_be_installed(name: str, version: str) -> None:
    asked = requirements(name)

    assert asked
    assert not [str(found) for found in asked if found.specifier.contains(version, prereleases=True)]


@pytest.mark.parametrize("name", ["litellm", "portkey-ai", "langfuse"])
def test_a_client_is_not_asked_for_without_an_upper_end(name: str) -> None:
    """A new major release is a new wire and a new supply chain: a change here lets it in, after a look."""
    for found in requirements(name):
        assert not found.specifier.contains("999.0")


def test_the_lock_names_no_compromised_release() -> None:
    in_lock = {(package["name"], package.get("version")) for package in locked()}

    assert not in_lock & {(name, version) for name in COMPROMISED for version in COMPROMISED[name]}
    assert "litellm" in {name for name, _ in in_lock}


def test_everything_that_the_lock_installs_has_a_hash() -> None:
    for package in locked():
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else ())]
        assert all(file["hash"].startswith("sha256:") for file in files), package["name"]
        assert files or "editable" in package["source"], package["name"]


def test_the_lock_is_in_step_with_pyproject() -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is missing: run the tests by make test")

    done = subprocess.run([uv, "lock", "--check", "--no-cache"], cwd=REPO, capture_output=True, text=True, check=False)

    assert done.returncode == 0, f"run: make lock\n{done.stderr}"


def test_the_tool_that_installs_is_pinned_by_hash() -> None:
    lines = [line for line in (REPO / "scripts/uv-requirements.txt").read_text().splitlines() if not line.startswith("#")]

    assert lines[0].startswith("uv==")
    assert len(lines) > 1
    assert all(line.strip().startswith("--hash=sha256:") for line in lines[1:])
