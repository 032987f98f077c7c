"""The pages of the documentation, and what is written in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.project.places import DOCS, REPO

if TYPE_CHECKING:
    from pathlib import Path

README = REPO / "README.md"
PAGES = [README, *sorted(DOCS.rglob("*.md"))]
ELSEWHERE = {
    DOCS / "recipes/langchain.md": "langchain",
    DOCS / "recipes/dspy.md": "dspy",
    DOCS / "recipes/celery.md": "celery",
    DOCS / "coming-from/openinference.md": "coexistence",
    DOCS / "coming-from/openllmetry.md": "coexistence",
    DOCS / "coming-from/litellm-callbacks.md": "litellm-alone",
    DOCS / "coming-from/fastagentic-1.md": "published",
}
"""Pages whose blocks need packages that the project's own environment lacks: `test_blocks_elsewhere.py` runs them in others."""


TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
"""Pages whose blocks are steps, which `test_tutorials.py` follows."""


def named(page: Path) -> str:
    return page.relative_to(REPO).as_posix()


def code_spans(page: Path) -> set[str]:
    """Everything between single backticks, and every line of a fenced block."""
    text = page.read_text()
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return {*inline, *(line for block in fenced for line in block.splitlines())}


def commands(page: Path) -> list[str]:
    """The `fastagentic ...` lines of the page's console blocks, without the prompt."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ fastagentic")]
