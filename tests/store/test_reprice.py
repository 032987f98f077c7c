"""Pricing recorded calls again: all of them or none, with every sum, and what was first recorded is kept."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.store import reprice, rollups
from fastagentic.store.file import connect
from fastagentic.store.reprice import Price, correct, differences
from fastagentic.store.transaction import transaction

from .answers import answers
from .build import ask, call, priced, run, store

if TYPE_CHECKING:
    from fastagentic.store.reprice import Recorded

ROOT = Path(__file__).parents[2]
FIRST = "SELECT cost_usd, cost_source, saved_usd, first_cost_usd, first_cost_source, first_saved_usd FROM calls ORDER BY rowid"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return store(
        tmp_path / "store.db",
        [
            call(source="unknown", tokens_in=1_000, tokens_out=10, model="new", user="u-1"),
            call(source="price_table", cost=0.5, tokens_in=1_000, tokens_out=10, model="old"),
            priced(0.25, tokens_in=1_000, tokens_out=10, model="billed"),
            priced(0.0, hit=True, cache="hit", saved=0.125, tokens_in=1_000, tokens_out=10, model="old"),
            call(error="RateLimitError"),
            call(source="price_table", cost=0.5, tokens_in=1_000, tokens_out=10, model="old", ago_h=48, run_id="cd" * 16),
            run("report"),
        ],
    )


def a_dollar(recorded: Recorded) -> Price:
    """A millionth of a dollar a token of input, whatever the model."""
    usd = recorded.columns["input_tokens"] * 1e-6
    return Price(0.0, "gateway", usd) if recorded.columns["cache_hit"] else Price(usd, "price_table")


def corrected(path: Path, price: Any = a_dollar, since_ns: int = 0) -> dict[str, reprice.Difference]:
    with closing(connect(path, busy_s=1)) as connection:
        return correct(connection, since_ns, price)


def test_what_had_no_price_or_another_one_is_corrected_and_a_bill_is_not(path: Path) -> None:
    corrected(path)

    assert ask(path, FIRST) == [
        (0.001, "price_table", None, None, "unknown", None),
        (0.001, "price_table", None, 0.5, "price_table", None),
        (0.25, "gateway", None, None, None, None),
        (0.0, "gateway", 0.001, 0.0, "gateway", 0.125),
        (None, None, None, None, None, None),
        (0.001, "price_table", None, 0.5, "price_table", None),
    ]


def test_the_difference_is_told_by_model_before_anything_is_written(path: Path) -> None:
    before = ask(path, "SELECT * FROM calls")
    with closing(connect(path, busy_s=1)) as connection:
        told = differences(connection, 0, a_dollar)

    assert ask(path, "SELECT * FROM calls") == before
    assert told == {
        "new": reprice.Difference(calls=1, unpriced=1, before_usd=0.0, after_usd=0.001),
        "old": reprice.Difference(calls=3, before_usd=1.0, after_usd=0.002, saved_before_usd=0.125, saved_after_usd=0.001),
    }
    assert corrected(path) == told


def test_what_was_first_recorded_stays_when_prices_change_again(path: Path) -> None:
    corrected(path)
    corrected(path, lambda recorded: Price(2.0, "override"))

    assert ask(path, FIRST)[:2] == [
        (2.0, "override", None, None, "unknown", None),
        (2.0, "override", None, 0.5, "price_table", None),
    ]


def test_a_second_time_changes_nothing(path: Path) -> None:
    corrected(path)

    assert corrected(path) == {}


def test_what_is_older_than_since_stays(path: Path) -> None:
    since_ns = int(ask(path, "SELECT MIN(started_ns) FROM calls")[0][0]) + 1
    corrected(path, since_ns=since_ns)

    assert ask(path, "SELECT cost_usd FROM calls ORDER BY started_ns LIMIT 1") == [(0.5,)]


def test_a_price_that_nobody_knows_corrects_nothing(path: Path) -> None:
    assert corrected(path, lambda recorded: None) == {}
    assert corrected(path, lambda recorded: Price(None, "unknown")) == {}


def test_the_counts_and_the_tier_of_the_span_are_there_to_price_by(tmp_path: Path) -> None:
    audio = call(source="unknown")
    audio.attributes.update({"fastagentic.usage.input_audio_tokens": 7, "fastagentic.service_tier": "flex"})  # type: ignore[attr-defined]
    path = store(tmp_path / "store.db", [audio])
    seen: list[Recorded] = []

    corrected(path, seen.append)

    assert seen[0].attributes["fastagentic.usage.input_audio_tokens"] == 7
    assert seen[0].attributes["fastagentic.service_tier"] == "flex"


def test_every_answer_is_that_of_sums_counted_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reprice, "_CALLS", reprice._CALLS.replace(f"LIMIT {reprice.CHUNK}", "LIMIT 2"))
    corrected(path)
    found = answers(path)
    with closing(connect(path, busy_s=1)) as connection, transaction(connection):
        rollups.rebuild(connection)

    assert answers(path) == found
    assert found["total of all"].cost_usd == pytest.approx(0.253)


def test_an_error_in_the_middle_leaves_the_store_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reprice, "_CALLS", reprice._CALLS.replace(f"LIMIT {reprice.CHUNK}", "LIMIT 2"))
    before, expected = ask(path, "SELECT * FROM calls"), answers(path)
    left = iter(range(3))

    def price(recorded: Recorded) -> Price:
        next(left)
        return a_dollar(recorded)

    with pytest.raises(StopIteration):
        corrected(path, price)

    assert ask(path, "SELECT * FROM calls") == before
    assert answers(path) == expected


KILLED = """
import sys
from pathlib import Path
from fastagentic.store import reprice
from fastagentic.store.file import connect
from tests.store.test_reprice import a_dollar
reprice._CALLS = reprice._CALLS.replace(f"LIMIT {reprice.CHUNK}", "LIMIT 100")
chunks = iter(range(5))
def half_way(calls):
    if next(chunks, None) is None:
        print("half-way", flush=True)
        sys.stdin.readline()
reprice.correct(connect(Path(sys.argv[1]), busy_s=5), 0, a_dollar, half_way)
"""


def test_killed_half_way_it_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = store(
        tmp_path / "store.db", [call(source="unknown", tokens_in=n, tokens_out=1, user=f"u-{n % 7}") for n in range(1_000)]
    )
    before, expected = ask(path, "SELECT * FROM calls"), answers(path)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half-way\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()

    assert ask(path, "SELECT * FROM calls") == before
    assert answers(path) == expected
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def test_others_write_before_and_after_it(path: Path) -> None:
    def price(recorded: Recorded) -> Price:
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("BEGIN IMMEDIATE")
        return a_dollar(recorded)

    corrected(path, price)
    store(path, [priced(1.0)])

    assert ask(path, "SELECT COUNT(*) FROM calls") == [(7,)]
