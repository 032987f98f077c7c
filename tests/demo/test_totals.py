"""The demo's totals in the store equal an independent sum over the stand-in's log and the callers' ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.store.queries.costs import GroupBy, costs, total
from fastagentic.store.queries.runs import runs
from fastagentic.store.reader import open_store

from .books import Books, Totals

if TYPE_CHECKING:
    from fastagentic.store.queries.sums import Sums

CALLS = 300
A_TENTH_OF_A_MICRO_DOLLAR = Decimal("0.0000001")
PLAY = Path(__file__).with_name("play_demo.py")


@pytest.fixture(scope="module", params=[pytest.param("real", marks=pytest.mark.slow), "stand-in"])
def played(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The demo, played in its own process with its own store; once through the real gateway, once without."""
    if request.param == "real":
        request.getfixturevalue("portkey_gateway")
    home = tmp_path_factory.mktemp("home")
    out = home / "played.json"
    environment = os.environ | {"FASTAGENTIC_HOME": str(home), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    done = subprocess.run(
        [sys.executable, str(PLAY), str(out), str(CALLS), request.param],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return {**json.loads(out.read_text()), "home": home, "stderr": done.stderr}


@pytest.fixture(scope="module")
def books(played: dict[str, Any]) -> Books:
    return Books(played)


@pytest.fixture(scope="module")
def stored(played: dict[str, Any]) -> dict[str, dict[str, Totals]]:
    """What the store says, in groups by each thing the ledger knows as well."""
    with open_store(played["home"] / "store.db") as connection:
        groups = {
            ours: {row.key or "": _totals(row) for row in costs(connection, by=GroupBy(theirs))}
            for ours, theirs in (
                ("model", "model"),
                ("user", "user"),
                ("session", "session"),
                ("tenant", "tenant"),
            )
        }
        groups["run"] = {row.name or "": _totals(row) for row in runs(connection).rows}
        groups["all"] = {"all": _totals(total(connection))}
        return groups


def _totals(row: Sums) -> Totals:
    return Totals(
        row.calls, row.errors, row.input_tokens, row.output_tokens, row.hits, row.unpriced,
        Decimal(repr(row.cost_usd or 0.0)), Decimal(repr(row.saved_usd)),
    )  # fmt: skip


def _same(left: Totals, right: Totals) -> bool:
    counts = [(t.calls, t.errors, t.input_tokens, t.output_tokens, t.hits, t.unpriced) for t in (left, right)]
    money = abs(left.cost - right.cost) + abs(left.saved - right.saved)
    return counts[0] == counts[1] and money < A_TENTH_OF_A_MICRO_DOLLAR


def test_the_workload_is_what_it_says(books: Books) -> None:
    """The sum below proves little if nothing interesting happened."""
    whole = books.all
    assert whole.calls == CALLS
    assert len({entry["user"] for entry in books.ledger}) == 4
    assert len({entry["run"] for entry in books.ledger}) == 3
    assert whole.errors >= 12
    assert whole.hits >= 24
    assert whole.unpriced >= 4
    assert sum(entry["stopped_early"] for entry in books.ledger) >= 12
    assert sum(entry["status"] != 200 for entry in books.log) > whole.errors  # attempts that something rescued
    assert {entry["cache"] for entry in books.log} >= {"HIT", "SEMANTIC HIT", "MISS", "REFRESH"}
    assert any(entry["usage"] and entry["usage"]["prompt_tokens_details"]["cached_tokens"] for entry in books.log)


def test_all_was_delivered_and_nothing_was_said(played: dict[str, Any]) -> None:
    assert played["was_delivered"]
    assert played["stderr"] == ""


def test_the_whole_is_equal_to_the_last_micro_dollar(books: Books, stored: dict[str, dict[str, Totals]]) -> None:
    assert _same(stored["all"]["all"], books.all), f"\nstore {stored['all']['all']}\nbooks {books.all}"


@pytest.mark.parametrize("group", ["model", "user", "session", "tenant", "run"])
def test_every_group_is_equal(group: str, books: Books, stored: dict[str, dict[str, Totals]]) -> None:
    expected = books.by(group)
    assert stored[group].keys() == expected.keys()
    differing = [
        f"{key}\n  store {stored[group][key]}\n  books {totals}"
        for key, totals in expected.items()
        if not _same(stored[group][key], totals)
    ]
    assert not differing, "\n".join(differing)
