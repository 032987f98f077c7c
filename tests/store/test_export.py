"""Exports: everything that lies in the store, once, however often the export is stopped; and back again."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core.errors import ConfigError, StoreError
from fastagentic.store import bookmarks
from fastagentic.store.carried import exporting
from fastagentic.store.carried.csv_file import CSVFile
from fastagentic.store.carried.importing import add, read_directory, read_lines
from fastagentic.store.carried.jsonl import JSONLines
from fastagentic.store.carried.parquet import ParquetParts
from fastagentic.store.carried.tables import tables
from fastagentic.store.file import connect
from fastagentic.store.prune import prune

from .answers import answers
from .build import ask, call, count, priced, run, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastagentic.store.carried.files import Output

FORMATS: dict[str, Callable[[Path], Output]] = {"jsonl": JSONLines, "parquet": ParquetParts}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Runs within runs, calls of all sorts, attributes of all types, and a note of losses."""
    path = store(
        tmp_path / "source.db",
        [
            priced(0.25, tokens_in=1_000, tokens_out=200, tags=("batch", "eu"), user="u-1", cache="miss"),
            priced(0.0, saved=0.25, cache="hit", hit=True, tags=("Zürich", "💶")),
            call(error="RateLimitError", retries=2, fallback=True, target="config.targets[1]"),
            call(model='of "tomorrow"\n', source="unknown", run_id="cd" * 16),
            run("inner", duration_ns=1_000, ago_h=0.5),
            run("outer", external_id="order-42", tenant="acme", ago_h=0.1, duration_ns=3_600 * 10**9),
        ],
    )
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO drops VALUES (1767225600000000000, 'queue full: locked', 1200)")
    return path


def exported(
    source: Path, form: str, place: Path, *, since_ns: int = 0, on_written: Callable[[int], None] = lambda rows: None
) -> dict[str, int]:
    with closing(connect(source, busy_s=1)) as connection:
        return exporting.export(
            connection, tables(connection).values(), FORMATS[form](place),
            target=f"{form} {place}", since_ns=since_ns, on_written=on_written,
        )  # fmt: skip


def imported(place: Path, path: Path) -> dict[str, tuple[int, int]]:
    with closing(connect(path, busy_s=1)) as connection:
        if place.is_dir():
            counts = add(connection, read_directory(place, tables(connection)))
        else:
            with place.open("rb") as file:
                counts = add(connection, read_lines(file, place.name))
    return {name: (count.read, count.new) for name, count in counts.items()}


def content(path: Path) -> dict[str, list[Any]]:
    return {name: ask(path, f"SELECT * FROM {name} ORDER BY 1, 2, 3") for name in ("spans", "calls", "runs", "drops")}


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for form in FORMATS.values():
        monkeypatch.setattr(form, "CHUNK", 2)


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_exported_and_imported_is_the_same_store(source: Path, tmp_path: Path, form: str) -> None:
    exported(source, form, tmp_path / "out")
    counts = imported(tmp_path / "out", tmp_path / "other.db")

    assert content(tmp_path / "other.db") == content(source)
    assert answers(tmp_path / "other.db") == answers(source)
    assert counts == {"spans": (6, 6), "calls": (4, 4), "runs": (1, 1), "drops": (1, 1)}


@pytest.mark.parametrize("form", FORMATS)
def test_importing_twice_is_importing_once(source: Path, tmp_path: Path, form: str) -> None:
    exported(source, form, tmp_path / "out")
    imported(tmp_path / "out", tmp_path / "other.db")

    assert {new for _, new in imported(tmp_path / "out", tmp_path / "other.db").values()} == {0}
    assert content(tmp_path / "other.db") == content(source)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.usefixtures("small_pieces")
def test_the_next_export_adds_what_is_new_since(source: Path, tmp_path: Path, form: str) -> None:
    first = exported(source, form, tmp_path / "out")
    store(source, [priced(0.5, ago_h=900), run("later", run_id="ef" * 16)])

    assert first == {"spans": 6, "calls": 4, "runs": 1, "drops": 1}
    assert exported(source, form, tmp_path / "out") == {"spans": 2, "calls": 1, "runs": 1, "drops": 0}
    imported(tmp_path / "out", tmp_path / "other.db")
    assert content(tmp_path / "other.db") == content(source)


@pytest.mark.parametrize("form", FORMATS)
def test_a_run_that_goes_on_after_it_was_exported_is_whole_once_its_end_is(tmp_path: Path, form: str) -> None:
    source = store(tmp_path / "source.db", [run("inner", duration_ns=1_000)])
    exported(source, form, tmp_path / "out")
    store(source, [run("outer", external_id="order-42", duration_ns=10**10)])

    exported(source, form, tmp_path / "out")
    imported(tmp_path / "out", tmp_path / "other.db")

    assert content(tmp_path / "other.db") == content(source)


@pytest.mark.parametrize("pieces", range(1, 7))
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.usefixtures("small_pieces")
def test_an_export_that_was_stopped_goes_on_and_writes_nothing_twice(
    source: Path, tmp_path: Path, form: str, pieces: int
) -> None:
    left = iter(range(pieces))

    def stop_in_time(rows: int) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        exported(source, form, tmp_path / "out", on_written=stop_in_time)
    exported(source, form, tmp_path / "out")

    counts = imported(tmp_path / "out", tmp_path / "other.db")
    assert {name: read for name, (read, _) in counts.items()} == {"spans": 6, "calls": 4, "runs": 1, "drops": 1}
    assert content(tmp_path / "other.db") == content(source)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.usefixtures("small_pieces")
