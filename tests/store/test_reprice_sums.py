"""Correcting a whole store: what comes out is what tokens and rates say that were never near our pricing."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tests.project.places import REPO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BENCHMARKS = REPO / "benchmarks"
CALLS = 20_000


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`benchmarks/reprice.py`, with the modules beside it."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    spec = importlib.util.spec_from_file_location("reprice_benchmark", BENCHMARKS / "reprice.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


@pytest.mark.slow
def test_a_store_that_is_killed_over_and_then_corrected_comes_to_an_independent_sum(benchmark: Any, tmp_path: Path) -> None:
    figures = benchmark.measure(tmp_path, CALLS, 7, Console(quiet=True))

    assert figures.is_as_before
    assert figures.found == figures.expected
    assert figures.ended.corrected == figures.found.repriced > CALLS // 2
    assert figures.differing == ()
    assert figures.questions > 10
