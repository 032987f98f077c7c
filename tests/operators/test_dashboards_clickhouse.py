"""Every panel that asks ClickHouse gets an answer, and the answer is the local store's: the same workload went through the real
collector into the tables of `deploy/clickhouse/`, in process.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dashboards.preview.interpolate import View
from dashboards.src import known
from fastagentic.core import names

from .clickhouse import ClickHouse, rows_of
from .collector import Collector
from .process import wait_until
from .workload import performed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .workload import Truth

FOLDER = Path(__file__).parents[2] / "dashboards"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
QUERIES = {
    (name, panel["title"]): sql
    for name, dashboard in DASHBOARDS.items()
    for panel in dashboard["panels"]
    for sql in known.sql(panel)
}
COST, EXPLORER, LATENCY = "llm-cost", "run-explorer", "latency-tokens"
OF_A_RUN = """SELECT run_id, count(*) AS calls, sum(cost_usd) AS cost, sum(error_type IS NOT NULL) AS failed,
    sum(coalesce(cache_hit, 0)) AS cached, sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens,
    (max(started_ns + duration_ns) - min(started_ns)) / 1e9 AS length FROM calls GROUP BY run_id ORDER BY calls DESC"""


@dataclass(frozen=True)
class Filled:
    """The same calls in both stores."""

    clickhouse: ClickHouse
    truth: Truth
    view: View

    def ask(self, dashboard: str, title: str, **chosen: str) -> list[dict[str, Any]]:
        view = replace(self.view, chosen=chosen).of(DASHBOARDS[dashboard])
        return self.clickhouse.rows(view.sql(QUERIES[dashboard, title]))

    def number(self, title: str, run_id: str) -> float | None:
        ((value,),) = (row.values() for row in self.ask(EXPLORER, title, run_id=run_id))
        return None if value is None else float(value)


@pytest.fixture(scope="module")
def filled(collector_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    folder, start = tmp_path_factory.mktemp("filled"), time.time()
    facts = folder / "facts.jsonl"
    with (
        Collector(collector_binary, folder, "all-in-one.yaml", "with-file.yaml", FACTS_FILE=str(facts)) as collector,
        performed(folder, otlp=collector.otlp_endpoint, calls=90) as truth,
    ):
        spans = {row["span_id"] for row in truth.rows("SELECT span_id FROM spans")}
        wait_until(lambda: facts.exists() and spans <= ids_in(facts), "every span in the file of facts")
    with ClickHouse(folder / "clickhouse") as clickhouse:
        clickhouse.take(only_ours(facts))
        yield Filled(clickhouse, truth, View(start - 60, time.time() + 60))


def only_ours(facts: Path) -> Path:
    """The file without spans of other instrumentations: the local store has no calls that others saw."""
    lines = [json.loads(line) for line in facts.read_text().splitlines()]
    for resource in (one for line in lines for one in line["resourceSpans"]):
        resource["scopeSpans"] = [one for one in resource["scopeSpans"] if one["scope"].get("name") == names.SCOPE]
    ours = facts.with_name("ours.jsonl")
    ours.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return ours


def ids_in(facts: Path) -> set[str]:
    return {row["SpanId"] for line in facts.read_text().splitlines() for row in rows_of(line)}


@pytest.mark.parametrize(("dashboard", "title"), QUERIES)
def test_a_panel_has_an_answer_of_clickhouse(filled: Filled, dashboard: str, title: str) -> None:
    run = filled.truth.rows(OF_A_RUN)[0]["run_id"]

    assert filled.ask(dashboard, title, run_id=run)


@pytest.mark.parametrize(
    ("title", "column", "key"), [("Spend by tenant", "tenant_id", "tenant"), ("Spend by user", "user_id", "user")]
)
def test_who_spends_what_is_what_the_store_says(filled: Filled, title: str, column: str, key: str) -> None:
    said: dict[str, list[float]] = {}
    for row in filled.ask(COST, title):
        known_of = said.setdefault(row[key], [0, 0.0])
        known_of[0] += row["calls"]
        known_of[1] += row["cost_usd"] or 0.0

    sums = "count(*) AS calls, sum(coalesce(cost_usd, 0)) AS cost"
    sql = f"SELECT coalesce({column}, '(none)') AS who, {sums} FROM calls GROUP BY 1"
    truth = {row["who"]: [row["calls"], pytest.approx(row["cost"], abs=1e-9)] for row in filled.truth.rows(sql)}
    assert said == truth
    assert sum(calls for calls, _ in said.values()) == filled.truth.total().calls


def test_what_was_spent_over_time_adds_up_to_what_the_store_says(filled: Filled) -> None:
    spent = sum(row["cost_usd"] for row in filled.ask(COST, "Spend over time by tenant"))

    assert spent == pytest.approx(filled.truth.cost_usd, abs=1e-9)


def test_the_dearest_runs_come_first_at_what_the_store_says(filled: Filled) -> None:
    said = [row["cost_usd"] for row in filled.ask(COST, "Spend by run")]

    dearest = "SELECT sum(cost_usd) AS cost FROM calls GROUP BY run_id ORDER BY cost DESC LIMIT 50"
    costs = [row["cost"] for row in filled.truth.rows(dearest) if row["cost"] is not None]
    assert [cost for cost in said if cost is not None] == pytest.approx(costs, abs=1e-9)


def test_every_run_is_what_the_store_says(filled: Filled) -> None:
    runs = filled.truth.rows(OF_A_RUN)
    assert len(runs) > 20
    for run in [*runs[:6], *runs[6::5]]:  # those of many calls, and of the rest every fifth
        said = {
            title: filled.number(title, run["run_id"])
            for title in ("Calls", "Failed", "Answered by cache", "Tokens", "From first call to last", "Cost")
        }
        cost = None if run["cost"] is None else pytest.approx(run["cost"], abs=1e-9)
        assert said == {
            "Calls": run["calls"],
            "Failed": run["failed"],
            "Answered by cache": run["cached"],
            "Tokens": run["tokens"],
            "From first call to last": pytest.approx(run["length"], abs=1e-6),
            "Cost": cost,
        }


def test_a_run_lists_every_call_and_every_span_of_it(filled: Filled) -> None:
    run, calls = (filled.truth.rows(OF_A_RUN)[0][name] for name in ("run_id", "calls"))
    spans = filled.truth.rows("SELECT name FROM spans WHERE run_id = ?", run)

    assert len(filled.ask(EXPLORER, "Calls of the run", run_id=run)) == calls
    assert len(filled.ask(EXPLORER, "Spans of the run", run_id=run)) == len(spans) > calls


def test_a_call_without_a_price_costs_nothing_known_and_not_zero(filled: Filled) -> None:
    run = filled.truth.rows("SELECT run_id FROM calls WHERE cost_source = 'unknown' LIMIT 1")[0]["run_id"]

    unpriced = [row for row in filled.ask(EXPLORER, "Cost of the run by model", run_id=run) if row["unpriced"] == row["calls"]]
    assert unpriced
    assert {row["cost_usd"] for row in unpriced} == {None}


def test_the_runs_of_a_user_are_those_alone(filled: Filled) -> None:
    everything, of_one = (filled.ask(EXPLORER, "Runs, newest first", **chosen) for chosen in ({}, {"user": "u-ana"}))

    runs = {row["run_id"] for row in filled.truth.rows("SELECT DISTINCT run_id FROM calls WHERE user_id = 'u-ana'")}
    assert {row["run_id"] for row in of_one} == runs
    assert len(everything) > len(of_one)
    assert filled.ask(EXPLORER, "Runs, newest first", user="nobody's' OR 1 = 1 --") == []


def test_a_run_has_the_name_that_it_was_given(filled: Filled) -> None:
    said = {row["run_id"]: row["name"] for row in filled.ask(EXPLORER, "Runs, newest first")}

    for row in filled.truth.rows("SELECT run_id, name FROM runs WHERE run_id IN (SELECT run_id FROM calls)"):
        assert said[row["run_id"]] == row["name"]


def test_a_model_that_is_chosen_is_the_only_one_counted(filled: Filled) -> None:
    model = "gpt-4.1-mini"

    said = sum(row["calls"] for row in filled.ask(COST, "Spend by tenant", model=model))
    assert said == filled.truth.by("model")[model].calls


def test_the_provider_s_prompt_cache_is_what_the_store_says(filled: Filled) -> None:
    said = {
        row["model"]: (row["input_tokens"], row["cached"])
        for row in filled.ask(LATENCY, "Prompt tokens the provider had cached")
    }

    sql = """SELECT model, sum(input_tokens) AS asked, coalesce(sum(cache_read_tokens), 0) AS cached FROM calls
        WHERE input_tokens > 0 GROUP BY model"""
    assert said == {row["model"]: (row["asked"], pytest.approx(row["cached"] / row["asked"])) for row in filled.truth.rows(sql)}
