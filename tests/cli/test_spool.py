"""`fastagentic spool`: an operator looks at what waits, takes it out, or sends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from fastagentic.export.encode import request
from fastagentic.export.record import Frame, Record
from fastagentic.export.spool import Spool
from fastagentic.export.spool.notes import spool_directory
from fastagentic.export.spool.survey import survey
from tests.export.receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Cli

ENDPOINT = "http://collector.example.com:4318/v1/traces"
FRAME = Frame(ResourceSpans(resource=Resource()).SerializeToString(), b"")


def record(name: str) -> Record:
    span = Span(name=name, trace_id=b"\xab" * 16, span_id=b"\xcd" * 8, kind=Span.SPAN_KIND_CLIENT)
    return Record(FRAME, ScopeSpans(spans=[span]).SerializeToString(), 1, time.time_ns())


def make(home: Path, name: str = "otlp", endpoint: str = ENDPOINT) -> Spool:
    return Spool(
        spool_directory(home, name, endpoint), max_bytes=1 << 30, max_age_s=None, on_dropped=print, name=name, endpoint=endpoint
    )


@pytest.fixture
def left(own_environment: Path) -> Path:
    """What a dead process left: two spans that wait, one that was refused, three that were lost."""
    spool = make(own_environment)
    spool.append(record("first"))
    spool.append(record("second"))
    spool.set_aside(request([record("refused")]).body, 1, "400")
    spool.note_drop(3, "spool full")
    spool.close()
    return own_environment


def test_status_tells_of_it_beside_the_store(cli: Cli, left: Path) -> None:
    said = cli("status").stdout

    assert f"sends     otlp ({ENDPOINT}): 2 spans waiting; 1 refused: see fastagentic spool export; 3 lost: spool full" in said
    (found,) = json.loads(cli("status", "--json").stdout)["destinations"]
    assert (found["name"], found["waiting"], found["refused"]) == ("otlp", 2, 1)
    assert found["lost"] == [{"reason": "spool full", "spans": 3}]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def names_in(data: bytes) -> list[str]:
    message = ExportTraceServiceRequest.FromString(data)
    return [span.name for of in message.resource_spans for scope in of.scope_spans for span in scope.spans]


# --- status ---------------------------------------------------------------------------------------


def test_status_says_what_waits_what_was_refused_and_what_was_lost(cli: Cli, left: Path) -> None:
    result = cli("spool", "status")

    assert result.exit_code == 0
    (row,) = [line.split() for line in result.stdout.splitlines() if line.startswith("otlp")]
    assert row[1] == ENDPOINT
    assert row[2] == "2"
    assert row[-2:] == ["1", "3"]
    assert "otlp: 3 spans lost (spool full)" in result.stderr


def test_status_as_json(cli: Cli, left: Path) -> None:
    (found,) = json.loads(cli("spool", "status", "--json").stdout)

    assert (found["destination"], found["endpoint"]) == ("otlp", ENDPOINT)
    assert (found["spans"], found["orphaned_spans"], found["processes"]) == (2, 2, {"alive": 0, "dead": 1})
    assert found["refused"] == {"requests": 1, "spans": 1, "reasons": ["400"]}
    assert [(drop["reason"], drop["spans"]) for drop in found["drops"]] == [("spool full", 3)]
    assert found["oldest"] is not None
    assert found["size_bytes"] > 100


def test_status_tells_a_living_process_from_a_dead_one(cli: Cli, left: Path) -> None:
    living = make(left)
    living.append(record("third"))

    (found,) = json.loads(cli("spool", "status", "--json").stdout)

    assert (found["spans"], found["orphaned_spans"], found["processes"]) == (3, 2, {"alive": 1, "dead": 1})
    living.close()


def test_status_changes_nothing(cli: Cli, left: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in left.rglob("*")}

    cli("spool", "status")

    assert {path: path.stat().st_mtime_ns for path in left.rglob("*")} == before


def test_where_nothing_ever_waited_status_says_so(cli: Cli, own_environment: Path) -> None:
    result = cli("spool", "status")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "Nothing waits" in result.stderr
    assert json.loads(cli("spool", "status", "--json").stdout) == []
    assert not own_environment.exists()


# --- export ---------------------------------------------------------------------------------------


def test_export_writes_otlp_json_lines_and_leaves_all_where_it_is(cli: Cli, left: Path, tmp_path: Path) -> None:
    result = cli("spool", "export", "--output", str(tmp_path / "spans.jsonl"))

    assert result.exit_code == 0
    assert "Copied 2 waiting spans and 1 refused" in result.stderr
    lines = [json.loads(line) for line in (tmp_path / "spans.jsonl").read_text().splitlines()]
    spans = [span for line in lines for of in line["resourceSpans"] for scope in of["scopeSpans"] for span in scope["spans"]]
    assert [span["name"] for span in spans] == ["first", "second", "refused"]
    assert (spans[0]["traceId"], spans[0]["spanId"], spans[0]["kind"]) == ("ab" * 16, "cd" * 8, 3)
    assert [(one.spans, one.aside_spans) for one in survey(left)] == [(2, 1)]


def test_export_writes_one_protobuf_request_however_often_it_adds_to_it(cli: Cli, left: Path, tmp_path: Path) -> None:
    for _ in range(2):
        cli("spool", "export", "otlp", "--format", "otlp-proto", "--output", str(tmp_path / "spans.pb"))

    assert names_in((tmp_path / "spans.pb").read_bytes()) == ["first", "second", "refused"] * 2
    assert (tmp_path / "spans.pb").stat().st_mode & 0o777 == 0o600


def test_export_to_a_pipe(left: Path) -> None:
    command = [sys.executable, "-m", "fastagentic", "spool", "export", "--format", "otlp-proto"]

    done = subprocess.run(command, capture_output=True, env={**os.environ, "FASTAGENTIC_HOME": str(left)}, check=True)

    assert names_in(done.stdout) == ["first", "second", "refused"]


def test_export_deletes_what_it_wrote_when_asked_to_but_not_what_a_living_process_holds(
    cli: Cli, left: Path, tmp_path: Path
) -> None:
    living = make(left)
    living.append(record("third"))

    result = cli("spool", "export", "--format", "otlp-proto", "--output", str(tmp_path / "spans.pb"), "--delete")

    assert "Moved 2 waiting spans and 1 refused" in result.stderr
    assert "1 span of living processes" in result.stderr
    assert names_in((tmp_path / "spans.pb").read_bytes()) == ["first", "second", "refused"]
    assert [(one.spans, one.orphaned_spans, one.aside_spans) for one in survey(left)] == [(1, 0, 0)]
    living.close()


def test_export_to_where_nothing_can_be_written_deletes_nothing(cli: Cli, left: Path, tmp_path: Path) -> None:
    result = cli("spool", "export", "--delete", "--output", str(tmp_path / "nowhere" / "spans.jsonl"))

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert [(one.spans, one.aside_spans) for one in survey(left)] == [(2, 1)]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="platform: no /dev/full")
def test_export_to_a_full_disk_deletes_nothing(cli: Cli, left: Path) -> None:
    result = cli("spool", "export", "--delete", "--output", "/dev/full")

    assert result.exit_code == 1
    assert "No space left" in result.stderr
    assert [(one.spans, one.aside_spans) for one in survey(left)] == [(2, 1)]


def test_export_of_an_unknown_destination_names_those_there_are(cli: Cli, left: Path) -> None:
    result = cli("spool", "export", "langfuse")

    assert result.exit_code == 2
    assert "there are: otlp" in result.stderr


# --- drain ----------------------------------------------------------------------------------------


def test_drain_sends_what_dead_processes_left(cli: Cli, own_environment: Path, receiver: Receiver) -> None:
    destinations = f"otlp={receiver.endpoint}/v1/traces"
    from fastagentic._instrumentation import chosen_by_settings

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("FASTAGENTIC_DESTINATIONS", destinations)
        (delivery,) = chosen_by_settings({}).deliveries
    delivery.spool.append(record("first"))
    delivery.spool.append(record("second"))
    delivery.spool.close()

    result = cli("spool", "drain", "--timeout", "20s", FASTAGENTIC_DESTINATIONS=destinations)

    assert result.exit_code == 0, result.stderr
    assert "Nothing is left" in result.stderr
    assert sorted(span.name for span in receiver.spans) == ["first", "second"]
    assert [one.spans for one in survey(own_environment)] == [0]


def test_drain_exits_with_1_when_the_destination_takes_nothing(cli: Cli, own_environment: Path, receiver: Receiver) -> None:
    receiver.mode = "503"
    destinations = f"otlp={receiver.endpoint}/v1/traces"
    name = f"otlp={receiver.endpoint}/v1/traces"
    spool = make(own_environment, name, receiver.endpoint + "/v1/traces")
    spool.append(record("first"))
    spool.close()

    result = cli("spool", "drain", "--timeout", "1s", FASTAGENTIC_DESTINATIONS=destinations)

    assert result.exit_code == 1
    assert "1 span left for" in result.stderr
    assert [one.orphaned_spans for one in survey(own_environment)] == [1]


def test_drain_says_what_is_left_of_destinations_that_the_settings_do_not_name(cli: Cli, left: Path) -> None:
    result = cli("spool", "drain")

    assert result.exit_code == 1
    assert f"2 spans left for otlp ({ENDPOINT})" in result.stderr
    assert "FASTAGENTIC_DESTINATIONS" in result.stderr


def test_drain_of_nothing_is_done(cli: Cli, own_environment: Path) -> None:
    assert cli("spool", "drain").exit_code == 0


def test_a_bad_timeout_is_wrong_usage(cli: Cli, own_environment: Path) -> None:
    result = cli("spool", "drain", "--timeout", "soon")

    assert result.exit_code == 2
    assert "--timeout (option) is 'soon'" in result.stderr


@pytest.mark.parametrize("command", ["status", "export", "drain"])
def test_every_command_helps_in_80_columns(cli: Cli, command: str) -> None:
    result = cli("spool", command, "--help", COLUMNS="80")

    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
