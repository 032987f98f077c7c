"""Where the project's own files are, for the tests that read them."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
SRC = REPO / "src"
PACKAGE = SRC / "fastagentic"
DOCS = REPO / "docs"
DATA = Path(__file__).with_name("data")


def toml(name: str) -> dict[str, Any]:
    """A TOML file at the top of the repository, parsed."""
    return tomllib.loads((REPO / name).read_text())
