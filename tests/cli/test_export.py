"""`fastagentic export` and `fastagentic import`, as people and cron meet them."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from fastagentic.store.location import store_path
from tests.export.receiver import Receiver
from tests.store.answers import answers
from tests.store.build import priced, store

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli


def test_an_export_goes_to_stdout_where_no_file_is_named(cli: Cli, filled: Path) -> None:
    result = cli("export", "--since", "90m")
    lines = [json.loads(line) for line in result.stdout.splitlines()]

    assert result.exit_code == 0
    assert [line["type"] for line in lines].count("calls") == 5
    assert "Exported 7 spans, 5 calls, 1 run." in result.stderr


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_an_export_is_read_back_by_import(
    cli: Cli, filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    expected = answers(filled)
    exported = cli("export", "--format", form, "--output", str(tmp_path / "out"))
    monkeypatch.setenv("FASTAGENTIC_HOME", str(tmp_path / "other"))
    first, second = (cli("import", str(tmp_path / "out"), "--json") for _ in range(2))

    assert f"Exported 9 spans, 6 calls, 2 runs to {tmp_path / 'out'}." in exported.stderr
    assert json.loads(first.stdout)["calls"] == {"rows": 6, "new": 6}
    assert json.loads(second.stdout)["calls"] == {"rows": 6, "new": 0}
    assert answers(store_path()) == expected


def test_import_says_what_was_new(cli: Cli, filled: Path, tmp_path: Path) -> None:
    cli("export", "--output", str(tmp_path / "out"))

    assert cli("import", str(tmp_path / "out")).stdout.splitlines()[2].split() == ["spans", "9", "0", "9"]


def test_the_next_export_adds_what_is_new_and_restart_writes_it_all(cli: Cli, filled: Path, tmp_path: Path) -> None:
    command = ("export", "--format", "csv", "--output", str(tmp_path / "calls.csv"))
    cli(*command)
    store(filled, [priced(1.0)])

    assert "Exported 1 call to" in cli(*command).stderr
    assert "Exported 0 calls to" in cli(*command).stderr
    assert "Exported 7 calls to" in cli(*command, "--restart").stderr
    assert len(list(csv.DictReader(io.StringIO((tmp_path / "calls.csv").read_text())))) == 7


def test_a_file_that_was_moved_away_is_begun_anew(cli: Cli, filled: Path, tmp_path: Path) -> None:
    command = ("export", "--output", str(tmp_path / "out"))
    cli(*command)
    (tmp_path / "out").rename(tmp_path / "yesterday")

    assert "6 calls" in cli(*command).stderr
    assert (tmp_path / "out").read_bytes() == (tmp_path / "yesterday").read_bytes()


def test_a_file_of_somebody_else_is_left_alone(cli: Cli, filled: Path, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("mine")
    result = cli("export", "--output", str(tmp_path / "notes"))

    assert result.exit_code == 1
    assert "name another --output, or replace it with --restart" in result.stderr
    assert (tmp_path / "notes").read_text() == "mine"


def test_the_store_is_sent_to_an_otlp_backend(cli: Cli, filled: Path) -> None:
    with Receiver() as receiver:
        command = ("export", "--format", "otlp", "--endpoint", receiver.endpoint)
        first, second = cli(*command), cli(*command)

    assert (first.exit_code, second.exit_code, receiver.span_count) == (0, 0, 9)
    assert "/v1/traces has taken 9 spans." in first.stderr
    assert "/v1/traces has taken 0 spans." in second.stderr


def test_the_backend_is_that_of_the_environment_unless_said(cli: Cli, filled: Path) -> None:
    with Receiver() as receiver:
        result = cli("export", "--format", "otlp", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, OTEL_SERVICE_NAME="shop")

    assert result.exit_code == 0
    assert {span.resource["service.name"] for span in receiver.spans} == {"shop"}


def test_a_backend_that_refuses_ends_the_export_with_1(cli: Cli, filled: Path) -> None:
    with Receiver() as receiver:
        receiver.mode = "401"
        result = cli("export", "--format", "otlp", "--endpoint", receiver.endpoint, "--timeout", "0s")

    assert result.exit_code == 1
    assert "does not take spans (401). Check the key in the headers" in result.stderr


WRONG = {
    ("--format", "parquet"): "--output (option) is '-'; it takes a directory, for --format parquet",
    ("--endpoint", "http://localhost:1"): "it takes --format otlp beside it",
    ("--format", "otlp", "--timeout", "soon"): "--timeout (option) is 'soon'",
    ("--since", "soon"): "--since (option) is 'soon'",
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_wrong_usage_says_what_would_do(cli: Cli, filled: Path, arguments: tuple[str, ...]) -> None:
    result = cli("export", *arguments)

    assert result.exit_code == 2
    assert WRONG[arguments] in result.stderr


def test_csv_cannot_be_imported_and_says_what_can(cli: Cli, filled: Path, tmp_path: Path) -> None:
    cli("export", "--format", "csv", "--output", str(tmp_path / "calls.csv"))
    result = cli("import", str(tmp_path / "calls.csv"))

    assert result.exit_code == 1
    assert "line 1 is no JSON" in result.stderr


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_what_is_no_export_is_told(cli: Cli, filled: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    result = cli("import", str(tmp_path / "empty" / name))

    assert result.exit_code == 1
    assert "cannot be read (No such file" in result.stderr or "is no export: none of spans" in result.stderr


def test_there_must_be_a_store_to_export(cli: Cli) -> None:
    result = cli("export", "--output", "out")

    assert result.exit_code == 1
    assert "there is no store yet" in result.stderr
