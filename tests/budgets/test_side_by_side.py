"""Many threads and processes against one run's budget: at most the calls in flight pass it, by the provider's own count."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.project.places import REPO

from .redis_server import redis_server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("budgets_benchmark", REPO / "benchmarks" / "budgets.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("ledger", ["process", "local", "redis"])
def test_at_most_the_calls_in_flight_pass_a_limit(ledger: str, benchmark: Any, tmp_path: Path) -> None:
    processes, load = (1 if ledger == "process" else 2), {"threads": 8, "calls": 40}
    if ledger == "redis":
        with redis_server(tmp_path) as url:
            row = benchmark.measure(ledger, url, processes=processes, **load)
    else:
        row = benchmark.measure(ledger, ledger, processes=processes, **load)

    assert 0 <= row.overshoot <= row.most_in_flight - 1
    assert row.refused == processes * 8
