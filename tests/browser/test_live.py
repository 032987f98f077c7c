"""An open page while programs run: calls appear without a reload, and nothing of theirs runs in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.dashboard.test_hostile import SCRIPT
from tests.store.build import priced, run, store

from .conftest import dashboard, opened

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

FOREVER = "window.stayed = true"
STAYED = "window.stayed === true"


def test_new_calls_appear_without_a_reload(chromium: Browser, home: Path) -> None:
    with dashboard(home) as address, opened(chromium) as page:
        page.goto(address)
        page.evaluate(FOREVER)
        store(home / "store.db", [priced(5.0, model="brand-new", tokens_in=10, tokens_out=1)])
        page.locator("#groups tbody th").filter(has_text="brand-new").wait_for()

        assert "301 calls" in page.locator("#figures").inner_text()
        assert "brand-new" in page.locator(".legend").inner_text()
        assert page.locator("figure canvas").count() == 1
        assert page.evaluate(STAYED)


def test_a_new_run_appears_on_top(chromium: Browser, home: Path) -> None:
    with dashboard(home) as address, opened(chromium) as page:
        page.goto(f"{address}runs")
        page.evaluate(FOREVER)
        for number in range(3):
            store(home / "store.db", [run(f"run-{number}", run_id=f"{number + 1:032x}")])
            page.locator("#runs tbody tr").first.filter(has_text=f"run-{number}").wait_for()

        assert page.locator("#runs tbody tr").count() == 6
        assert page.evaluate(STAYED)


def test_a_page_that_is_held_stays_and_then_catches_up(chromium: Browser, home: Path) -> None:
    with dashboard(home) as address, opened(chromium) as page:
        page.goto(f"{address}runs")
        page.locator("#live").click()
        with page.expect_event("console", lambda message: "heard" in message.text):
            page.evaluate("new EventSource(document.body.dataset.live).addEventListener('changed', () => console.log('heard'))")
        with page.expect_event("console", lambda message: "heard" in message.text):
            store(home / "store.db", [run("held-back", run_id="1" * 32)])
        assert page.locator("#runs tbody tr").count() == 3
        assert page.locator("#live").get_attribute("aria-pressed") == "false"
        page.locator("#live").click()
        page.locator("#runs tbody tr").filter(has_text="held-back").wait_for()


def test_what_is_open_and_focused_stays_so(chromium: Browser, home: Path) -> None:
    with dashboard(home) as address, opened(chromium) as page:
        page.goto(address)
        page.locator("#chart-table summary").click()
        page.locator("#by-user").focus()
        store(home / "store.db", [priced(5.0, model="brand-new")])
        page.locator("#groups tbody th").filter(has_text="brand-new").wait_for()

        assert page.locator("#chart-table").get_attribute("open") is not None
        assert page.evaluate("document.activeElement.id") == "by-user"


def test_a_page_without_a_store_comes_alive_with_the_first_call(chromium: Browser, tmp_path: Path) -> None:
    with dashboard(tmp_path) as address:
        page = chromium.new_page()
        page.goto(address)
        assert page.get_by_role("heading", level=1).inner_text() == "No calls yet"
        page.evaluate(FOREVER)
        store(tmp_path / "store.db", [priced(0.25, model="gpt-4o")])
        page.locator("#groups tbody th").filter(has_text="gpt-4o").wait_for()

        assert page.get_by_role("heading", level=1).inner_text() == "Overview"
        assert page.evaluate(STAYED)
        page.close()


def test_nothing_that_is_stored_runs(chromium: Browser, home: Path) -> None:
    image = "<img src=x onerror=\"document.title='taken over'\">"
    attacked = run(SCRIPT, run_id="6" * 32, user=image)
    call = priced(0.1, model=image, user=SCRIPT, run_id="6" * 32, parent=attacked.span_id)
    call.attributes["gen_ai.input.messages"] = f'[{{"role": "user", "parts": [{{"content": "{SCRIPT}"}}]}}]'  # type: ignore[index]
    with dashboard(home) as address, opened(chromium) as page:
        page.goto(address)
        store(home / "store.db", [attacked, call])
        page.locator("#groups tbody th").filter(has_text="onerror").wait_for()
        for path in ("", "?by=user", "runs", f"runs/{'6' * 32}", "models", "what-if"):
            page.goto(address + path)
            page.locator("main").wait_for()
            assert page.title() != "taken over"
            assert page.locator("main img").count() == 0
        page.goto(f"{address}runs/{'6' * 32}")
        page.locator("details.span").nth(1).locator("summary").click()
        assert page.locator("pre.content").first.inner_text() == SCRIPT


def test_when_the_dashboard_ends_the_page_says_so(chromium: Browser, home: Path) -> None:
    page = chromium.new_page()
    with dashboard(home) as address:
        page.goto(address)
        page.locator("#live[data-state=on]").wait_for()
    page.locator("#live[data-state=off]").wait_for()

    assert page.locator("#live .word").inner_text() in {"Reconnecting", "Not live"}
    page.close()
