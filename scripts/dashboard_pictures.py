"""Pictures of the dashboards for the documentation: `make pictures`. A preview, not Grafana.

The committed JSON, drawn by dashboards/preview with the answers of a real Prometheus and ClickHouse. What they hold is the
demo's workload, which went through the real collector; so that the graphs have a day to show, its series and spans are made to
begin in the past (dashboards/preview/history.py).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.operators.clickhouse import ClickHouse  # noqa: E402
from tests.operators.collector import Collector  # noqa: E402
from tests.operators.programs import find_collector, find_prometheus  # noqa: E402
from tests.operators.prometheus import Prometheus, promtool  # noqa: E402
from tests.operators.workload import performed  # noqa: E402

from dashboards.preview import answers, history, picture  # noqa: E402
from dashboards.preview.interpolate import View  # noqa: E402

if TYPE_CHECKING:
    from tests.operators.workload import Truth

HOUR_S, DAY_S = 3600.0, 86400.0
OURS = '{__name__=~"(gen_ai|fastagentic)_.*|target_info"}'
TIMES_AN_HOUR = 20.0  # the workload is played, in the mean of the made-up past
TOLD = "the demo's workload through a real collector; its past is made up"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ROOT / "docs/images", help="where the pictures go (%(default)s)")
    parser.add_argument("--keep", type=Path, help="keep the pages in this folder, to open them in a browser")
    options = parser.parse_args()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fastagentic/preview"
    echarts = picture.library(cache)
    options.into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name, page in filled_pages(Path(scratch), options.keep or Path(scratch) / "pages", echarts).items():
            into = options.into / f"dashboards-{name}.png"
            picture.take_picture(page, json.loads((ROOT / "dashboards" / f"{name}.json").read_text()), into)
            print(f"{into.relative_to(ROOT) if into.is_relative_to(ROOT) else into}: {into.stat().st_size // 1000} kB")


def filled_pages(scratch: Path, pages: Path, echarts: Path) -> dict[str, Path]:
    """The page of each dashboard, filled, by the dashboard's name."""
    programs, facts = find_prometheus("2"), scratch / "facts.jsonl"
    rules = sorted((ROOT / "dashboards/rules").glob("*.yaml"))
    with (
        Collector(find_collector(), scratch, "all-in-one.yaml", "with-file.yaml", FACTS_FILE=str(facts)) as collector,
        Prometheus(programs, scratch, scrape=[collector.prometheus_address]) as prometheus,
        performed(
            scratch, otlp=collector.otlp_endpoint, calls=300, FASTAGENTIC_BUDGETS="month=2500, month.action=warn"
        ) as truth,
        ClickHouse(scratch / "clickhouse") as clickhouse,
    ):
        prometheus.wait_for("sum(gen_ai_client_operation_duration_seconds_count)", truth.total().calls)
        remember(prometheus, scratch, rules, time.time())
        prometheus.wait_for("max(service:llm_budget_burn:ratio_rate1d)")
        now = time.time()
        for back in range(int(6.5 * TIMES_AN_HOUR)):
            clickhouse.take(facts, back=back, slot_s=HOUR_S / TIMES_AN_HOUR)
        return {
            path.stem: fill(path, pages, echarts, prometheus, clickhouse, truth, now)
            for path in sorted((ROOT / "dashboards").glob("*.json"))
        }


def remember(prometheus: Prometheus, scratch: Path, rules: list[Path], now: float) -> None:
    """Give the live series a past: a day of all of them, and of cost the same day of last week. Then come the rules."""
    live = [({**labels}, value) for labels, value in prometheus.query(OURS)]
    costs = [one for one in live if one[0]["__name__"] == "fastagentic_cost_USD_total"]
    prometheus.stop()
    spans = ((live, now - DAY_S - HOUR_S, now - 60, 120.0, 7), (costs, now - 8 * DAY_S, now - 7 * DAY_S + HOUR_S, 300.0, 8))
    for samples, start, end, step_s, seed in spans:
        text = scratch / f"past-{seed}.txt"
        with text.open("w") as file:
            file.writelines(history.openmetrics(samples, start, end, step_s, times_an_hour=TIMES_AN_HOUR, seed=seed))
        made = promtool(prometheus.programs, "tsdb", "create-blocks-from", "openmetrics", text, scratch / "tsdb")
        if made.returncode:
            raise RuntimeError(made.stderr)
    prometheus.rules = rules
    prometheus.start()
    for at in range(2):  # a rule that reads another's series finds them the second time
        for path in rules:
            evaluated = scratch / f"rules-{at}"
            made = promtool(
                prometheus.programs, "tsdb", "create-blocks-from", "rules", f"--start={now - 7 * HOUR_S:.0f}",
                f"--end={now - 60:.0f}", "--eval-interval=120s", f"--url={prometheus.url}", f"--output-dir={evaluated}", path,
            )  # fmt: skip
            if made.returncode:
                raise RuntimeError(made.stderr)
        prometheus.stop()
        for block in evaluated.iterdir():
            block.rename(scratch / "tsdb" / block.name)
        prometheus.start()


def fill(
    path: Path, pages: Path, echarts: Path, prometheus: Prometheus, clickhouse: ClickHouse, truth: Truth, now: float
) -> Path:
    """One dashboard's page in a folder of its own: the last six hours, and the run with the most calls."""
    dashboard: dict[str, Any] = json.loads(path.read_text())
    folder = pages / path.stem
    folder.mkdir(parents=True, exist_ok=True)
    run = truth.rows("SELECT run_id, count(*) AS n FROM calls GROUP BY run_id ORDER BY n DESC LIMIT 1")[0]["run_id"]
    view = replace(View(now - 6 * HOUR_S, now, step_s=120.0, scrape_s=120.0, chosen={"run_id": run}).of(dashboard))
    given = answers.answers(dashboard, view, answers.Prometheus(prometheus.url), clickhouse.rows)
    picture.write_page(folder, echarts, dashboard, given, view, TOLD)
    return folder


if __name__ == "__main__":
    main()
