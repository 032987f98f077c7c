"""The rules: they load, read names that exist, have a runbook each, and one that is wrong fails its test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dashboards.src import series
from dashboards.src.known import known_series

from .prometheus import promtool
from .rules import ROOT, RULE_FILES, RULES, TEST_FILES, Rule, mutants, rules, seen_by, write_mutant

if TYPE_CHECKING:
    from pathlib import Path

ALERTS = [rule for rule in rules() if rule.is_alert]
RECORDED = [rule for rule in rules() if not rule.is_alert]
RUNBOOKS = ROOT / "docs/runbooks"
OF_THE_CHECK = {"fastagentic_consistency_difference_ratio", "fastagentic_consistency_checked_timestamp_seconds"}
"""What the hourly check of `deploy/consistency` writes."""

every_alert = pytest.mark.parametrize("alert", ALERTS, ids=str)


def strangers(rule: Rule, metrics: set[str] | None = None) -> list[str]:
    """What a rule reads that nobody writes."""
    known = (known_series() if metrics is None else metrics) | OF_THE_CHECK | {one.name for one in RECORDED}
    labels = series.LABELS | {series.SERVICE}
    return [f"{rule}: no series is called {name!r}" for name in sorted(rule.metrics - known)] + [
        f"{rule}: no attribute of ours is the label {name!r}" for name in sorted(rule.read_labels - labels)
    ]


def test_the_rules_load(prometheus_programs: Path) -> None:
    checked = promtool(prometheus_programs, "check", "rules", *RULE_FILES)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout.count(f"{len(RECORDED)} rules found") == checked.stdout.count(f"{len(ALERTS)} rules found") == 1


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_the_rules_do_what_their_tests_say(path: Path, prometheus_programs: Path) -> None:
    tested = promtool(prometheus_programs, "test", "rules", path)

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_rules_read_nothing_that_nobody_writes() -> None:
    assert [stranger for rule in rules() for stranger in strangers(rule)] == []


def test_the_series_of_the_tests_exist() -> None:
    written = "\n".join(path.read_text() for path in TEST_FILES)
    found = re.findall(r"series: '(\w+)\{([^}]*)\}'", written)
    labels = {name for _, inside in found for name in re.findall(r"(\w+)=", inside)}

    assert {name for name, _ in found} <= known_series() | OF_THE_CHECK
    assert labels <= series.LABELS | {series.SERVICE, "instance"}


@pytest.mark.parametrize("name", sorted(set().union(*(rule.metrics for rule in rules())) & known_series()))
def test_a_metric_that_is_renamed_is_missed_by_the_rules_that_read_it(name: str) -> None:
    readers = [rule for rule in rules() if name in rule.metrics]

    found = [stranger for rule in rules() for stranger in strangers(rule, known_series() - {name})]

    assert found == [f"{rule}: no series is called {name!r}" for rule in readers]


def test_the_dashboards_read_recorded_series_that_are_recorded() -> None:
    read = {
        name
        for path in (ROOT / "dashboards").glob("*.json")
        for name in re.findall(r"\bservice(?:_model)?:\w+:\w+", path.read_text())
    }

    assert read <= {rule.name for rule in RECORDED}
    assert read, "none is read: the pattern is out of date"


@every_alert
def test_an_alert_says_what_happened_how_bad_it_is_and_where_to_read_on(alert: Rule) -> None:
    annotations, labels = dict(alert.annotations), dict(alert.labels)

    assert labels["severity"] in {"critical", "warning"}
    assert annotations.keys() == {"summary", "description", "runbook_url"}
    page = ROOT / annotations["runbook_url"]
    assert page.read_text().startswith("# ")
    assert alert.name in page.read_text().splitlines()[0]


def test_a_runbook_is_of_an_alert_and_says_the_three_things() -> None:
    pages = {f"docs/runbooks/{path.name}": path.read_text() for path in RUNBOOKS.glob("*.md")}

    assert pages.keys() == {dict(alert.annotations)["runbook_url"] for alert in ALERTS}
    for page, text in pages.items():
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["What it means", "How to look", "What to do"], page
        named = set(re.findall(r"LLM[A-Za-z]+", text.splitlines()[0]))
        assert named == {alert.name for alert in ALERTS if dict(alert.annotations)["runbook_url"] == page}


def test_every_rule_is_seen_by_a_test() -> None:
    assert [rule.name for rule in rules() if not seen_by(rule)] == []


def test_the_page_of_the_rules_lists_each_of_them() -> None:
    written = (RULES / "README.md").read_text()

    assert [rule.name for rule in rules() if f"`{rule.name}`" not in written] == []


def _mutants(which: list[Rule]) -> Any:
    found = [(rule, what, mutant) for rule in which for what, mutant in mutants(rule)]
    return pytest.mark.parametrize(
        ("rule", "mutant"), [(rule, mutant) for rule, _, mutant in found], ids=[f"{rule}: {what}" for rule, what, _ in found]
    )


def _is_noticed(rule: Rule, mutant: Rule, programs: Path, folder: Path) -> None:
    write_mutant(mutant, folder)
    checked = promtool(programs, "check", "rules", *(folder / path.name for path in RULE_FILES))
    assert checked.returncode == 0, checked.stdout + checked.stderr  # wrong, and not misspelt

    tested = promtool(programs, "test", "rules", *(folder / "tests" / path.name for path in seen_by(rule)))

    assert tested.returncode != 0, f"no test minds that {rule} is {mutant.expr!r}, for {mutant.hold}"


def test_a_rule_file_that_is_not_changed_is_not_noticed(prometheus_2: Path, tmp_path: Path) -> None:
    """The mutants fail for what is wrong with them, and not for where they lie."""
    rule = ALERTS[0]
    write_mutant(rule, tmp_path)

    tested = promtool(prometheus_2, "test", "rules", *(tmp_path / "tests" / path.name for path in seen_by(rule)))

    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert yaml.safe_load((tmp_path / "alerts.yaml").read_text()) == yaml.safe_load((RULES / "alerts.yaml").read_text())


@every_alert
def test_an_alert_that_is_the_other_way_round_fails_its_test(alert: Rule, prometheus_2: Path, tmp_path: Path) -> None:
    _, mutant = next(mutants(alert))
    _is_noticed(alert, mutant, prometheus_2, tmp_path)


@pytest.mark.slow
@_mutants(ALERTS)
def test_an_alert_with_any_other_number_clause_or_wait_fails_its_test(
    rule: Rule, mutant: Rule, prometheus_2: Path, tmp_path: Path
) -> None:
    _is_noticed(rule, mutant, prometheus_2, tmp_path)


@pytest.mark.slow
@_mutants(RECORDED)
def test_a_recorded_series_that_is_wrong_fails_a_test(rule: Rule, mutant: Rule, prometheus_2: Path, tmp_path: Path) -> None:
    _is_noticed(rule, mutant, prometheus_2, tmp_path)
