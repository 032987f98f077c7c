"""The import contracts hold, and each is seen to break on an import planted in a scratch copy."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from .places import REPO, SRC, toml

if TYPE_CHECKING:
    from pathlib import Path

LAYERS = "imports point down, and no room appears unseen"
APART = "a call knows nothing of where its telemetry goes"
HANDED = "an observed client is handed to us by its import hook, never imported"
FRONT_DOOR = "no room imports the front door"


@dataclass(frozen=True)
class Plant:
    """An import that must not be: in which file, what it says, which contract it breaks."""

    why: str
    path: str
    line: str
    breaks: str


PLANTS = (
    Plant("core looks up", "core/ids.py", "import fastagentic.store", LAYERS),
    Plant("a room looks sideways", "gateways/__init__.py", "import fastagentic.pricing", LAYERS),
    Plant("a room nobody has placed", "attic/__init__.py", "import fastagentic.core", LAYERS),
    Plant("a call writes to the store", "pricing/__init__.py", "import fastagentic.store", APART),
    Plant("a call knows an exporter", "observe/__init__.py", "import fastagentic.export", APART),
    Plant("litellm is imported", "clients/__init__.py", "import litellm", HANDED),
    Plant("the web stack is imported", "core/ids.py", "import fastapi", HANDED),
    Plant("a room uses the public names", "store/__init__.py", "import fastagentic", FRONT_DOOR),
)


def verdicts(folder: Path) -> dict[str, str]:
    """Contract -> KEPT or BROKEN, for the package in `folder/src`."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = dict(re.findall(r"^(.+?)\s+(KEPT|BROKEN)\b", done.stdout, re.MULTILINE))
    assert found, done.stdout + done.stderr
    return found


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of the package and of pyproject.toml."""
    shutil.copytree(SRC, tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(REPO / "pyproject.toml", tmp_path)
    return tmp_path


def contracts() -> list[str]:
    return [contract["name"] for contract in toml("pyproject.toml")["tool"]["importlinter"]["contracts"]]


def test_every_contract_holds(scratch: Path) -> None:
    assert verdicts(scratch) == dict.fromkeys(contracts(), "KEPT")


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.why)
def test_a_planted_import_breaks_its_contract(scratch: Path, plant: Plant) -> None:
    path = scratch / "src/fastagentic" / plant.path
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write(f"\n{plant.line}\n")

    assert verdicts(scratch)[plant.breaks] == "BROKEN"


def test_every_contract_has_an_import_that_breaks_it() -> None:
    assert {plant.breaks for plant in PLANTS} == set(contracts())