def test_what_was_written_after_the_bookmark_is_written_again(source: Path, tmp_path: Path, form: str) -> None:
    """As when the process is killed between the two."""

    class DiesHereError(Exception):
        pass

    def die(*_: object) -> None:
        raise DiesHereError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bookmarks, "move", die)
        with pytest.raises(DiesHereError):
            exported(source, form, tmp_path / "out")
    exported(source, form, tmp_path / "out")

    assert imported(tmp_path / "out", tmp_path / "other.db")["spans"] == (6, 6)


def test_rows_that_take_the_numbers_of_deleted_ones_are_exported(source: Path, tmp_path: Path) -> None:
    exported(source, "jsonl", tmp_path / "out")
    with closing(connect(source, busy_s=1)) as connection:
        prune(connection, 2**62)
    store(source, [priced(0.5)])

    assert exported(source, "jsonl", tmp_path / "out")["calls"] == 1


def test_what_is_older_than_since_is_left_out(source: Path, tmp_path: Path) -> None:
    store(source, [priced(0.5, ago_h=48)])
    since_ns = int(ask(source, "SELECT MAX(started_ns) FROM calls")[0][0]) - 24 * 3_600 * 10**9

    assert exported(source, "jsonl", tmp_path / "out", since_ns=since_ns)["calls"] == 4


def test_asking_for_what_an_earlier_export_left_out_is_told(source: Path, tmp_path: Path) -> None:
    exported(source, "jsonl", tmp_path / "out", since_ns=1767225600000000000)

    with pytest.raises(ConfigError, match=r"left out what is older than 2026-01-01T00:00:00.*--restart"):
        exported(source, "jsonl", tmp_path / "out")


def test_a_file_that_was_cut_short_is_told(source: Path, tmp_path: Path) -> None:
    exported(source, "jsonl", tmp_path / "out")
    (tmp_path / "out").write_bytes(b"")

    with pytest.raises(StoreError, match=r"shorter than this export left it; --restart"):
        exported(source, "jsonl", tmp_path / "out")


def test_exports_are_for_this_user_alone(source: Path, tmp_path: Path) -> None:
    for form in FORMATS:
        exported(source, form, tmp_path / form)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".db" and "db-" not in path.name]

    assert {path.stat().st_mode & 0o077 for path in written} == {0}


def test_a_line_is_a_row_with_the_names_of_its_columns(source: Path, tmp_path: Path) -> None:
    exported(source, "jsonl", tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]

    assert lines[0]["type"] == "export"
    assert [line["type"] for line in lines[1:]] == ["spans"] * 6 + ["calls"] * 4 + ["runs", "drops"]
    assert lines[1]["attributes"]["gen_ai.usage.cost"] == 0.25
    assert lines[7]["cost_usd"] == 0.25


def test_csv_has_a_row_a_call_and_times_that_a_spreadsheet_reads(source: Path, tmp_path: Path) -> None:
    with closing(connect(source, busy_s=1)) as connection:
        calls = tables(connection)["calls"]
        out = CSVFile(tmp_path / "out.csv", columns=calls.names)
        exporting.export(connection, [calls], out, target=None, since_ns=0, on_written=lambda rows: None)
    header, first, *rest = (tmp_path / "out.csv").read_text().splitlines()

    assert header.startswith("started,trace_id,span_id,run_id,started_ns,")
    assert first.startswith("20")
    assert len(rest) == 4  # of one model the name has a line break


BROKEN: dict[str, tuple[str, str]] = {
    "no JSON": ("{", r"out, line 2 is no JSON .*; it was cut off"),
    "no row": ("[]\n", r"out, line 2 is no row of an export"),
    "another table": ('{"type":"bills"}\n', r"line 2 is of type 'bills'; known are: spans, calls, runs, drops"),
    "another column": ('{"type":"drops","at":1}\n', r"line 2 has 'at', which is no column of drops"),
    "nothing": ('{"type":"drops","at_ns":1,"spans":2}\n', r"line 2 has reason None; drops.reason takes text"),
    "another kind": (
        '{"type":"drops","at_ns":1,"reason":"x","spans":true}\n',
        r"has spans True; drops.spans takes a whole number",
    ),
    "too large": (f'{{"type":"drops","at_ns":{2**63},"reason":"x","spans":1}}\n', r"has at_ns \d+; drops.at_ns takes a whole"),
    "no attributes": (
        '{"type":"spans","trace_id":"a","span_id":"b","run_id":"c","name":"d","started_ns":1,"ended_ns":1,"status":"unset",'
        '"attributes":[]}\n',
        r"has attributes that are no JSON object",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_is_no_export_is_told_with_the_place_and_stores_nothing(tmp_path: Path, broken: str) -> None:
    line, told = BROKEN[broken]
    (tmp_path / "out").write_text('{"type":"export","version":1,"schema":1}\n' + line)

    with pytest.raises(StoreError, match=told):
        imported(tmp_path / "out", tmp_path / "other.db")

    assert {count(tmp_path / "other.db", table) for table in ("spans", "calls", "runs", "drops")} == {0}


def test_an_export_of_a_newer_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "out").write_text('{"type":"export","version":1,"schema":4000}\n')

    with pytest.raises(StoreError, match=r"newer version of fastagentic \(schema 4000.*pip install --upgrade"):
        imported(tmp_path / "out", tmp_path / "other.db")


@pytest.fixture
def without_pyarrow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    return


@pytest.mark.usefixtures("without_pyarrow")
def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"pip install 'fastagentic\[parquet\]'"):
        ParquetParts(tmp_path)
