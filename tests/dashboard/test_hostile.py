"""Whatever lies in the store is shown as text and breaks nothing: it comes from users, models, and other writers."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.store.location import store_path
from tests.store.build import call, priced, run, store

from .asking import get
from .conftest import copied
from .markup import read

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "<script>alert(1)</script>"
ATTRIBUTE = "\" onmouseover=alert(1) x='"
TEMPLATE = "{{ 7 * 7 }}{% raw %}"
RIGHT_TO_LEFT = "\u202egnp.exe"
NUL = "a\x00b"
NAMES = (
    SCRIPT,
    ATTRIBUTE,
    TEMPLATE,
    RIGHT_TO_LEFT,
    NUL,
    "\ud800",
    "%s%n",
    "../../etc/passwd",
    "\U0001d54f" * 50,
    "a b/c?d#e&f=g",
)
HOSTILE_RUN = "5c" * 16
PAGES = ("/", "/?by=user", "/?by=tag", "/?show=calls&by=endpoint", "/runs", "/runs?all=true", f"/runs/{HOSTILE_RUN}", "/models",
         "/compare", "/what-if", "/health")  # fmt: skip
ANSWERS = (
    "overview", "costs?by=user", "series", "runs?all=true", "calls", f"runs/{HOSTILE_RUN}", "models", "compare",
    "what-if", "health", "calls.csv", "runs.csv", "costs.csv?by=tag",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Through the writer, as a program under attack would write it."""
    root = run(SCRIPT, run_id=HOSTILE_RUN, external_id=ATTRIBUTE, user=SCRIPT, session=TEMPLATE, tags=NAMES)
    messages = json.dumps(
        [{"role": SCRIPT, "parts": [{"type": "text", "content": f"</pre>{SCRIPT}"}]}, {"role": 7, "parts": "x"}, {}]
    )
    spans = [root]
    for name in NAMES:
        one = priced(
            0.1, model=name, provider=name, user=name, gateway=name, tenant=name, run_id=HOSTILE_RUN, parent=root.span_id
        )
        one.attributes.update(  # type: ignore[attr-defined]
            {"gen_ai.input.messages": messages, "gen_ai.output.messages": "not json", name: name, "big": "x" * 1_000_000}
        )
        spans.append(one)
    spans += [
        call(error=SCRIPT, run_id=HOSTILE_RUN, parent=root.span_id),
        call(run_id=HOSTILE_RUN, duration_ns=-5 * 10**9),
        priced(float("nan"), run_id=HOSTILE_RUN), priced(float("inf"), run_id=HOSTILE_RUN), priced(-1.0, run_id=HOSTILE_RUN),
        priced(0.1, tokens_in=-5, tokens_out=10**30, retries=-3, run_id=HOSTILE_RUN),
    ]  # fmt: skip
    return store(tmp_path_factory.mktemp("hostile") / "store.db", spans)


@pytest.fixture
def hostile(made: Path, own_environment: Path) -> Path:
    return copied(made)


@pytest.fixture
def broken(hostile: Path) -> Path:
    """Past the writer, as nobody should write it."""
    with closing(sqlite3.connect(hostile)) as connection, connection:
        connection.execute("UPDATE calls SET model = CAST(X'FFFE41' AS TEXT) WHERE rowid = 1")
        connection.execute("UPDATE runs SET name = CAST(X'C0AF' AS TEXT), ended_ns = started_ns - 1000000000")
        connection.execute("UPDATE calls SET duration_ns = -1, cost_usd = 9e999, saved_usd = -9e999 WHERE rowid = 2")
        connection.execute("UPDATE spans SET parent_span_id = span_id WHERE rowid = 3")
        connection.execute('UPDATE spans SET attributes = \'{"a": "\\ud800"}\' WHERE rowid = 4')
    return hostile


def assert_no_handler(text: str) -> None:
    assert not [name for node in read(text).every() for name in node.attributes if name.startswith("on")]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_it_as_text(hostile: Path, path: str) -> None:
    answer = get(path)

    assert answer.status_code == 200, answer.text[:2000]
    assert "<script>alert" not in answer.text
    assert "\x00" not in answer.text
    scripts = list(read(answer.text).all("script"))
    assert all(str(script.attributes["src"]).startswith("/static/") and not script.text for script in scripts)
    assert_no_handler(answer.text)


@pytest.mark.parametrize("path", ANSWERS)
def test_the_api_hands_it_out(hostile: Path, path: str) -> None:
    answer = get(f"/api/v1/{path}")

    assert answer.status_code == 200, answer.text[:2000]
    if "csv" not in path:
        json.loads(answer.text, parse_constant=lambda constant: pytest.fail(f"{constant} is no JSON"))


@pytest.mark.parametrize("path", [*PAGES, *(f"/api/v1/{answer}" for answer in ANSWERS)])
def test_what_no_writer_of_ours_wrote_breaks_nothing(broken: Path, path: str) -> None:
    answer = get(path)

    assert answer.status_code == 200, answer.text[:2000]
    assert "<script>alert" not in answer.text.replace("\\u003c", "<") or path.startswith("/api/")


def test_a_long_text_is_cut_on_the_page_and_whole_in_the_api(hostile: Path) -> None:
    page, whole = get(f"/runs/{HOSTILE_RUN}"), get(f"/api/v1/runs/{HOSTILE_RUN}")

    assert "996,000 more characters" in read(page.text).text
    assert len(page.text) < 1_000_000
    assert len(next(span for span in whole.json()["spans"] if span["call"])["attributes"]["big"]) == 1_000_000


def test_captured_markup_is_what_was_said(hostile: Path) -> None:
    texts = [node.text for node in read(get(f"/runs/{HOSTILE_RUN}").text).all("pre")]

    assert f"</pre>{SCRIPT}" in texts
    assert "not json" in texts


def test_a_filter_by_a_hostile_name_finds_it(hostile: Path) -> None:
    for name in (SCRIPT, ATTRIBUTE, TEMPLATE, RIGHT_TO_LEFT, "../../etc/passwd", "a b/c?d#e&f=g"):
        assert get("/api/v1/calls", params={"user": name}).json()["total"] == 1
        page = get("/runs", params={"user": name})
        assert page.status_code == 200
        assert_no_handler(page.text)


def test_links_lead_to_where_they_say(hostile: Path) -> None:
    links: list[Any] = [node.attributes["href"] for node in read(get("/?by=user").text).part("groups").all("a")]

    for link in [link for link in links if link.startswith("/runs?")]:
        assert get(link).status_code == 200


def test_a_hostile_search_is_a_text(hostile: Path) -> None:
    for text in ("' OR 1=1 --", "%", "_", '"', "\\", SCRIPT, "(", "*"):
        assert get("/runs", params={"search": text}).status_code == 200


def test_a_deep_chain_of_spans_is_shown(own_environment: Path) -> None:
    spans = [run("deep")]
    for _ in range(1_500):
        spans.append(call(parent=spans[-1].span_id))
    store(store_path(), spans)

    assert get(f"/runs/{spans[0].trace_id}").status_code == 200
    assert get(f"/api/v1/runs/{spans[0].trace_id}").json()["spans"][-1]["depth"] == 1_500
