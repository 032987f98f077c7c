"""The table of rules as a whole: every finding is in the documentation, and is something that a test has provoked."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastagentic.doctor.evidence import Evidence
from fastagentic.doctor.finding import Rule, Symptom
from fastagentic.doctor.rules import RULES, diagnose
from tests.project.places import DOCS

PAGE = (DOCS / "troubleshooting.md").read_text()
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
TESTS = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_finding_is_on_the_page_under_its_symptom(rule: Rule) -> None:
    assert f"`{rule.code}`" in SECTIONS[rule.symptom.value.capitalize()]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_finding_is_provoked_by_a_test(rule: Rule) -> None:
    assert f'"{rule.code}"' in TESTS


def test_the_page_names_no_finding_that_there_is_not() -> None:
    named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", PAGE))

    assert named <= {rule.code for rule in RULES}


def test_codes_and_functions_are_each_in_one_row() -> None:
    assert len({rule.code for rule in RULES}) == len({rule.find for rule in RULES}) == len(RULES)


def test_with_nothing_to_look_at_every_symptom_is_named_and_none_is_a_problem() -> None:
    findings = diagnose(Evidence())

    assert {finding.symptom for finding in findings} == set(Symptom)
    assert {finding.severity.value for finding in findings} == {"ok", "advice"}
