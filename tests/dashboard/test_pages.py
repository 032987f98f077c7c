"""The pages over stores as people have them: what is shown, what an empty one says, and where links lead."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.dashboard.links import links
from fastagentic.store.location import store_path
from fastagentic.store.migrations import SCHEMA_VERSION
from fastagentic.store.prune import prune
from fastagentic.store.reader import open_to_write
from tests.store.build import RUN_ID, call, priced, run, store, writer

from .asking import get
from .markup import Node, read

if TYPE_CHECKING:
    from pathlib import Path

PAGES = ("/", "/runs", "/models", "/compare", "/what-if", "/health")


def page(path: str, status: int = 200) -> Node:
    answer = get(path)
    assert answer.status_code == status, answer.text[:2_000]
    return read(answer.text)


@pytest.mark.parametrize("path", PAGES)
class TestEveryPage:
    @pytest.mark.usefixtures("filled")
    def test_names_itself_and_is_the_one_that_is_marked(self, path: str) -> None:
        found = page(path)
        (here,) = [link for link in next(found.all("nav")).all("a") if link.attributes.get("aria-current") == "page"]

        assert next(found.all("h1")).text == here.text == next(found.all("title")).text.partition(" ·")[0]

    @pytest.mark.usefixtures("filled")
    def test_asks_for_nothing_from_elsewhere(self, path: str) -> None:
        nodes = list(page(path).every())
        asked = [
            node.attributes.get(name) for node in nodes for name in ("src", "href") if node.tag in {"script", "link", "img"}
        ]

        assert [where for where in asked if where and not where.startswith("/static/")] == []

    @pytest.mark.usefixtures("filled")
    def test_has_each_id_once(self, path: str) -> None:
        ids = [node.attributes["id"] for node in page(path).every() if "id" in node.attributes]

        assert len(ids) == len(set(ids))

    def test_without_a_store_says_how_one_is_made(self, path: str) -> None:
        found = page(path, 503)

        assert "fastagentic.instrument()" in found.text
        assert "fastagentic demo" in found.text
        assert str(store_path()) in found.text

    def test_of_a_damaged_store_says_how_it_is_mended(self, path: str, own_environment: Path) -> None:
        own_environment.mkdir()
        store_path().write_bytes(b"this is no database, and long enough not to be taken for an empty one" * 20)

        assert "Move the file away" in page(path, 503).text

    def test_of_a_store_of_a_newer_version_says_what_is_needed(self, path: str, filled: Path) -> None:
        with closing(sqlite3.connect(filled)) as connection:
            connection.execute("PRAGMA user_version = 999")

        assert "pip install --upgrade fastagentic" in page(path, 503).text

    def test_of_a_store_without_calls_is_there(self, path: str, own_environment: Path) -> None:
        store(store_path(), [priced(0.1)])
        with open_to_write(store_path()) as connection:
            prune(connection, 2**62)

        page(path)


@pytest.mark.usefixtures("filled")
class TestLinks:
    @pytest.mark.parametrize(
        "path",
        [
            *PAGES,
            f"/runs/{RUN_ID}",
            "/?by=user&show=calls",
            "/?by=day",
            "/?by=run",
            "/?by=outcome",
            "/runs?all=true&user=u-1&since=24h",
        ],
    )
    def test_all_lead_somewhere(self, path: str) -> None:
        hrefs = {str(link.attributes["href"]) for link in page(path).all("a")}

        for href in {href.partition("#")[0] for href in hrefs if href.startswith("/")}:
            assert get(href).status_code == 200, href

    def test_keep_time_and_filters_between_pages(self) -> None:
        found = page("/runs?since=24h&user=u-1")
        (models,) = [link for link in next(found.all("nav")).all("a") if link.text == "Models"]

        assert models.attributes["href"] == "/models?since=24h&user=u-1"

    def test_take_a_filter_off(self) -> None:
        (chips,) = [
            node for node in page("/runs?since=24h&user=u-1&tag=batch").every() if node.attributes.get("class") == "chips"
        ]

        assert [link.attributes["href"] for link in chips.all("a")] == [
            "/runs?since=24h&tag=batch", "/runs?since=24h&user=u-1", "/runs?since=24h",
        ]  # fmt: skip

    def test_sort_and_turn_round(self) -> None:
        found = page("/runs?sort=cost")

        assert found.part("sort-cost").attributes["href"] == "/runs?sort=cost&order=asc"
        assert found.part("sort-started").attributes["href"] == "/runs"


@pytest.mark.usefixtures("filled")
class TestARun:
    def test_has_a_bar_for_each_span(self) -> None:
        found = page("/runs/order-42")
        spans = list(next(found.part("spans").all("ol")).all("summary"))

        assert len(spans) == 6
        assert [span.text.split()[0] for span in spans].count("attempt") == 1
        assert any("config.targets[1]" in span.text and "2 retries" in span.text and "fallback" in span.text for span in spans)
        assert any("RateLimitError" in span.text for span in spans)
        assert any("cache hit" in span.text and "saved $0.25" in span.text for span in spans)

    def test_bars_lie_inside_the_time_of_the_run(self) -> None:
        bars = [rect for rect in page("/runs/order-42").part("spans").all("rect") if rect.attributes["class"] != "track"]

        for bar in bars:
            left, width = (float(str(bar.attributes[name]).rstrip("%")) for name in ("x", "width"))
            assert 0 <= left <= 100
            assert width > 0
            assert left + width <= 100.001

    def test_has_its_id_to_be_copied(self) -> None:
        assert RUN_ID in [button.attributes.get("data-copy") for button in page("/runs/order-42").all("button")]

    def test_that_is_none_says_which_there_are(self) -> None:
        assert "order-42" in page("/runs/nothing-like-it", 404).text

    def test_of_calls_outside_any_is_shown(self) -> None:
        assert next(page("/runs/" + "ef" * 16).all("h1")).text == "Calls outside a run"


class TestElsewhere:
    TRACE = "ab" * 16

    def test_is_nowhere_unless_it_is_said(self) -> None:
        assert links(self.TRACE) == []

    def test_is_langfuse_by_its_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
        monkeypatch.setenv("LANGFUSE_BASE_URL", "http://localhost:3000/")

        assert links(self.TRACE) == [("Langfuse", f"http://localhost:3000/trace/{self.TRACE}")]

    def test_is_any_place_by_its_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FASTAGENTIC_TRACE_URL", "http://jaeger:16686/trace/{trace_id}")

        assert links(self.TRACE) == [("Traces", f"http://jaeger:16686/trace/{self.TRACE}")]

    def test_is_grafana_by_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FASTAGENTIC_TRACE_URL", "http://localhost:3000")
        (link,) = links(self.TRACE)

        assert link.url.startswith("http://localhost:3000/explore?schemaVersion=1&panes=%7B")
        assert self.TRACE in link.url

    def test_is_no_script(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FASTAGENTIC_TRACE_URL", "javascript:alert('{trace_id}')")

        assert links(self.TRACE) == []

    @pytest.mark.usefixtures("filled")
    def test_stands_on_the_page_of_a_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LANGFUSE_PUBLIC_KEY", "pk-lf-1")
        (link,) = [link for link in page("/runs/order-42").all("a") if "Langfuse" in link.text]

        assert link.attributes["href"] == f"https://cloud.langfuse.com/trace/{RUN_ID}"
        assert link.attributes["rel"] == "noopener noreferrer"


class TestWhileOthersWrite:
    @pytest.mark.slow
    def test_a_page_is_of_one_moment(self, own_environment: Path) -> None:
        """Rows and sums of a page agree, however fast calls come in."""
        store(store_path(), [priced(1.0)])
        writing = writer(store_path())
        stop = threading.Event()

        def write() -> None:
            while not stop.is_set():
                for _ in range(50):
                    writing.put(priced(1.0, model=f"model-{threading.get_ident() % 3}"))
                stop.wait(0.001)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            seen = set()
            while len(seen) < 5:
                found = page("/")
                foot = next(next(found.part("groups").all("tfoot")).all("td")).text
                assert sum(int(row[1].replace(",", "")) for row in found.part("groups").rows()) == int(foot.replace(",", ""))
                assert found.cards()["Spend in the last 7d"][1].split()[0] == foot
                seen.add(foot)
        finally:
            stop.set()
            thread.join()
            assert writing.close(20)

    @pytest.mark.slow
    def test_a_page_is_whole_while_the_store_is_pruned(self, own_environment: Path) -> None:
        made = [priced(1.0, ago_h=at) for at in range(1, 200) for _ in range(20)]
        store(store_path(), [*made, run("kept")])
        stop = threading.Event()
        left: list[Any] = []

        def look() -> None:
            while not stop.is_set():
                left.append(page("/?since=all").cards()["Spend at all"][1])

        thread = threading.Thread(target=look)
        thread.start()
        with open_to_write(store_path()) as connection:
            prune(connection, 2**62)
        stop.set()
        thread.join()

        assert left
        assert page("/?since=all").cards()["Spend at all"][1] == "0 calls"

    def test_a_store_of_an_older_version_is_brought_up_to_date(self, own_environment: Path) -> None:
        from fastagentic.store.migrations import m0001_first_tables

        own_environment.mkdir()
        with closing(sqlite3.connect(store_path())) as connection, connection:
            m0001_first_tables.first_tables(connection)
            connection.execute("PRAGMA user_version = 1")

        assert page("/").cards()["Today"][1] == "0 calls"
        with closing(sqlite3.connect(store_path())) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)

    def test_a_store_that_was_moved_away_and_made_anew_is_the_new_one(self, filled: Path) -> None:
        assert page("/").cards()["Spend in the last 7d"][1].startswith("6 calls")
        shutil.move(filled, filled.with_suffix(".old"))
        for beside in ("-wal", "-shm"):
            filled.with_name(filled.name + beside).unlink(missing_ok=True)
        page("/", 503)
        store(filled, [call()])

        assert page("/").cards()["Spend in the last 7d"][1].startswith("1 call")
