"""Each page over the demo's store: it is there, it fits, it can be used by everybody, it says what the command line says."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core import words

from .conftest import CALLS, DESK, PHONE, WALL, environment, opened

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

PAGES = {
    "Overview": "", "Runs": "runs", "Models": "models", "Compare": "compare", "Health": "health",
    "What if": "what-if?instead=gpt-4o-mini&hit_rate=40",
}  # fmt: skip


def dearest(page: Page, demo: str) -> str:
    rows = page.request.get(f"{demo}api/v1/runs?sort=cost").json()["rows"]
    return f"runs/{rows[0]['run_id']}"


@pytest.fixture(params=[*PAGES, "a run"])
def path(request: pytest.FixtureRequest) -> Any:
    return lambda page, demo: PAGES[request.param] if request.param in PAGES else dearest(page, demo)


@pytest.mark.parametrize("name", PAGES)
def test_it_is_there(page: Page, demo: str, name: str) -> None:
    page.goto(demo)
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()

    assert page.get_by_role("heading", level=1).inner_text() == name
    assert page.title() == f"{name} · fastagentic"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, WALL])
def test_it_fits_and_can_be_used_by_everybody(chromium: Browser, demo: str, path: Any, width: int, scheme: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    with opened(chromium, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
        page.goto(demo + path(page, demo))
        for more in page.locator("details").all()[:3]:
            more.evaluate("one => { one.open = true; }")
        found = Axe().run(page).response["violations"]

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert [
            (one["id"], one["impact"], [node["html"][:200] for node in one["nodes"][:3]])
            for one in found
            if one["impact"] in {"serious", "critical"}
        ] == []


def test_its_tables_are_there_without_javascript(chromium: Browser, demo: str, path: Any) -> None:
    with opened(chromium, java_script_enabled=False) as page:
        page.goto(demo + path(page, demo))

        assert page.locator("tbody tr").count() >= 1
        assert page.locator("#live").is_hidden()
        assert page.locator("#theme").is_hidden()


class TestItsNumbers:
    @pytest.fixture
    def said(self, played: Path) -> Any:
        def ask(*arguments: str) -> Any:
            done = subprocess.run(
                [sys.executable, "-m", "fastagentic", *arguments, "--json"],
                env=environment(played), capture_output=True, text=True, check=True, timeout=60,
            )  # fmt: skip
            return json.loads(done.stdout)

        return ask

    @pytest.mark.parametrize("by", ["model", "provider", "user", "gateway", "endpoint", "tag"])
    def test_are_those_of_the_command_line_and_the_api(self, page: Page, demo: str, said: Any, by: str) -> None:
        ours = said("costs", "--by", by, "--since", "7d")
        theirs = page.request.get(f"{demo}api/v1/costs?by={by}").json()
        page.goto(f"{demo}?by={by}")
        shown = page.locator("#groups tbody tr").all()

        assert [{name: row["key" if name == by else name] for name in ours[0]} for row in theirs["rows"]] == ours
        assert theirs["total"]["calls"] == CALLS
        assert [
            (row.locator("th").inner_text(), row.locator("td").nth(0).inner_text(), row.locator("td").nth(4).inner_text())
            for row in shown
        ] == [(row[by] or "(none)", words.count(row["calls"]), words.part_known(row["cost"], row["unpriced"])) for row in ours]

    def test_of_runs_are_too(self, page: Page, demo: str, said: Any) -> None:
        ours = said("runs", "--since", "7d", "--sort", "cost")
        page.goto(f"{demo}runs?sort=cost")
        rows = page.locator("#runs tbody tr").all()

        assert [row.locator("td").nth(6).inner_text() for row in rows] == [
            words.part_known(run["cost"], run["unpriced"]) for run in ours
        ]
        for run in ours:
            page.goto(f"{demo}runs/{run['run_id']}")
            assert page.locator("#figures .figure").first.inner_text() == words.part_known(run["cost"], run["unpriced"])

    def test_stand_in_the_chart(self, page: Page, demo: str) -> None:
        page.goto(demo)
        drawn = page.locator("figure[data-chart] canvas")
        drawn.wait_for()
        cells = page.locator("figure tbody td").evaluate_all("cells => cells.map(cell => Number(cell.dataset.v))")

        assert drawn.count() == 1
        assert sum(cells) == pytest.approx(page.request.get(f"{demo}api/v1/overview").json()["total"]["cost"])


def test_it_is_wide_enough_for_all_of_its_columns(chromium: Browser, demo: str) -> None:
    with opened(chromium, viewport={"width": DESK, "height": 900}) as page:
        page.goto(demo)

        assert page.locator("#groups th:visible").filter(has_text="Cache hits").count() == 1


def test_the_least_important_columns_are_not_on_a_phone(chromium: Browser, demo: str) -> None:
    with opened(chromium, viewport={"width": PHONE, "height": 800}) as page:
        page.goto(demo)

        assert page.locator("#groups thead th:visible").all_inner_texts() == ["Model", "Calls", "Cost", "Share"]
