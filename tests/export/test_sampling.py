"""Ratio sampling on our provider: the share that was asked for, whatever the run ids are, and whole traces only."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 3_000
SPANS_A_RUN = 3

PROGRAM = """
import json, sys, uuid
import fastagentic
from fastagentic.export.destination import Accepted
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

traces = {}
class Kept:
    name, endpoint = "kept", "test:kept"
    def wants(self, span): return True
    def dress(self, span): return None
    def close(self): pass
    def send(self, payload, timeout_s):
        for of in ExportTraceServiceRequest.FromString(payload.body).resource_spans:
            for scope in of.scope_spans:
                for span in scope.spans:
                    traces[span.trace_id] = traces.get(span.trace_id, 0) + 1
        return Accepted()

IDS = {"random": lambda n: None, "uuid": lambda n: uuid.uuid4(), "hashed": lambda n: f"order-{n}"}
fastagentic.instrument(destinations=["local", Kept()])
for number in range(int(sys.argv[2])):
    with fastagentic.run("outer", run_id=IDS[sys.argv[1]](number)):
        with fastagentic.run("inner"):
            with fastagentic.run("innermost"):
                pass
print(json.dumps({"flushed": fastagentic.flush(30), "spans": sorted(traces.values())}))
"""


def sampled(ids: str, home: Path) -> list[int]:
    """How many spans of each sampled trace came in, of `RUNS` runs at a ratio of 0.1."""
    environment = {
        **os.environ,
        "FASTAGENTIC_HOME": str(home),
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.1",
    }
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, ids, str(RUNS)], env=environment, capture_output=True, text=True, check=True
    )
    said: dict[str, Any] = json.loads(run.stdout)
    assert said["flushed"]
    return list(said["spans"])


@pytest.mark.parametrize("ids", ["random", "uuid", "hashed"])
def test_a_tenth_is_a_tenth_and_traces_are_whole_while_the_store_sees_every_run(ids: str, own_environment: Path) -> None:
    from fastagentic.store.location import store_path
    from fastagentic.store.queries.status import status
    from fastagentic.store.reader import open_store

    spans = sampled(ids, own_environment)
    assert set(spans) == {SPANS_A_RUN}
    deviation = math.sqrt(RUNS * 0.1 * 0.9)
    assert abs(len(spans) - RUNS * 0.1) < 5 * deviation
    with open_store(store_path()) as connection:
        assert status(connection, store_path()).spans == RUNS * SPANS_A_RUN
