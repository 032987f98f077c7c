"""The cases of `cases.toml`: what a call costs, typed by hand, and where the libraries come to something else."""

from __future__ import annotations

import importlib.util
import sys
from decimal import Decimal
from typing import Any

import pytest

from tests.project.places import REPO

_spec = importlib.util.spec_from_file_location("price_cases", REPO / "scripts/price_cases.py")
assert _spec is not None
assert _spec.loader is not None
price_cases: Any = importlib.util.module_from_spec(_spec)
sys.modules["price_cases"] = price_cases  # dataclasses look their module up
_spec.loader.exec_module(price_cases)

CASES = price_cases.cases()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_call_costs_what_the_price_list_says(case: Any) -> None:
    assert price_cases.by_us(case) == case.expected


@pytest.mark.parametrize("case", [case for case in CASES if case.sum], ids=lambda case: case.name)
def test_the_sum_of_a_case_comes_to_its_usd(case: Any) -> None:
    terms = [term.split(" * ") for term in case.sum.split(" + ")]

    assert sum(Decimal(count) * Decimal(rate) for count, rate in terms) / 1_000_000 == case.expected


def test_there_are_cases_of_every_kind() -> None:
    assert len(CASES) >= 60
    assert {"flex", "priority", "batch"} <= {case.tier for case in CASES}
    assert {count for case in CASES for count in case.usage} == set(price_cases.TABLE_COUNTS)
    assert sum(bool(case.sum) for case in CASES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_library_that_disagrees_is_explained(case: Any) -> None:
    ours = price_cases.by_us(case)
    others = price_cases.by_litellm(case), price_cases.by_table(case)

    assert bool(case.why) == any(price_cases.disagrees(ours, other) for other in others), others


def test_the_page_lists_the_disagreements_that_there_are() -> None:
    assert price_cases.written() == price_cases.section(), "run: python scripts/price_cases.py --write"
