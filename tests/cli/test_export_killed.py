"""An export that is killed between what it wrote and its note of it: the same command goes on, without a gap and a repeat."""

from __future__ import annotations

import csv
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from fastagentic.store.location import store_path
from tests.export.receiver import Receiver
from tests.store.build import ask, call, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Cli

pytestmark = pytest.mark.slow

PIECE = 50
KILLED = f"""
import sys
from fastagentic.export.history import History
from fastagentic.store import bookmarks
from fastagentic.store.carried.files import AppendedFile
from fastagentic.store.carried.parquet import ParquetParts

for output in (AppendedFile, ParquetParts, History):
    output.CHUNK = {PIECE}
move, noted = bookmarks.move, iter(range(3))

def half_way(*bookmark):
    if next(noted, None) is None:
        print("written, not noted", flush=True)
        sys.stdin.readline()
    move(*bookmark)

bookmarks.move = half_way
from fastagentic.cli.app import app
app(sys.argv[1:])
"""
EACH = "SELECT trace_id, span_id FROM {} ORDER BY 1, 2"


@pytest.fixture
def source(own_environment: Path) -> Path:
    """A store of 300 calls, most of them in a run."""
    root = run("report", duration_ns=10**9)
    inside = [priced(number / 1_000, tokens_in=number, parent=root.span_id) for number in range(290)]
    return store(store_path(), [*inside, *(call(run_id=f"{number:032x}") for number in range(10)), root])


def killed(*arguments: str) -> None:
    """Run the command until three pieces are noted and the fourth is written, and then SIGKILL it."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written, not noted\n"
    process.kill()
    process.communicate()
    assert process.returncode < 0


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_a_file_holds_each_row_once(cli: Cli, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    command = ("export", "--format", form, "--output", str(tmp_path / "out"))
    killed(*command)

    assert "Exported 151 spans, 300 calls, 1 run to" in cli(*command).stderr
    monkeypatch.setenv("FASTAGENTIC_HOME", str(tmp_path / "other"))
    printed = cli("import", str(tmp_path / "out")).stdout.splitlines()
    assert [line.split() for line in printed[2:5]] == [
        ["spans", "301", "301", "0"],
        ["calls", "300", "300", "0"],
        ["runs", "1", "1", "0"],
    ]
    for table in ("spans", "calls", "runs"):
        everything = f"SELECT * FROM {table} ORDER BY 1, 2"
        assert ask(store_path(), everything) == ask(source, everything)


def test_a_table_for_a_spreadsheet_holds_each_call_once(cli: Cli, source: Path, tmp_path: Path) -> None:
    command = ("export", "--format", "csv", "--output", str(tmp_path / "calls.csv"))
    killed(*command)
    cli(*command)

    with (tmp_path / "calls.csv").open(newline="", encoding="utf-8-sig") as file:
        found = sorted((row["trace_id"], row["span_id"]) for row in csv.DictReader(file))
    assert found == ask(source, EACH.format("calls"))


def test_a_backend_gets_every_span_and_at_most_the_last_batch_twice(cli: Cli, source: Path) -> None:
    with Receiver() as receiver:
        command = ("export", "--format", "otlp", "--endpoint", receiver.endpoint)
        killed(*command)
        assert cli(*command).exit_code == 0

    found = Counter((span.trace_id, span.span_id) for span in receiver.spans)
    assert sorted(found) == ask(source, EACH.format("spans"))
    assert sorted(Counter(found.values()).items()) == [(1, 301 - PIECE), (2, PIECE)]
