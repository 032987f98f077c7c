"""What the other tests stand on: the workload's numbers reach Prometheus through the collector, and everything ends."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from .collector import Collector
from .programs import ROOT
from .prometheus import Prometheus, promtool
from .workload import performed

if TYPE_CHECKING:
    from pathlib import Path

    from .workload import Truth


def test_the_workload_has_something_of_everything(played: Truth) -> None:
    sums = played.total()
    assert sums.calls > 80
    assert sums.errors > 5
    assert sums.hits > 2
    assert sums.unpriced >= 2
    assert len(played.by("model")) >= 6
    assert set(played.by("gateway")) >= {"portkey", "litellm"}
    assert {row["tenant_id"] for row in played.rows("SELECT tenant_id FROM runs")} >= {"acme", "globex"}
    assert played.rows("SELECT 1 FROM calls WHERE fallback_used")
    assert played.rows("SELECT 1 FROM calls WHERE retries > 0")
    for name in ("forced", "slow", "secret", "expensive", "single-fallback", "single-down"):
        assert played.traces_of(name), name


def test_the_cost_in_prometheus_is_that_of_the_store(collector_binary: Path, prometheus_2: Path, tmp_path: Path) -> None:
    with (
        Collector(collector_binary, tmp_path, "all-in-one.yaml") as collector,
        Prometheus(prometheus_2, tmp_path, scrape=[collector.prometheus_address]) as prometheus,
        performed(tmp_path, otlp=collector.otlp_endpoint, gateway=False) as truth,
    ):
        prometheus.wait_for("sum(fastagentic_cost_USD_total)", truth.cost_usd)
        assert prometheus.value("count(target_info)") == 1


def test_promtool_is_at_hand(prometheus_programs: Path) -> None:
    done = promtool(prometheus_programs, "--version")
    assert "promtool, version" in done.stdout + done.stderr


@pytest.mark.parametrize("line", ["collector.sh", "prometheus.sh"])
def test_a_script_that_finds_nothing_says_what_to_do(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    done = subprocess.run(["sh", str(ROOT / "scripts" / line), "find"], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert line in done.stderr or "make collector" in done.stderr
