"""`fastagentic status`, `prune`, `demo`, `--version`, and what every command says of a store that cannot be read."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

import fastagentic.demo
from fastagentic._version import __version__
from fastagentic.store.location import store_path
from fastagentic.store.migrations import SCHEMA_VERSION
from tests.store.build import call, count, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli

READERS = [("costs",), ("runs",), ("show", "abcdef"), ("status",), ("prune", "--yes")]


# --- status ---------------------------------------------------------------------------------------


def test_status_says_where_the_store_is_and_what_lies_in_it(cli: Cli, filled: Path) -> None:
    result = cli("status")

    assert result.exit_code == 0
    assert f"store     {filled}" in result.stdout
    assert "6 calls, 2 runs, 9 spans" in result.stdout
    assert "lost      nothing" in result.stdout
    assert "unpriced  llama-of-tomorrow: 1 call of unknown cost" in result.stdout
    assert "writable  yes" in result.stdout


def test_status_as_json(cli: Cli, filled: Path) -> None:
    found = json.loads(cli("status", "--json").stdout)

    assert (found["path"], found["readable"], found["writable"], found["problem"]) == (str(filled), True, True, None)
    assert (found["calls"], found["runs"], found["spans"], found["schema_version"]) == (6, 2, 9, SCHEMA_VERSION)
    assert found["unpriced_models"] == [{"model": "llama-of-tomorrow", "calls": 1}]
    assert found["drops"] == []
    assert found["oldest"] < found["newest"]


def test_status_shows_what_was_lost(cli: Cli, filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection, connection:
        connection.execute("INSERT INTO drops VALUES (1767225600000000000, 'queue full: locked', 1200)")

    assert "lost      1,200 spans: queue full: locked, last 20" in cli("status").stdout
    assert json.loads(cli("status", "--json").stdout)["drops"] == [
        {"reason": "queue full: locked", "spans": 1200, "last": "2026-01-01T00:00:00.000000Z"}
    ]


def test_status_names_a_long_path_in_one_piece(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASTAGENTIC_HOME", str(tmp_path / ("long-" * 20)))
    store(store_path(), [call()])

    assert f"store     {store_path()}\n" in cli("status", COLUMNS="40").stdout


def test_status_of_a_locked_store_says_what_is_wrong_and_exits_1(cli: Cli, filled: Path) -> None:
    with closing(sqlite3.connect(filled, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        result = cli("status")

    assert result.exit_code == 1
    assert "writable  no" in result.stdout
    assert "locked by another process" in result.stderr


def test_status_of_a_damaged_store_is_json_all_the_same(cli: Cli) -> None:
    store_path().parent.mkdir(parents=True)
    store_path().write_bytes(b"letters " * 1_000)

    result = cli("status", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["readable"] is False
    assert "damaged" in json.loads(result.stdout)["problem"]


# --- a store that cannot be read ------------------------------------------------------------------


def one_line(stderr: str) -> str:
    (line,) = stderr.splitlines()
    assert line.startswith("fastagentic: ")
    return line


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_where_there_is_no_store_yet_a_command_says_how_one_is_made(cli: Cli, command: tuple[str, ...]) -> None:
    result = cli(*command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"no store yet at {store_path()}" in one_line(result.stderr)
    assert "fastagentic.instrument()" in result.stderr
    assert not store_path().exists()


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_damaged_store_is_one_line_and_is_left_as_it_is(cli: Cli, command: tuple[str, ...]) -> None:
    store_path().parent.mkdir(parents=True)
    store_path().write_bytes(b"letters " * 1_000)

    result = cli(*command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "is damaged" in one_line(result.stderr)
    assert "Move the file away" in result.stderr
    assert store_path().read_bytes() == b"letters " * 1_000


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_store_of_a_newer_version_is_one_line_with_the_way_out(cli: Cli, filled: Path, command: tuple[str, ...]) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("PRAGMA user_version = 4000")

    result = cli(*command)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "newer version of fastagentic" in one_line(result.stderr)
    assert "pip install --upgrade fastagentic" in result.stderr


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_a_home_that_is_a_file_is_one_line(cli: Cli, own_environment: Path, command: tuple[str, ...]) -> None:
    own_environment.write_text("in the way")

    result = cli(*command)

    assert result.exit_code == 1
    assert str(store_path()) in one_line(result.stderr)


# --- prune ----------------------------------------------------------------------------------------


@pytest.fixture
def aged() -> Path:
    return store(store_path(), [run(ago_h=800), priced(1.0, ago_h=800), priced(1.0, ago_h=30), call()])


def test_prune_keeps_30_days_unless_told_otherwise(cli: Cli, aged: Path) -> None:
    result = cli("prune", "--yes")

    assert result.exit_code == 0
    assert result.stdout == "Deleted 1 call, 1 run, 2 spans older than 30d.\n"
    assert count(aged, "calls") == 2


def test_prune_keeps_what_it_is_told_to(cli: Cli, aged: Path) -> None:
    found = json.loads(cli("prune", "--keep", "24h", "--yes", "--json").stdout)

    assert found.pop("bytes_before") - found.pop("bytes_after") == found.pop("freed_bytes") > 0
    assert found == {
        "keep": "24h", "dry_run": False, "calls": 2, "runs": 1, "spans": 3, "drops": 0,
    }  # fmt: skip
    assert count(aged, "calls") == 1


def test_prune_keeps_what_the_setting_says(cli: Cli, aged: Path) -> None:
    assert "older than 24h" in cli("prune", "--yes", FASTAGENTIC_KEEP="24h").stdout


def test_a_dry_run_says_what_would_go_and_deletes_nothing(cli: Cli, aged: Path) -> None:
    assert cli("prune", "--dry-run").stdout == "Would delete 1 call, 1 run, 2 spans older than 30d.\n"
    assert count(aged, "calls") == 3


def test_keeping_all_deletes_nothing(cli: Cli, aged: Path) -> None:
    result = cli("prune", "--keep", "all", "--yes")

    assert result.exit_code == 0
    assert count(aged, "calls") == 3


def test_without_yes_and_nobody_to_ask_prune_deletes_nothing(cli: Cli, aged: Path) -> None:
    result = cli("prune")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--yes" in one_line(result.stderr)
    assert count(aged, "calls") == 3


@pytest.mark.parametrize(("answer", "status", "left"), [("y\n", 0, 2), ("n\n", 1, 3)])
def test_at_a_terminal_prune_asks(aged: Path, monkeypatch: pytest.MonkeyPatch, answer: str, status: int, left: int) -> None:
    from typer.testing import CliRunner

    from fastagentic.cli.app import app

    monkeypatch.setattr("fastagentic.cli.prune._has_person", lambda: True)

    assert CliRunner().invoke(app, ["prune"], input=answer).exit_code == status
    assert count(aged, "calls") == left


def test_a_bad_time_to_keep_is_wrong_usage(cli: Cli, aged: Path) -> None:
    result = cli("prune", "--keep", "30 moons", "--yes")

    assert result.exit_code == 2
    assert "--keep (option) is '30 moons'" in one_line(result.stderr)
    assert count(aged, "calls") == 3


# --- demo, version, the program -------------------------------------------------------------------


def test_demo_hands_its_options_on_and_ends_with_its_status(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def main(**options: object) -> int:
        asked.append(options)
        return 3

    monkeypatch.setattr(fastagentic.demo, "main", main)

    assert cli("demo", "--calls", "12", "--seed", "5", "--no-gateway").exit_code == 3
    assert asked == [{"calls": 12, "seed": 5, "home": None, "gateway": False}]


def test_the_version_is_printed(cli: Cli) -> None:
    assert cli("--version").stdout == f"fastagentic {__version__}\n"


def test_every_command_helps_in_80_columns(cli: Cli) -> None:
    for command in ("costs", "runs", "show", "status", "prune", "demo"):
        result = cli(command, "--help", COLUMNS="80")
        assert result.exit_code == 0
        assert max(map(len, result.stdout.splitlines())) <= 80


def program(*arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **variables}
    return subprocess.run([sys.executable, "-m", "fastagentic", *arguments], capture_output=True, env=environment, check=False)


def test_the_program_runs_as_a_module_with_data_on_stdout_alone(filled: Path) -> None:
    done = program("costs", "--json", "--fail-over", "0.1")

    assert done.returncode == 1
    assert len(json.loads(done.stdout)) == 3
    assert b"more than --fail-over" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_terminal_that_knows_only_ascii_still_gets_the_tree(filled: Path) -> None:
    store(store_path(), [priced(1.0, model="modèle", user="\U0001f680")])

    for command in (("show", "order-42"), ("costs",), ("costs", "--by", "user"), ("runs",)):
        done = program(*command, PYTHONIOENCODING="ascii")
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()


def test_the_command_line_imports_no_client_and_no_sdk() -> None:
    heavy = ("opentelemetry.sdk", "pydantic", "litellm", "portkey_ai", "openai", "genai_prices", "fastapi")
    script = f"import sys, fastagentic.cli.app; print([name for name in {heavy!r} if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
