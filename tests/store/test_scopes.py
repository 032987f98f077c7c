"""Which calls and runs a filter lets through, in every question alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core.names import Outcome
from fastagentic.store.queries.calls import calls
from fastagentic.store.queries.costs import total
from fastagentic.store.queries.runs import runs
from fastagentic.store.queries.scope import NONE, Scope
from fastagentic.store.reader import open_store

from .build import RUN_ID, call, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "cd" * 16
FACTS: dict[str, Any] = {
    "user": "u-1", "tenant": "acme", "session": "s-7", "tags": ("batch", "eu"), "gateway": "portkey",
    "model": "gpt-4o", "provider": "azure",
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A run with a call of many facts, and one with a call that has none."""
    people = {name: FACTS[name] for name in ("user", "tenant", "session", "tags")}
    return store(
        tmp_path / "store.db",
        [
            run("report", external_id="order-42", **people), priced(0.5, **FACTS, retries=1),
            run("chat", run_id=OTHER, error="Timeout"), call(run_id=OTHER, error="Timeout"),
        ],
    )  # fmt: skip


FILTERS: list[dict[str, Any]] = [
    {"model": "gpt-4o"}, {"provider": "azure"}, {"user": "u-1"}, {"tenant": "acme"}, {"session": "s-7"}, {"tag": "eu"},
    {"gateway": "portkey"}, {"endpoint": "report"}, {"outcome": Outcome.RESCUED_BY_RETRY},
    {"search": "EPOR"}, {"search": "der-42"}, {"search": "abab"}, {"search": "bat"}, {"search": "ACM"},
    {"model": "gpt-4o", "user": "u-1", "tag": "batch", "search": "report"},
]  # fmt: skip


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_filter_lets_through_the_calls_and_the_runs_it_names(path: Path, filters: dict[str, Any]) -> None:
    with open_store(path) as connection:
        scope = Scope(**filters)

        assert total(connection, scope).cost_usd == 0.5
        assert [row.run_id for row in calls(connection, scope).rows] == [RUN_ID]
        assert [row.run_id for row in runs(connection, scope).rows] == [RUN_ID]
        assert (calls(connection, scope).total, runs(connection, scope).total) == (1, 1)


@pytest.mark.parametrize("name", ["user", "tenant", "session", "tag", "gateway"])
def test_those_that_have_none_can_be_asked_for(path: Path, name: str) -> None:
    with open_store(path) as connection:
        scope = Scope(**{name: NONE})  # type: ignore[arg-type]

        assert [row.run_id for row in calls(connection, scope).rows] == [OTHER]
        assert [row.run_id for row in runs(connection, scope).rows] == [OTHER]


def test_a_call_before_its_run_has_ended_has_no_endpoint(tmp_path: Path) -> None:
    with open_store(store(tmp_path / "store.db", [call(), run("chat", run_id=OTHER), call(run_id=OTHER)])) as connection:
        assert [row.run_id for row in calls(connection, Scope(endpoint=NONE)).rows] == [RUN_ID]


def test_filters_apply_together(path: Path) -> None:
    with open_store(path) as connection:
        assert total(connection, Scope(user="u-1", outcome=Outcome.ERROR)).calls == 0


@pytest.mark.parametrize(("outcome", "run_ids"), [(Outcome.ERROR, [OTHER]), (Outcome.OK, [RUN_ID])])
def test_the_outcome_of_a_run_is_its_own(path: Path, outcome: Outcome, run_ids: list[str]) -> None:
    with open_store(path) as connection:
        assert [row.run_id for row in runs(connection, Scope(outcome=outcome)).rows] == run_ids


def test_an_empty_filter_filters_nothing(path: Path) -> None:
    with open_store(path) as connection:
        assert total(connection, Scope(user="", search="")).calls == 2


@pytest.mark.parametrize("text", ["%", "_", "'; DROP TABLE calls; --", "\ud800", "x" * 100_000, "\x00", "\\"])
def test_a_search_is_text_and_nothing_else(path: Path, text: str) -> None:
    with open_store(path) as connection:
        assert total(connection, Scope(search=text)).calls == 0
        assert runs(connection, Scope(search=text)).total == 0


@pytest.mark.parametrize("time_ns", [-(2**70), -1, 0])
def test_a_time_before_the_epoch_is_the_beginning(path: Path, time_ns: int) -> None:
    with open_store(path) as connection:
        assert total(connection, Scope(since_ns=time_ns)).calls == 2
        assert total(connection, Scope(until_ns=time_ns)).calls == 0


def test_a_time_beyond_all_clocks_is_the_end(path: Path) -> None:
    with open_store(path) as connection:
        assert total(connection, Scope(until_ns=2**70)).calls == 2
        assert total(connection, Scope(since_ns=2**70)).calls == 0
