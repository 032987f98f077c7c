"""The plugin in a project's tests: passing and failing sides, and that it keeps out of the way of everybody else."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import fastagentic
from fastagentic.observe.listening import LISTENERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Project = Callable[..., pytest.RunResult]


@pytest.fixture(params=[(), ("-n2",)], ids=["one process", "two workers"])
def anywhere(request: pytest.FixtureRequest, project: Project) -> Project:
    """The same session in this process, and spread over workers of xdist."""
    workers: tuple[str, ...] = request.param
    return lambda tests, *options: project(tests, *options, *workers, is_apart=bool(workers))


def lines(result: pytest.RunResult) -> str:
    return "\n".join(result.outlines)


def test_the_fixture_has_the_calls_of_the_test_and_of_no_other(project: Project) -> None:
    result = project(
        """
def test_one(llm_calls):
    with fastagentic.run("report"):
        ask()
    ask("gpt-4o")
    assert len(llm_calls) == 2
    assert llm_calls.tokens == 60
    assert 0 < llm_calls.by_model["gpt-4o-mini"].cost < llm_calls.by_model["gpt-4o"].cost
    assert list(llm_calls.by_run) == ["report", "(no run)"]
    llm_calls.assert_cost(max_usd=0.02)
    llm_calls.assert_no_unpriced()

def test_unseen():
    ask()

def test_other(llm_calls):
    assert len(llm_calls) == 0
""",
    )

    result.assert_outcomes(passed=3)
    assert "LLM calls: 2 in 2 tests, $0.00024, 60 tokens, 0 cache hits" in lines(result)


@pytest.mark.slow
def test_what_fixtures_call_counts_too_and_a_dropped_stream(project: Project) -> None:
    result = project(
        """
@pytest.fixture
def prepared():
    ask()

def test_one(prepared, llm_calls):
    stream = litellm.completion("gpt-4o-mini", [{"role": "user", "content": "x"}], mock_response="a b c", stream=True)
    next(iter(stream))
    del stream
    assert len(llm_calls) == 2
""",
    )

    result.assert_outcomes(passed=1)


@pytest.mark.slow
def test_a_failed_assertion_is_told_in_the_words_of_the_calls(anywhere: Project) -> None:
    result = anywhere(
        """
def test_dear(llm_calls):
    ask("gpt-4o", "word " * 500)
    llm_calls.assert_cost(max_usd=0.0001)

def test_cached(llm_calls):
    ask()
    llm_calls.assert_cached(at_least=3)

def test_unpriced(llm_calls):
    ask("openai/llama-of-tomorrow")
    llm_calls.assert_no_unpriced()
""",
    )

    result.assert_outcomes(failed=3)
    printed = lines(result)
    assert "AssertionError: the LLM calls cost $0.000225, more than $0.0001" in printed
    assert "AssertionError: the cache answered 0 of 1 LLM call, not at least 3" in printed
    assert "AssertionError: 1 LLM call of unknown cost, of llama-of-tomorrow" in printed
    assert "gpt-4o-mini  (no run)  30 tokens" in printed
    assert "1 of unknown cost" in printed
    assert "_fail(" not in printed  # the traceback ends in the test


@pytest.mark.slow
def test_a_marker_limits_a_test(anywhere: Project) -> None:
    result = anywhere(
        """
@pytest.mark.llm_budget(usd=0.05)
def test_cheap():
    ask()

@pytest.mark.llm_budget(usd=0.000001)
def test_dear():
    ask()

@pytest.mark.llm_budget(usd=1)
def test_unknown():
    ask("openai/llama-of-tomorrow")

@pytest.mark.llm_budget(usd=1, allow_unpriced=True)
def test_unknown_and_allowed():
    ask("openai/llama-of-tomorrow")

@pytest.mark.llm_budget(usd=1)
def test_that_fails_anyway():
    assert ask() is None
""",
    )

    result.assert_outcomes(passed=2, failed=3)
    printed = lines(result)
    assert "@pytest.mark.llm_budget(usd=1e-06): the LLM calls cost $1.35e-05, more than $1e-06" in printed
    assert "@pytest.mark.llm_budget(usd=1): what the LLM calls cost is not known" in printed


@pytest.mark.slow
def test_a_marker_that_says_nothing_is_an_error_that_says_what_it_takes(anywhere: Project) -> None:
    result = anywhere("@pytest.mark.llm_budget('much')\ndef test_one():\n    pass\n", "--strict-markers")

    assert "@pytest.mark.llm_budget takes usd=..., USD" in lines(result)


@pytest.mark.slow
def test_the_report_has_every_test_that_made_calls(anywhere: Project, pytester: pytest.Pytester) -> None:
    result = anywhere(
        """
