"""The dashboards as files: generated from their sources, readable by Grafana, and free of what makes a panel lie."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("grafana_foundation_sdk", reason="the SDK of Grafana is in the group operators: make operators")

from grafana_foundation_sdk.models import units

from dashboards.src import look, promql, series
from dashboards.src.__main__ import BOARDS, as_text, differences
from dashboards.src.board import Board
from dashboards.src.lint import lint

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.file)
def test_the_committed_dashboard_is_what_its_source_gives(board: Board) -> None:
    committed = (ROOT / "dashboards" / board.file).read_text(encoding="utf-8")

    assert differences(json.loads(committed), board.as_json()) == []
    assert committed == as_text(board.as_json()), "run `make dashboards`"


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.file)
def test_the_linter_finds_nothing_in_a_dashboard(board: Board) -> None:
    assert lint(board.as_json()) == []


def test_the_check_names_the_panel_that_is_out_of_date(tmp_path: Path) -> None:
    for board in BOARDS:
        dashboard = board.as_json()
        if board is BOARDS[0]:
            panel_of(dashboard, "Spend in range")["fieldConfig"]["defaults"]["unit"] = "short"
        (tmp_path / board.file).write_text(as_text(dashboard), encoding="utf-8")

    done = generate("--check", "--into", str(tmp_path))

    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        ["llm-cost.json: panel 'Spend in range' is out of date; run `make dashboards`"],
    )


def test_the_places_that_links_lead_to_are_given_to_the_generator(tmp_path: Path) -> None:
    done = generate("--into", str(tmp_path), "--langfuse", "https://langfuse.example/project/p1/")

    assert done.returncode == 0, done.stderr
    texts = {
        one["name"]: one.get("query") for one in json.loads((tmp_path / "llm-cost.json").read_text())["templating"]["list"]
    }
    assert texts["langfuse"] == "https://langfuse.example/project/p1"


Change = Callable[[dict[str, Any], dict[str, Any]], object]


def asks(expr: str) -> Change:
    return lambda _, panel: panel["targets"][0].update(expr=expr)


MISTAKES: dict[str, Change] = {
    "no description": lambda _, panel: panel.pop("description"),
    "no unit": lambda _, panel: panel["fieldConfig"]["defaults"].update(unit="usd"),
    "no query": lambda _, panel: panel.update(targets=[]),
    "the data source is 'prom'": lambda _, panel: panel["datasource"].update(uid="prom"),
    "a field is misspelt": lambda _, panel: panel["options"].update(graphmode="area"),
    "lies on": lambda _, panel: panel["gridPos"].update(x=4),
    "ends right of column 24": lambda _, panel: panel["gridPos"].update(x=23),
    "two have the same": lambda _, panel: panel.update(id=2),
    "it is editable": lambda dashboard, _: dashboard.update(editable=True),
    "variable $region": asks(promql.in_range(series.COST).replace("$model", "$region")),
    "window [5m]": asks(promql.in_range(series.COST).replace("$__range", "5m")),
    "only grows": asks(promql.pick(series.COST)),
    "is written 2 or 2.0": asks(f'sum(rate({series.DURATION.bucket}{{le="2"}}[$__range]))'),
    "the quantile of nothing": asks(f"avg({promql.quantile(0.9, series.DURATION)})"),
    "not added up by le": asks(promql.quantile(0.9, series.DURATION).replace("sum by (le) ", "")),
    "the label 'user_id'": asks(promql.in_range(series.COST, by=("user_id",))),
    "no metric of ours is called 'gen_ai_usage_cost_total'": asks("rate(gen_ai_usage_cost_total{}[$__range])"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_linter_finds(mistake: str) -> None:
    dashboard = BOARDS[0].as_json()
    MISTAKES[mistake](dashboard, panel_of(dashboard, "Spend in range"))

    assert any(mistake in what for what in lint(dashboard)), lint(dashboard)


def test_a_panel_is_one_function() -> None:
    board = Board("Of ours", uid="fastagentic-of-ours", about="A test's.")

    @board.panel(1, "Embeddings per second", row="Calls", width=12)
    def embeddings() -> object:
        """Calls for embeddings a second."""
        calls = promql.per_second(series.DURATION.count, f'{series.OPERATION}="embeddings"')
        return look.lines(units.RequestsPerSecond, (calls, "embeddings"))

    panel = panel_of(board.as_json(), "Embeddings per second")
    assert (panel["id"], panel["description"], panel["gridPos"]["w"]) == (1, "Calls for embeddings a second.", 12)
    assert lint(board.as_json()) == []


def test_the_panel_of_the_readme_is_added_by_one_function(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "dashboards", tmp_path / "dashboards", ignore=shutil.ignore_patterns("__pycache__"))
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "dashboards/README.md").read_text(), re.DOTALL)
    with (tmp_path / "dashboards/src/gateway_reliability.py").open("a") as source:
        source.write(f"\n\n{example}")

    done = generate("--into", str(tmp_path), cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    panel = panel_of(json.loads((tmp_path / "gateway-reliability.json").read_text()), "Embeddings per second")
    assert panel["description"] == "Calls for embeddings a second, by model."
    assert panel["targets"][0]["expr"].startswith("sum by (gen_ai_request_model) (rate(")


@pytest.mark.parametrize(
    ("number", "width", "text", "message"),
    [
        (1, 8, None, r"Of ours: panel 'Second': second\(\) has no docstring; it becomes the panel's description"),
        (1, 8, "Text.", r"Of ours: panel 'Second': 1 is the number of 'First'; 2 is free"),
        (2, 25, "Text.", r"Of ours: panel 'Second': width is 25; a dashboard has 24 columns"),
        (1000, 8, "Text.", r"Of ours: panel 'Second': its number is 1000; give one from 1 to 999"),
    ],
)
def test_a_panel_that_cannot_be_right_is_refused(number: int, width: int, text: str | None, message: str) -> None:
    board = Board("Of ours", uid="fastagentic-of-ours", about="A test's.")

    def second() -> object:
        return look.number(units.Short, "1")

    second.__doc__ = "Text."
    board.panel(1, "First", row="Row")(second)
    second.__doc__ = text

    with pytest.raises(ValueError, match=message):
        board.panel(number, "Second", row="Row", width=width)(second)


def panel_of(dashboard: dict[str, Any], title: str) -> dict[str, Any]:
    return next(panel for panel in dashboard["panels"] if panel.get("title") == title)


def generate(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dashboards.src", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
