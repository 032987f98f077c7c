"""A real instrumented workload: the demo's calls through the real clients, in a process of its own, and the truth about them.

`play(folder)` makes the calls and ends; `performed(folder, ...)` keeps the process until the `with` ends, so that what its
metrics say (exemplars too) can be looked at. Both give the `Truth`: what the local store of that process holds.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastagentic.store.queries.costs import CostRow, GroupBy, costs, total
from fastagentic.store.reader import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.store.queries.sums import Sums

PROGRAM = Path(__file__).with_name("workload_program.py")
ROOT = Path(__file__).parents[2]
OURS = ("OTEL_", "PORTKEY_", "LANGFUSE_", "OPENAI_", "LITELLM_", "FASTAGENTIC_")
"""Variables of whoever runs the tests: the workload's are these tests' alone."""
LIMIT_S = 180


@dataclass(slots=True, frozen=True)
class Truth:
    """What happened, as the local store of the workload's process says it; `ledger` is what the callers saw."""

    home: Path
    service_name: str
    ledger: list[dict[str, Any]]
    gateway_version: str | None
    """Of the real Portkey gateway; None when the stand-in answered in its place."""

    @property
    def store(self) -> Path:
        """The SQLite file."""
        return self.home / "store.db"

    def rows(self, sql: str, *parameters: Any) -> list[sqlite3.Row]:
        """Rows of the store: tables `calls` (typed columns), `spans` (`attributes` is JSON) and `runs`."""
        with contextlib.closing(sqlite3.connect(f"{self.store.as_uri()}?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return connection.execute(sql, parameters).fetchall()

    def total(self) -> Sums:
        """All calls in one sum."""
        with open_store(self.store) as connection:
            return total(connection)

    def by(self, group: GroupBy | str) -> dict[str, CostRow]:
        """The calls in groups: `Truth.by("model")["gpt-4o"].cost_usd`. A group without a key is under an empty text."""
        with open_store(self.store) as connection:
            return {row.key or "": row for row in costs(connection, by=GroupBy(group))}

    @property
    def cost_usd(self) -> float:
        """Known cost of all calls."""
        return self.total().cost_usd or 0.0

    def spans(self) -> list[dict[str, Any]]:
        """All spans of the workload as plain values, `attributes` as a mapping."""
        return [
            {**dict(row), "attributes": json.loads(row["attributes"])}
            for row in self.rows("SELECT * FROM spans ORDER BY started_ns, ended_ns DESC")
        ]

    def traces_of(self, run: str) -> set[str]:
        """The trace ids of the runs with this name (`single-fallback`, `forced`, `expensive` ...)."""
        return {row["run_id"] for row in self.rows("SELECT run_id FROM runs WHERE name = ?", run)}


@contextlib.contextmanager
def performed(
    folder: Path,
    *,
    otlp: str | None = None,
    langfuse: str | None = None,
    calls: int = 60,
    singles: int = 1,
    seed: int = 7,
    content: bool = False,
    gateway: bool = True,
    service_name: str = "operators-workload",
    **variables: str,
) -> Iterator[Truth]:
    """The workload, played and delivered; its process goes on until the context ends.

    `otlp` and `langfuse` are base URLs to send to, beside the local store in `folder`. `calls` is the size of the demo's plan
    (at least one call of each of its kinds from 27 on), `singles` how many runs of one call follow for each kind. `variables`
    are further environment variables. Metrics are sent twice a second.
    """
    options = {
        "calls": calls, "singles": singles, "seed": seed, "content": content, "gateway": gateway, "service_name": service_name,
        "destinations": ["local", *(["otlp"] if otlp else []), *(["langfuse"] if langfuse else [])],
    }  # fmt: skip
    home = folder / "home"
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), json.dumps(options)],
        cwd=ROOT,
        env=_environment(home, otlp, langfuse, variables),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()  # it writes nothing but this line
        if not line:
            raise RuntimeError(f"the workload failed:\n{process.communicate(timeout=LIMIT_S)[1][-4000:]}")
        said = json.loads(line)
        assert said["was_delivered"], "not everything of the workload was delivered in time"
        yield Truth(home, service_name, said["ledger"], said["gateway"])
        _, errors = process.communicate(timeout=LIMIT_S)  # closes its standard input: it ends
        assert process.returncode == 0, errors
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def play(folder: Path, **options: Any) -> Truth:
    """The workload from beginning to end; options as of `performed`."""
    with performed(folder, **options) as truth:
        return truth


def _environment(home: Path, otlp: str | None, langfuse: str | None, variables: dict[str, str]) -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    found |= {
        "FASTAGENTIC_HOME": str(home),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    if otlp:
        found |= {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    if langfuse:
        found |= {"LANGFUSE_BASE_URL": langfuse, "LANGFUSE_PUBLIC_KEY": "pk-lf-test", "LANGFUSE_SECRET_KEY": "sk-lf-test"}
    return found | variables