def test_cheap():
    ask()

def test_dear():
    with fastagentic.run("essay"):
        ask("gpt-4o")

def test_quiet():
    pass
""",
        "--llm-report=out/calls.json",
    )

    result.assert_outcomes(passed=3)
    report = json.loads((pytester.path / "out/calls.json").read_text())
    assert (report["tests_observed"], report["calls"], report["unpriced_calls"]) == (3, 2, 0)
    assert [test["test"] for test in report["tests"]] == ["test_it.py::test_dear", "test_it.py::test_cheap"]
    assert report["tests"][0]["made"][0]["run"] == "essay"
    assert set(report["by_model"]) == {"gpt-4o", "gpt-4o-mini"}
    assert report["cost_usd"] == pytest.approx(sum(test["cost_usd"] for test in report["tests"]))
    assert "LLM calls by test: out/calls.json" in lines(result)


@pytest.mark.slow
def test_a_project_that_asks_for_nothing_is_told_nothing(project: Project) -> None:
    result = project("def test_one():\n    ask()\n")

    result.assert_outcomes(passed=1)
    assert "LLM calls" not in lines(result)


@pytest.mark.slow
def test_nothing_stays_on_after_a_test(project: Project) -> None:
    result = project(
        """
from opentelemetry import metrics, trace
BEFORE = type(trace.get_tracer_provider()), type(metrics.get_meter_provider()), litellm.completion

def test_one(llm_calls):
    ask()

def test_after():
    assert (type(trace.get_tracer_provider()), type(metrics.get_meter_provider()), litellm.completion) == BEFORE
    from fastagentic import _api
    assert not _api.is_instrumented()
""",
    )

    result.assert_outcomes(passed=2)
    assert LISTENERS == []


@pytest.mark.slow
def test_a_program_that_instruments_in_the_test_gets_its_own_providers_and_keeps_them(project: Project) -> None:
    result = project(
        """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

def test_one(llm_calls):
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    fastagentic.instrument(destinations=[], tracer_provider=provider)
    with fastagentic.run("mine"):
        ask()
    assert [span.name for span in exporter.get_finished_spans()] == ["chat gpt-4o-mini", "invoke_workflow mine"]
    assert len(llm_calls) == 1

def test_after(llm_calls):
    from fastagentic import _api
    assert _api.is_instrumented() and not _api.is_provisional()
    ask()
    assert len(llm_calls) == 1
""",
    )

    fastagentic.uninstrument()
    result.assert_outcomes(passed=2)
    assert "was called again" not in lines(result)


@pytest.mark.slow
def test_the_budget_of_a_run_holds_in_a_test(project: Project) -> None:
    result = project(
        """
def test_one(llm_calls):
    with fastagentic.run("report", budget_usd=0.00001):
        ask()
        with pytest.raises(fastagentic.BudgetExceeded):
            ask()
    assert (len(llm_calls), llm_calls.errors) == (2, 1)
""",
    )

    result.assert_outcomes(passed=1)


def test_a_start_of_pytest_loads_nothing_of_us_but_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_one(): pass\n")
    program = (
        "import sys, pytest; assert pytest.main(['-q', '-p', 'no:cacheprovider']) == 0; "
        "print(sorted(name for name in sys.modules if name.startswith(('fastagentic', 'opentelemetry', 'pydantic', 'wrapt'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )

    loaded = eval(done.stdout.splitlines()[-1])  # our own print
    assert loaded == ["fastagentic", "fastagentic._version", "fastagentic.testing", "fastagentic.testing.plugin"]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2])
def test_the_workers_of_xdist_report_to_one(project: Project, pytester: pytest.Pytester, workers: int) -> None:
    tests = """
@pytest.mark.parametrize("number", range(6))
def test_each(number, llm_calls):
    ask()
    llm_calls.assert_calls(at_most=1)

@pytest.mark.llm_budget(usd=0.000001)
def test_dear():
    ask()
"""
    result = project(tests, f"-n{workers}", "--llm-report=calls.json", is_apart=True)

    result.assert_outcomes(passed=6, failed=1)
    assert "LLM calls: 7 in 7 tests, " in lines(result)
    report = json.loads((pytester.path / "calls.json").read_text())
    assert (report["calls"], len(report["tests"])) == (7, 7)


@pytest.mark.slow
def test_a_session_of_its_own_process_is_the_same(project: Project, pytester: pytest.Pytester) -> None:
    result = project("def test_one(llm_calls):\n    ask()\n    llm_calls.assert_cost(max_usd=1)\n", is_apart=True)

    result.assert_outcomes(passed=1)
    assert "LLM calls: 1 in 1 test, " in lines(result)
