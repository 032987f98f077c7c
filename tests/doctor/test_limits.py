"""What the doctor says of budgets, of limits of the disk, and of metrics that go nowhere."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import litellm
import pytest

import fastagentic
from fastagentic.doctor import delivery
from fastagentic.doctor.gather import gather
from fastagentic.doctor.rules import diagnose
from fastagentic.export.spool.notes import spool_directory
from tests.export.spools import Kept

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = [{"role": "user", "content": "?"}]
ENDPOINT = "http://collector.example.com:4318/v1/traces"


def ask(model: str = "gpt-4o-mini") -> None:
    litellm.completion(model=model, messages=MESSAGES, mock_response="Yes.")


def found() -> dict[str, Any]:
    return {finding.code: finding for finding in diagnose(gather()) if finding.severity != "ok"}


@pytest.mark.parametrize(
    ("budgets", "ledger", "destinations", "expected"),
    [
        ("month=500", None, "otlp", True),
        ("month=500", None, "local, otlp", False),
        ("month=500", None, None, False),
        ("month=500", "process", "otlp", False),
        ("month=500", "redis://127.0.0.1:1/0", "otlp", False),
        (None, None, "otlp", False),
    ],
)
def test_budgets_that_each_process_counts_for_itself(
    budgets: str | None, ledger: str | None, destinations: str | None, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"BUDGETS": budgets, "BUDGET_LEDGER": ledger, "DESTINATIONS": destinations}
    for name, value in named.items():
        if value is not None:
            monkeypatch.setenv(f"FASTAGENTIC_{name}", value)

    assert ("budget-ledger-per-process" in found()) is expected


def test_calls_that_a_budget_refused() -> None:
    fastagentic.instrument(destinations=["local"])
    ask()
    fastagentic.flush(timeout=10)
    assert "budget-refused-calls" not in found()

    with fastagentic.run("report", budget_usd=0), contextlib.suppress(fastagentic.BudgetExceeded):
        ask()
    fastagentic.flush(timeout=10)

    assert found()["budget-refused-calls"].what == "budgets refused 1 call"


@pytest.mark.parametrize(
    ("model", "budgets", "expected"),
    [
        ("openai/llama-of-tomorrow", "month=500", True),
        ("openai/llama-of-tomorrow", "month=500, unpriced=stop", False),
        ("gpt-4o-mini", "month=500", False),
    ],
)
def test_budgets_that_calls_of_unknown_cost_pass(
    model: str, budgets: str, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    fastagentic.instrument(destinations=["local"])
    ask(model)
    fastagentic.flush(timeout=10)
    monkeypatch.setenv("FASTAGENTIC_BUDGETS", budgets)

    assert ("budget-misses-unpriced" in found()) is expected


@pytest.fixture
def waiting(own_environment: Path) -> Kept:
    """Ten kilobytes that wait for a destination."""
    kept = Kept(spool_directory(own_environment, "otlp", ENDPOINT), name="otlp", endpoint=ENDPOINT)
    kept.append(b"a" * 10_000)
    return kept


@pytest.mark.parametrize(("size", "expected"), [("11kB", True), ("1MB", False)])
@pytest.mark.usefixtures("waiting")
def test_a_spool_near_its_size(size: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_SPOOL_MAX_SIZE", size)

    assert ("spool-nearly-full" in found()) is expected


@pytest.mark.parametrize(("age", "expected"), [("7d", True), ("30d", False), ("all", False)])
@pytest.mark.usefixtures("waiting")
def test_a_spool_near_its_age(age: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAGENTIC_SPOOL_MAX_AGE", age)
    now = time.time_ns()
    monkeypatch.setattr(time, "time_ns", lambda: now + 6 * 86_400 * 10**9)

    assert ("spool-nearly-full" in found()) is expected


def test_a_store_that_has_grown_large(monkeypatch: pytest.MonkeyPatch) -> None:
    fastagentic.instrument(destinations=["local"])
    ask()
    fastagentic.flush(timeout=10)
    assert "store-large" not in found()

    monkeypatch.setattr(delivery, "LARGE_BYTES", 1_000)

    assert "store-large" in found()


@pytest.mark.parametrize(
    ("exporter", "destinations", "expected"),
    [
        ("none", "otlp", True),
        ("console", f"otlp={ENDPOINT}", True),
        ("otlp", "otlp", False),
        ("", "otlp", False),
        ("none", "local", False),
    ],
)
def test_metrics_that_are_left_out(exporter: str, destinations: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", exporter)
    monkeypatch.setenv("FASTAGENTIC_DESTINATIONS", destinations)

    assert ("metrics-not-sent" in found()) is expected
