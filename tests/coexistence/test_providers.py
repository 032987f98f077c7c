"""Another owner of tracing in the process: its spans and ours both arrive, and nobody's provider is replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.frameworks.environments import Environment

pytestmark = pytest.mark.slow

ENVIRONMENT = Environment("providers", ("portkey-ai", "logfire==5.2.0", "sentry-sdk==2.75.0"))
PROGRAM = Path(__file__).parent / "programs" / "providers.py"

OURS = ["invoke_workflow nightly", "chat gpt-4o-mini"]
THEIRS = "their own work"
CASES = [
    ("plain", "theirs first"),
    ("logfire", "theirs first"),
    ("logfire", "ours first"),
    ("sentry", "theirs first"),
    ("sentry", "ours first"),
]
SECOND_PROVIDER = {("logfire", "ours first")}
"""Whoever sets a provider after us is told by OpenTelemetry that there is one: it does so with any two."""


@pytest.fixture(scope="module", params=CASES, ids=lambda case: f"{case[0]}, {case[1]}")
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    said: dict[str, Any] = ENVIRONMENT.run(PROGRAM, *request.param, home=tmp_path_factory.mktemp("home"))
    return {**said, "case": request.param}


def test_our_spans_arrive_in_the_store_and_at_our_destination(outcome: dict[str, Any]) -> None:
    assert outcome["flushed"]
    assert outcome["stored"] == OURS
    assert set(OURS) <= set(outcome["sent"])


def test_their_spans_arrive_where_they_are_to_go(outcome: dict[str, Any]) -> None:
    assert THEIRS in outcome["theirs"]


def test_opentelemetry_does_not_complain_of_a_replaced_provider(outcome: dict[str, Any]) -> None:
    complaints = [line for line in outcome["complaints"] if "rovider" in line]
    assert bool(complaints) == (outcome["case"] in SECOND_PROVIDER)
