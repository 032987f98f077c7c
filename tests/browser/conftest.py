"""The dashboard in the system's Chromium, over the demo's store: `fastagentic dashboard` in a process of its own.

A page that asks for anything outside the dashboard, or whose console says an error, fails its test.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.demo import play_demo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP evil.example 127.0.0.1",
)  # fmt: skip
CALLS = 300
PHONE, DESK, WALL = 380, 1280, 1920


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="package")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a store that the demo filled."""
    home = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, str(play_demo.__file__), str(home / "played.json"), str(CALLS), "stand-in"],
        env=environment(home), capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="package")
def demo(played: Path) -> Iterator[str]:
    """The address of a dashboard over it, which nobody writes to."""
    with dashboard(played) as address:
        yield address


@pytest.fixture
def home(played: Path, tmp_path: Path) -> Path:
    """A copy of it for one test to write to."""
    shutil.copy(played / "store.db", tmp_path / "store.db")
    return tmp_path


def environment(home: Path) -> dict[str, str]:
    return os.environ | {"FASTAGENTIC_HOME": str(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True", "TZ": "UTC"}


@contextmanager
def dashboard(home: Path, *options: str) -> Iterator[str]:
    """`fastagentic dashboard`, as people start it; gives the address that it prints."""
    program = [sys.executable, "-m", "fastagentic", "dashboard", "--port", "0", "--no-open", *options]
    with subprocess.Popen(program, env=environment(home), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = process.stderr.readline()
            found = re.search(r"http://\S+", line)
            assert found is not None, line + process.stderr.read()
            yield found[0]
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("Chromium is missing")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def opened(chromium: Browser, **options: Any) -> Iterator[Page]:
    """A page in a profile of its own, watched."""
    context: BrowserContext = chromium.new_context(**{"viewport": {"width": DESK, "height": 900}, **options})
    page = context.new_page()
    page.set_default_timeout(15_000)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    yield page
    home = page.url.split("/")[2] if page.url.count("/") > 2 else ""
    context.close()
    assert [url for url in asked if url.split("/")[2] != home and not url.startswith("blob:")] == []
    assert said == []


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    with opened(chromium) as page:
        yield page
