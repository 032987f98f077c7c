"""What is mounted beside the dashboards: data sources, the provider, Grafana's copy of the alerts; and the page of panels."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("grafana_foundation_sdk", reason="the SDK of Grafana is in the group operators: make operators")

from dashboards.src import alerting, pages, series
from dashboards.src.__main__ import ALERTING, BOARDS
from dashboards.src.known import promql

from .rules import RULES

ROOT = Path(__file__).parents[2]
PROVISIONING = ROOT / "dashboards/provisioning"
FILES = sorted(PROVISIONING.rglob("*.yaml"))
DASHBOARDS = {path.name: json.loads(path.read_text()) for path in sorted((ROOT / "dashboards").glob("*.json"))}
PANELS = [(board, panel) for board in BOARDS for panel in board.panels]


def loaded(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_a_provisioning_file_is_one_that_grafana_reads(path: Path) -> None:
    assert loaded(path)["apiVersion"] == 1


def test_each_kind_of_data_source_that_a_dashboard_asks_for_is_provisioned() -> None:
    provisioned = {one["type"] for one in loaded(PROVISIONING / "datasources/fastagentic.yaml")["datasources"]}
    asked = {
        variable["query"]
        for dashboard in DASHBOARDS.values()
        for variable in dashboard["templating"]["list"]
        if variable["type"] == "datasource"
    }

    assert asked == provisioned


def test_every_variable_of_the_data_sources_is_in_the_readme() -> None:
    used = set(re.findall(r"(?<!\$)\$\{(\w+)\}", json.dumps(loaded(PROVISIONING / "datasources/fastagentic.yaml"))))

    assert used
    assert used <= set(re.findall(r"`(\w+)`", (ROOT / "dashboards/README.md").read_text()))


def test_a_dot_leads_to_tempo_and_to_langfuse() -> None:
    prometheus, tempo, _ = loaded(PROVISIONING / "datasources/fastagentic.yaml")["datasources"]
    by_uid, by_address = prometheus["jsonData"]["exemplarTraceIdDestinations"]

    assert (by_uid["name"], by_uid["datasourceUid"]) == ("trace_id", tempo["uid"])
    # Grafana takes one of two dollars away; what it then has is the value of the label.
    assert by_address["url"] == "${LANGFUSE_PROJECT_URL}/traces/$${__value.raw}"


def test_the_queries_of_a_trace_use_names_of_ours() -> None:
    _, tempo, _ = loaded(PROVISIONING / "datasources/fastagentic.yaml")["datasources"]
    of_trace = tempo["jsonData"]["tracesToMetrics"]

    text = " ".join(query["query"] for query in of_trace["queries"])
    assert set(re.findall(r"\w+(?=\{)", text)) == {series.DURATION.bucket, str(series.COST)}
    assert {tag["value"] for tag in of_trace["tags"]} == {series.SERVICE, series.MODEL}
    assert [series.label(tag["key"]) for tag in of_trace["tags"]] == [tag["value"] for tag in of_trace["tags"]]


def test_grafana_s_copy_of_the_alerts_is_up_to_date() -> None:
    assert ALERTING.read_text() == alerting.provisioned(BOARDS), "run `make dashboards`"


def test_grafana_has_every_alert_of_the_rule_file_word_for_word() -> None:
    wanted = {rule["alert"]: rule for group in loaded(RULES / "alerts.yaml")["groups"] for rule in group["rules"]}
    copied = {rule["title"]: rule for group in loaded(ALERTING)["groups"] for rule in group["rules"]}

    assert copied.keys() == wanted.keys()
    for name, rule in copied.items():
        assert rule["data"][0]["model"]["expr"] == wanted[name]["expr"].strip()
        assert rule["labels"] == wanted[name]["labels"]
        assert "$value " not in " ".join(rule["annotations"].values())
    assert len({rule["uid"] for rule in copied.values()}) == len(copied)
    assert all(len(rule["uid"]) <= 40 for rule in copied.values()), "Grafana takes no longer uid"


def test_an_alert_shows_the_panel_with_its_runbook() -> None:
    ids = {(dashboard["uid"], panel["id"]) for dashboard in DASHBOARDS.values() for panel in dashboard["panels"]}
    shown = [
        (rule["title"], rule["dashboardUid"], rule["panelId"])
        for group in loaded(ALERTING)["groups"]
        for rule in group["rules"]
        if "panelId" in rule
    ]

    assert ("LLMBudgetBurnFast", "fastagentic-llm-cost", 4) in shown
    assert {(uid, number) for _, uid, number in shown} <= ids


@pytest.mark.parametrize(
    ("board", "panel"), [(board, panel) for board, panel in PANELS if panel.runbook], ids=lambda one: getattr(one, "title", one)
)
def test_the_runbook_of_a_panel_is_a_page_of_an_alert(board: Any, panel: Any) -> None:
    pages_of_alerts = {
        Path(rule["annotations"]["runbook_url"]).stem
        for group in loaded(RULES / "alerts.yaml")["groups"]
        for rule in group["rules"]
    }

    assert (ROOT / "docs/runbooks" / f"{panel.runbook}.md").is_file()
    assert panel.runbook in pages_of_alerts


def test_every_recording_rule_that_a_panel_reads_is_recorded() -> None:
    recorded = {rule["record"] for group in loaded(RULES / "recording.yaml")["groups"] for rule in group["rules"]}
    read = {
        name
        for dashboard in DASHBOARDS.values()
        for panel in dashboard["panels"]
        for expr in promql(panel)
        for name in re.findall(r"\b\w+:\w+:\w+", expr)
    }

    assert read
    assert read <= recorded


def test_the_page_lists_every_panel_as_it_is() -> None:
    page = pages.PAGE.read_text()

    assert page == pages.with_lists(page, BOARDS), "run `make dashboards`"
    for _, panel in PANELS:
        assert f"| {panel.title} | {panel.description} |" in page


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.file)
def test_the_page_has_a_small_picture_of_each_dashboard(board: Any) -> None:
    picture = ROOT / "docs/images" / f"dashboards-{Path(board.file).stem}.png"

    assert f"images/{picture.name}" in pages.PAGE.read_text()
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size < 300_000
