"""Page, API and command line say the same of one store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core import words
from fastagentic.dashboard import dashboard_app
from tests.store.build import RUN_ID

from .asking import get
from .markup import read

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

pytestmark = pytest.mark.usefixtures("filled")


def api(path: str) -> Any:
    answer = get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def said(cli: Cli, *arguments: str) -> Any:
    return json.loads(cli(*arguments, "--json").stdout)


@pytest.mark.parametrize(
    "by", ["model", "provider", "user", "tenant", "session", "tag", "endpoint", "run", "day", "gateway", "outcome"]
)
def test_costs(cli: Cli, by: str) -> None:
    ours = said(cli, "costs", "--by", by, "--since", "7d")
    theirs = api(f"costs?by={by}")["rows"]
    page = read(get(f"/?by={by}").text).part("groups").rows()

    assert [{name: row["key" if name == by else name] for name in ours[0]} for row in theirs] == ours
    assert [(cells[0], cells[1], cells[5]) for cells in page] == [
        (
            row[by] or "(none)" if by != "run" else cells[0],
            words.count(row["calls"]),
            words.part_known(row["cost"], row["unpriced"]),
        )
        for row, cells in zip(ours, page, strict=True)
    ]


@pytest.mark.parametrize(
    ("sort", "lone"), [("started", ()), ("cost", ("--all",)), ("duration", ()), ("tokens", ("--all",)), ("errors", ())]
)
def test_runs(cli: Cli, sort: str, lone: tuple[str, ...]) -> None:
    ours = said(cli, "runs", "--since", "7d", "--sort", sort, *lone)
    query = f"?sort={sort}{'&all=true' if lone else ''}"
    theirs = api(f"runs{query}")
    page = read(get(f"/runs{query}").text)

    assert theirs["total"] == len(ours)
    assert [{name: row[name] for name in ours[0]} for row in theirs["rows"]] == ours
    assert [(cells[3], cells[4], cells[7]) for cells in page.part("runs").rows()] == [
        (words.duration(row["duration_s"]), words.count(row["calls"]), words.part_known(row["cost"], row["unpriced"]))
        for row in ours
    ]


@pytest.mark.parametrize("named", [RUN_ID, "order-42", RUN_ID[:8]])
def test_one_run(cli: Cli, named: str) -> None:
    ours = said(cli, "show", named)
    theirs = api(f"runs/{named}")
    cards = read(get(f"/runs/{named}").text).cards()

    assert {name: theirs["run"][name] for name in ours["run"]} == ours["run"]
    assert theirs["spans"] == [
        {**span, "depth": depth, "starts_s": pytest.approx(theirs["spans"][at]["starts_s"])}
        for at, (span, depth) in enumerate(in_order(ours["spans"]))
    ]
    assert cards["Cost"][0] == words.part_known(ours["run"]["cost"], ours["run"]["unpriced"])
    assert cards["Calls"][0] == words.count(ours["run"]["calls"])


def in_order(spans: list[dict[str, Any]], depth: int = 0) -> list[tuple[dict[str, Any], int]]:
    found = []
    for span in spans:
        children = span.pop("children")
        found += [(span, depth), *in_order(children, depth + 1)]
    return found


def test_health(cli: Cli) -> None:
    ours = said(cli, "status")
    theirs = get("/api/v1/health", app=dashboard_app()).json()  # findings are kept for half a minute
    findings = said(cli, "doctor")

    assert theirs["store"] == {name: ours[name] for name in theirs["store"]}
    assert theirs["destinations"] == ours["destinations"]
    assert sorted(theirs["findings"], key=str) == sorted(findings, key=str)


def test_the_overview_is_the_sum_of_its_groups(cli: Cli) -> None:
    found, groups = api("overview"), api("costs?by=model")

    assert found["total"] == groups["total"]
    for name in ("calls", "errors", "input_tokens", "output_tokens", "unpriced", "cache_hits"):
        assert sum(row[name] for row in groups["rows"]) == found["total"][name]
    assert sum(row["cost"] or 0 for row in said(cli, "costs", "--since", "7d")) == pytest.approx(found["total"]["cost"])
    assert found["spend"]["last_30_days"]["calls"] == found["total"]["calls"]


def test_the_cards_of_the_overview_are_its_figures() -> None:
    found = api("overview")
    cards = read(get("/").text).cards()

    assert cards["Spend in the last 7d"][0] == words.part_known(found["total"]["cost"], found["total"]["unpriced"])
    assert cards["Saved by the cache"][0] == words.money(found["total"]["saved"])
    assert cards["Errors"][0] == words.share(found["rates"]["error"], 1)
    assert cards["Today"][0] == words.part_known(found["spend"]["today"]["cost"], found["spend"]["today"]["unpriced"])
    assert cards["Duration"][0] == words.duration(found["latency"]["p50_s"])


def test_the_chart_adds_up_to_the_sum() -> None:
    found, series = api("overview"), api("series?by=model")

    assert sum(sum(layer["calls"]) for layer in series["layers"]) == found["total"]["calls"]
    assert sum(sum(layer["cost"]) for layer in series["layers"]) == pytest.approx(found["total"]["cost"])


def test_the_models_are_those_of_the_costs() -> None:
    models, groups = api("models"), api("costs?by=model")

    assert {row["model"]: row["cost"] for row in models["rows"]} == {row["key"]: row["cost"] for row in groups["rows"]}


def test_a_comparison_explains_all_of_the_change() -> None:
    found = api("compare?since=90m")

    assert found["after"]["total"]["calls"] == 5
    assert found["before"]["total"]["calls"] == 1
    assert sum(found["effects"].values()) == pytest.approx(found["cost_change"])
    assert sum(change["cost_change"] for change in found["changes"]) == pytest.approx(found["cost_change"])
