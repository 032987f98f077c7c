"""The hourly check of Prometheus against ClickHouse: both fed by one workload, asked, and then made to part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
import urllib.parse
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from .clickhouse import ClickHouse
from .collector import Collector
from .process import wait_until
from .prometheus import Prometheus, promtool
from .workload import performed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .workload import Truth

pytest.importorskip("chdb", reason="chdb is in the group operators: make operators")

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "deploy/consistency/check.py"
RULES = ROOT / "dashboards/rules"


class Handler(BaseHTTPRequestHandler):
    """ClickHouse's HTTP interface as far as the check uses it, over the engine in this process; and a Pushgateway."""

    clickhouse: ClickHouse
    lock = threading.Lock()
    pushed: list[str]

    def do_POST(self) -> None:
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        parameters = {name.removeprefix("param_"): value for name, (value,) in query.items()}
        sql = self._body().replace("FORMAT JSONEachRow", "")
        if self.headers["X-ClickHouse-User"] != "reader" or self.headers["X-ClickHouse-Key"] != "secret":
            self._answer(403, "Code: 516. Authentication failed")
            return
        with self.lock:
            rows = self.clickhouse.rows(sql, **parameters)
        self._answer(200, "".join(json.dumps(row) + "\n" for row in rows))

    def do_PUT(self) -> None:
        self.pushed.append(f"{self.path}\n{self._body()}")
        self._answer(200, "")

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"])).decode()

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what failed."""


class Books(NamedTuple):
    """Both stores, and where the check finds them."""

    truth: Truth
    clickhouse: ClickHouse
    prometheus: Prometheus
    variables: dict[str, str]
    pushed: list[str]
    facts: Path
    hour: str


@pytest.fixture(scope="module")
def books(collector_binary: Path, prometheus_2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """A workload through a real collector: its metrics in Prometheus, its calls in ClickHouse."""
    folder = tmp_path_factory.mktemp("consistency")
    facts = folder / "calls.jsonl"
    wait_until(lambda: time.time() % 3600 < 3480, "an hour that the workload fits into", timeout_s=180)
    hour = f"{datetime.now(UTC):%Y-%m-%dT%H}"
    with (
        ClickHouse(folder / "chdb") as clickhouse,
        Collector(collector_binary, folder, "all-in-one.yaml", "with-file.yaml", FACTS_FILE=str(facts)) as collector,
        Prometheus(prometheus_2, folder, scrape=[collector.prometheus_address]) as prometheus,
        performed(folder, otlp=collector.otlp_endpoint) as truth,
    ):
        handler = type("Own", (Handler,), {"clickhouse": clickhouse, "pushed": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        prometheus.wait_for("sum(fastagentic_cost_USD_total)", truth.cost_usd)
        calls = truth.total().calls
        wait_until(lambda: facts.exists() and clickhouse_calls(clickhouse, facts) >= calls, f"{calls} calls in {facts}")
        url = f"http://127.0.0.1:{server.server_port}"
        variables = {
            "PROMETHEUS_URL": prometheus.url,
            "CLICKHOUSE_URL": url,
            "CLICKHOUSE_USER": "reader",
            "CLICKHOUSE_PASSWORD": "secret",
            # the hour is not over: Prometheus is asked as of its latest sample
            "EXPORT_LAG_SECONDS": str(
                int(time.time()) + 1 - int(datetime.fromisoformat(f"{hour}:00+00:00").timestamp()) - 3600
            ),
        }
        yield Books(truth, clickhouse, prometheus, variables, handler.pushed, facts, hour)  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()


def clickhouse_calls(clickhouse: ClickHouse, facts: Path) -> int:
    """How many calls ClickHouse has once it was given the file as it is now, from its beginning each time."""
    clickhouse.take(facts)
    ((found,),) = [tuple(row.values()) for row in clickhouse.rows("SELECT count() FROM otel.llm_calls")]
    return int(found)


def check(books: Books, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [sys.executable, str(CHECK), "--hour", books.hour, *arguments],
        env={**environment, **books.variables, **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_both_agree_with_the_local_store_whatever_arrived_twice(books: Books) -> None:
    clickhouse_calls(books.clickhouse, books.facts)  # everything once more
    done = check(books, "--json")

    assert done.returncode == 0, done.stdout + done.stderr
    service, total = json.loads(done.stdout)
    assert service["service"] == books.truth.service_name
    assert total["prometheus_usd"] == pytest.approx(books.truth.cost_usd, abs=1e-6)
    assert total["clickhouse_usd"] == pytest.approx(books.truth.cost_usd, abs=1e-6)
    assert total["difference"] == 0


def test_a_person_gets_a_table(books: Books) -> None:
    done = check(books)

    assert [line.split()[0] for line in done.stdout.splitlines()] == [books.hour[:10], books.truth.service_name, "total"]
    assert done.stdout.count("+0.00%") == 2


def test_calls_that_are_missing_in_clickhouse_are_found_and_told_to_prometheus(books: Books, tmp_path: Path) -> None:
    books.clickhouse.run("DELETE FROM otel.llm_call_facts WHERE cost_usd = (SELECT max(cost_usd) FROM otel.llm_call_facts)")
    books.clickhouse.run("TRUNCATE TABLE otel.llm_cost_1m_sums")
    file = tmp_path / "consistency.prom"
    try:
        done = check(books, "--json", "--floor", "0", TEXTFILE=str(file), PUSHGATEWAY_URL=books.variables["CLICKHOUSE_URL"])
    finally:
        clickhouse_calls(books.clickhouse, books.facts)

    assert done.returncode == 1, done.stdout + done.stderr
    (*_, total) = json.loads(done.stdout)
    assert total["difference"] > 0.02
    assert total["prometheus_usd"] == pytest.approx(books.truth.cost_usd, abs=1e-6)
    said = dict(line.split() for line in file.read_text().splitlines() if not line.startswith("#"))
    assert float(said["fastagentic_consistency_difference_ratio"]) == pytest.approx(total["difference"], abs=1e-6)
    assert abs(float(said["fastagentic_consistency_checked_timestamp_seconds"]) - time.time()) < 600
    assert books.pushed == [f"/metrics/job/fastagentic-consistency\n{file.read_text()}"]
    assert list(tmp_path.iterdir()) == [file]


def test_what_it_writes_is_what_the_alerts_read(books: Books, prometheus_2: Path) -> None:
    expressions = {
        rule["expr"] for group in yaml.safe_load((RULES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
    }
    read = {name for name in constants() if any(name in one for one in expressions)}

    assert read == set(constants())


def constants() -> list[str]:
    """The series that the check writes."""
    return [line.split('"')[1] for line in CHECK.read_text().splitlines() if line.startswith(("DIFFERENCE =", "CHECKED ="))]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CLICKHOUSE_PASSWORD": "wrong"}, "not compared: HTTP 403: Code: 516. Authentication failed"),
        ({"PROMETHEUS_URL": "http://127.0.0.1:9"}, "not compared: "),
    ],
    ids=["a wrong password", "no Prometheus"],
)
def test_a_store_that_cannot_be_asked_is_no_agreement(variables: dict[str, str], said: str, books: Books) -> None:
    done = check(books, **variables)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said)


def test_an_hour_that_is_none_is_refused_with_an_example(books: Books) -> None:
    done = check(books, "--hour", "yesterday")

    assert done.returncode == 2
    assert "--hour is 'yesterday'; it takes an hour such as 2026-11-25T09" in done.stderr


def expression() -> str:
    """What Prometheus is asked for an hour."""
    code = f"import runpy; print(runpy.run_path({str(CHECK)!r})['PROMETHEUS'].format(window=3600))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_an_hour_of_a_counter_is_what_was_added_in_it(prometheus_programs: Path, tmp_path: Path) -> None:
    """Of one that goes on, one that begins above 0, one that is reset, and one that has ended before."""
    series = {"on": "0+1x300", "new": "_x200 7+1x100", "reset": "0+1x210 1+1x90", "ended": "0+1x100", "idle": "5x300"}
    document: dict[str, Any] = {
        "rule_files": [],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [
                    {"series": f'fastagentic_cost_USD_total{{service_name="{name}"}}', "values": values}
                    for name, values in series.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": f"round({expression()}, 0.1)",
                        "eval_time": "240m",
                        "exp_samples": [
                            {"labels": f'{{service_name="{name}"}}', "value": value}
                            for name, value in {"on": 60, "new": 47, "reset": 60, "idle": 0}.items()
                        ],
                    }
                ],
            }
        ],
    }
    (tmp_path / "hour.yaml").write_text(json.dumps(document))

    tested = promtool(prometheus_programs, "test", "rules", tmp_path / "hour.yaml")

    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_the_units_and_the_job_run_the_script_that_is_here() -> None:
    folder = CHECK.parent
    (job,) = yaml.safe_load_all((folder / "cronjob.yaml").read_text())
    (container,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    readme, script = (folder / "README.md").read_text(), CHECK.read_text()
    used = {one["name"] for one in container["env"]} | {"CLICKHOUSE_USER", "CLICKHOUSE_PASSWORD", "TEXTFILE"}

    assert "/check.py" in container["command"][-1]
    assert "check.py" in (folder / "fastagentic-consistency.service").read_text()
    assert all(f'"{name}"' in script and f"`{name}`" in readme for name in used)
