"""The documentation as a site: whole, strict, and nothing in it is fetched from elsewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

import fastagentic
from tests.project.places import DOCS, REPO

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.docs

FETCHED = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src", "audio": "src", "video": "src"}
"""Elements that make a browser ask for something by itself, and the attribute that says what. A plain link does not."""
NOT_ASKED = {"canonical", "next", "prev"}


class Fetches(HTMLParser):
    """What a browser fetches when it opens a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in FETCHED and values.get("rel") not in NOT_ASKED:
            self.found.append(values.get(FETCHED[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built with every warning an error."""
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is missing: `make docs` installs it")
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=REPO, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    return folder


def test_every_page_is_a_page_of_the_site(site: Path) -> None:
    missing = [page for page in DOCS.rglob("*.md") if not (site / page.relative_to(DOCS).with_suffix(".html")).exists()]

    assert missing == []


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    asked = {}
    for page in site.rglob("*.html"):
        parser = Fetches()
        parser.feed(page.read_text())
        asked[page.name] = [url for url in parser.found if re.match(r"(https?:)?//", url)]

    assert not {page: urls for page, urls in asked.items() if urls}


def test_no_style_fetches_anything_from_elsewhere(site: Path) -> None:
    styles = "\n".join(path.read_text() for path in site.rglob("*.css"))

    assert not re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]+", styles)


def test_every_public_name_has_its_docstring_in_the_reference(site: Path) -> None:
    reference = (site / "reference/api.html").read_text()

    assert not [name for name in fastagentic.__all__ if name[0] != "_" and f'id="fastagentic.{name}"' not in reference]
