"""A real Prometheus on loopback: it scrapes what it is told to, or takes remote write, and is asked over its API."""

from __future__ import annotations

import json
import subprocess
import urllib.parse
from typing import TYPE_CHECKING, Any, Self

from .process import NotStartedError, Process, answers, get, wait_until
from .programs import free_ports

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Series = dict[str, str]


class Prometheus:
    """`with Prometheus(programs, folder, scrape=[collector.prometheus_address]) as prometheus:`

    `programs` is the folder of `prometheus` and `promtool`. It scrapes the addresses of `scrape` twice a second, and takes
    remote write as well. `rules` are rule files, evaluated as often. Exemplars are kept.
    """

    def __init__(
        self, programs: Path, folder: Path, *, scrape: Sequence[str] = (), rules: Sequence[Path] = (), interval: str = "500ms"
    ) -> None:
        self.programs = programs
        self.folder = folder
        self.scrape = scrape
        self.rules = rules
        self.interval = interval
        self.address = ""
        self._process = Process(folder / "prometheus.log")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its base URL, without a path."""
        return f"http://{self.address}"

    @property
    def remote_write_url(self) -> str:
        """Where it takes remote write."""
        return f"{self.url}/api/v1/write"

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._process.log

    def start(self) -> None:
        """Start it and wait until it is ready."""
        config = self.folder / "prometheus.yml"
        config.write_text(json.dumps(self._config()))  # JSON is YAML
        for attempt in range(3):
            self.address = f"127.0.0.1:{free_ports(1)[0]}"
            command = [
                str(self.programs / "prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={self.folder / 'tsdb'}",
                "--storage.tsdb.retention.time=10y",
                f"--web.listen-address={self.address}",
                "--web.enable-remote-write-receiver",
                "--enable-feature=exemplar-storage",
            ]
            try:
                self._process.start(command, lambda: answers(f"{self.url}/-/ready"))
            except NotStartedError as error:
                if attempt == 2 or "address already in use" not in str(error):
                    raise
            else:
                return

    def stop(self) -> None:
        """End it."""
        self._process.stop()

    def query(self, expression: str, *, at: float | None = None) -> list[tuple[Series, float]]:
        """Labels and value of each series of an instant query; of a scalar, no labels. `at` in seconds since 1970."""
        data = self.get("query", query=expression, **({} if at is None else {"time": at}))
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(one["metric"], float(one["value"][1])) for one in data["result"]]

    def value(self, expression: str) -> float | None:
        """The one value of an expression, None where it has no series; an AssertionError where it has several."""
        found = self.query(expression)
        assert len(found) <= 1, f"{expression} has {len(found)} series"
        return found[0][1] if found else None

    def query_range(self, expression: str, start: float, end: float, step_s: float) -> list[tuple[Series, list[float]]]:
        """Labels and values of each series of a range query."""
        data = self.get("query_range", query=expression, start=start, end=end, step=step_s)
        return [(one["metric"], [float(value) for _, value in one["values"]]) for one in data["result"]]

    def exemplars(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The exemplars of an expression's series: `{"seriesLabels": {...}, "exemplars": [...]}`."""
        found: list[dict[str, Any]] = self.get("query_exemplars", query=expression, start=start, end=end)
        return found

    def series(self, selector: str = '{__name__=~".+"}') -> list[Series]:
        """The label sets of all series that a selector names."""
        found: list[Series] = self.get("series", **{"match[]": selector})
        return found

    def get(self, endpoint: str, **parameters: Any) -> Any:
        """The `data` of an endpoint below `/api/v1/`; an AssertionError with Prometheus' own words on an error."""
        url = f"{self.url}/api/v1/{endpoint}?{urllib.parse.urlencode(parameters)}"
        try:
            answer = json.loads(get(url))
        except OSError as error:
            body = getattr(error, "read", lambda: b"")()
            raise AssertionError(f"{parameters}: {json.loads(body).get('error') if body else error}") from error
        return answer["data"]

    def wait_for(self, expression: str, value: float | None = None, timeout_s: float = 30.0) -> float:
        """The expression's value once it has one (within a millionth of `value`, where that is given)."""

        def holds() -> list[float]:
            found = self.value(expression)
            is_it = found is not None and (value is None or abs(found - value) <= abs(value) * 1e-6)
            return [found] if is_it and found is not None else []

        try:
            [found] = wait_until(holds, f"{expression} = {value}", timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.value(expression)}") from None
        return float(found)

    def _config(self) -> dict[str, Any]:
        return {
            "global": {"scrape_interval": self.interval, "evaluation_interval": self.interval},
            "rule_files": [str(path) for path in self.rules],
            "scrape_configs": [
                # honor_labels: job and instance are the application's, from the collector's own labels
                {"job_name": "collector", "honor_labels": True, "static_configs": [{"targets": list(self.scrape)}]}
            ]
            if self.scrape
            else [],
        }


def promtool(programs: Path, *arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """`promtool` with these arguments; the caller looks at `returncode`, `stdout` and `stderr`."""
    return subprocess.run(
        [str(programs / "promtool"), *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd
    )
