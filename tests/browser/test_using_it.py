"""What people do with it: filter, zoom, sort, copy, price anew, switch colours, log in; by mouse, keyboard, and links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .conftest import dashboard, opened

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

TOKEN = "a-token-that-is-long-enough"


class TestFilters:
    def test_a_choice_is_an_address(self, page: Page, demo: str) -> None:
        page.goto(demo)
        page.locator("select[name=model]").select_option("gpt-4o")
        page.wait_for_url("**/?model=gpt-4o")

        assert page.locator("#groups tbody th").all_inner_texts() == ["gpt-4o"]
        page.reload()
        assert page.locator("select[name=model]").input_value() == "gpt-4o"

    def test_are_taken_off_one_by_one(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}runs?all=true&model=gpt-4o&outcome=error")
        page.get_by_role("link", name="outcome: error").click()
        page.wait_for_url("**/runs?model=gpt-4o&all=true")

        assert page.get_by_role("link", name="outcome: error").count() == 0

    def test_a_search_finds_runs(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}runs")
        page.get_by_label("Search names and ids").fill("nightly")
        page.keyboard.press("Enter")
        page.wait_for_url("**/runs?search=nightly")

        assert page.locator("#runs tbody th").count() == 1

    def test_an_exact_time_holds(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}runs")
        page.get_by_text("More filters").click()
        page.get_by_label("From, UTC").fill("2020-01-01T00:00")
        page.get_by_label("To, UTC").fill("2020-01-02T00:00")
        page.get_by_role("button", name="Filter").click()
        page.wait_for_url("**/runs?from=2020-01-01T00%3A00&to=2020-01-02T00%3A00")

        assert "No runs from 2020-01-01 00:00 UTC to 2020-01-02 00:00 UTC" in page.locator("#runs").inner_text()

    def test_stay_when_one_goes_to_another_page(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}?since=24h&user=u-ana")
        page.get_by_role("link", name="Models").click()
        page.wait_for_url("**/models?since=24h&user=u-ana")

    def test_dragging_over_the_chart_goes_to_that_time(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}?since=24h")
        over = page.locator(".u-over")
        box = over.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 50, steps=5)
        page.mouse.up()
        page.wait_for_url(re.compile(r"from=.*&to=.*"))

        assert page.get_by_role("heading", level=1).inner_text() == "Overview"

    def test_the_chart_tells_its_figures(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}?since=1h")
        page.locator(".u-over").wait_for()
        box = page.locator(".u-over").bounding_box()
        assert box is not None
        tip = page.locator(".tip")
        for part in range(100, 0, -1):
            page.mouse.move(box["x"] + box["width"] * part / 101, box["y"] + 60)
            if "$" in tip.inner_text():
                break

        assert "gpt-4o" in tip.inner_text()


class TestTables:
    def test_are_sorted_by_their_heads(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}runs")
        page.get_by_role("link", name="Cost").click()
        page.wait_for_url("**/runs?sort=cost")
        dearest = page.locator("#runs tbody th").all_inner_texts()
        page.get_by_role("link", name="Cost").click()
        page.wait_for_url("**/runs?sort=cost&order=asc")

        assert page.locator("#runs tbody th").all_inner_texts() == dearest[::-1]
        assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"

    def test_go_on_page_by_page(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}runs?limit=1&sort=calls")
        first = page.locator("#runs tbody th").inner_text()
        page.get_by_role("link", name="Next").click()
        page.wait_for_url("**page=2**")

        assert page.locator("#runs tbody th").inner_text() != first
        assert "Page 2 of 3" in page.locator(".pager").inner_text()

    def test_are_taken_along_as_csv(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}?by=user")
        with page.expect_download() as download:
            page.locator("#groups").get_by_role("link", name="CSV").click()

        text = download.value.path().read_text()
        assert download.value.suggested_filename == "costs.csv"
        assert "u-ana" in text


class TestARun:
    def test_opens_a_span_and_has_its_facts(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}runs?sort=cost")
        page.locator("#runs tbody a").first.click()
        page.wait_for_url("**/runs/*")
        span = page.locator("details.span").filter(has_text="chat gpt-4o").first
        span.locator("summary").click()

        assert "gen_ai.request.model" in span.inner_text()

    def test_gives_its_id_to_the_clipboard(self, chromium: Browser, demo: str) -> None:
        with opened(chromium, permissions=["clipboard-read", "clipboard-write"]) as page:
            page.goto(f"{demo}runs")
            page.locator("#runs tbody a").first.click()
            page.wait_for_url("**/runs/*")
            page.get_by_role("button", name="Copy the id").click()
            page.get_by_text("Copied", exact=True).wait_for()

            assert page.evaluate("navigator.clipboard.readText()") == page.locator("#run-id").inner_text() == page.url[-32:]


def test_calls_are_priced_anew(page: Page, demo: str) -> None:
    page.goto(f"{demo}what-if")
    recorded = page.locator(".card .figure").nth(0).inner_text()
    page.get_by_label("All of them by another model").fill("gpt-4o")
    page.get_by_label("Cache hits, percent").fill("0")
    page.get_by_role("button", name="Price them").click()
    page.wait_for_url("**/what-if?instead=gpt-4o&hit_rate=0")

    assert page.locator(".card .figure").nth(0).inner_text() == recorded
    assert page.locator(".card .figure").nth(2).inner_text().startswith("+$")


def test_two_models_are_compared(page: Page, demo: str) -> None:
    page.goto(f"{demo}compare")
    page.locator("select[name=model]").select_option("gpt-4o-mini")
    page.get_by_label("Against model").select_option("gpt-4o")
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_url("**/compare?model=gpt-4o-mini&other_model=gpt-4o")

    assert page.locator("#sides thead th").all_inner_texts()[1:] == ["gpt-4o-mini", "gpt-4o", "Change"]
    assert "more" in page.locator("#effects-title").inner_text()


class TestColours:
    GROUND = "getComputedStyle(document.body).backgroundColor"

    def test_are_the_systems(self, chromium: Browser, demo: str) -> None:
        grounds = {}
        for scheme in ("light", "dark"):
            with opened(chromium, color_scheme=scheme) as page:
                page.goto(demo)
                grounds[scheme] = page.evaluate(self.GROUND)

        assert grounds["light"] != grounds["dark"]

    def test_are_switched_and_stay_so(self, page: Page, demo: str) -> None:
        page.goto(demo)
        light = page.evaluate(self.GROUND)
        switch = page.locator("#theme")
        switch.click()
        assert (switch.get_attribute("aria-label"), page.evaluate(self.GROUND)) == ("Colours: light", light)
        switch.click()
        dark = page.evaluate(self.GROUND)
        assert (switch.get_attribute("aria-label"), dark == light) == ("Colours: dark", False)
        page.goto(f"{demo}models")
        assert page.evaluate(self.GROUND) == dark
        page.locator("#theme").click()
        assert page.evaluate(self.GROUND) == light


class TestTheKeyboard:
    def test_reaches_the_content_first(self, page: Page, demo: str) -> None:
        page.goto(demo)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"

    def test_goes_through_a_run(self, page: Page, demo: str) -> None:
        page.goto(f"{demo}runs")
        page.locator("#runs tbody a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/runs/*")
        page.locator("details.span summary").nth(1).focus()
        page.keyboard.press("Enter")

        assert page.locator("details.span").nth(1).get_attribute("open") is not None

    def test_sees_where_it_is(self, page: Page, demo: str) -> None:
        page.goto(demo)
        for _ in range(4):
            page.keyboard.press("Tab")

        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


class TestWhoMayLook:
    def test_a_person_logs_in_and_comes_to_where_they_wanted(self, chromium: Browser, played: Path) -> None:
        with dashboard(played, "--token", TOKEN) as address, opened(chromium) as page:
            page.goto(f"{address}runs?sort=cost")
            assert page.get_by_role("heading", level=1).inner_text() == "This dashboard asks for its token"
            page.get_by_label("Token").fill(TOKEN)
            page.get_by_role("button", name="Log in").click()
            page.wait_for_url("**/runs?sort=cost")

            assert page.locator("#runs tbody tr").count() == 3
            assert page.evaluate("document.cookie") == ""
            assert TOKEN not in page.content()

    def test_a_name_that_is_made_to_point_here_is_refused(self, chromium: Browser, demo: str) -> None:
        page = chromium.new_page()
        answer = page.goto(demo.replace("127.0.0.1", "evil.example"))

        assert answer is not None
        assert answer.status == 400
        assert "does not answer to the host" in page.content()
        page.close()

    @pytest.mark.parametrize("path", ["api/v1/overview", "runs", "live"])
    def test_a_page_elsewhere_reads_nothing(self, chromium: Browser, demo: str, path: str) -> None:
        page = chromium.new_page()
        page.goto("data:text/html,<title>elsewhere</title>")
        read = page.evaluate("url => fetch(url).then(answer => answer.text(), () => 'refused')", demo + path)

        assert read == "refused"
        page.close()
