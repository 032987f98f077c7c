"""How a store comes to today's shape, and what happens to one that is older or newer."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fastagentic.core.errors import StoreTooNewError
from fastagentic.store import migrations, schema
from fastagentic.store.file import connect
from fastagentic.store.projection import project
from fastagentic.store.reader import open_store

from .build import ask, call, run, store

if TYPE_CHECKING:
    from pathlib import Path


def columns(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def test_migrating_an_empty_file_makes_todays_tables_and_records_each_step(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "store.db", busy_s=1)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        steps = connection.execute("SELECT number, name FROM migrations").fetchall()

        assert tables == set(schema.TABLES)
        assert columns(connection, "calls") == [
            *schema.CALL_IDS,
            *(column.name for column in schema.CALL_COLUMNS),
            *schema.FIRST_COLUMNS,
        ]
        assert columns(connection, "spans") == list(schema.SPAN_COLUMNS)
        assert columns(connection, "runs") == [*schema.RUN_COLUMNS, *schema.RUN_SUMS]
        assert steps == [(n, step.__name__) for n, step in enumerate(migrations.MIGRATIONS, start=1)]
        assert migrations.schema_version(connection) == migrations.SCHEMA_VERSION


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call()])
    before = ask(path, "SELECT * FROM migrations")

    store(path, [call()])

    assert ask(path, "SELECT * FROM migrations") == before


def test_a_migration_that_fails_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = store(tmp_path / "store.db", [call()])

    def half_done(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE calls ADD COLUMN of_tomorrow TEXT")
        raise sqlite3.OperationalError("interrupted")

    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, half_done))
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", migrations.SCHEMA_VERSION + 1)
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        connect(path, busy_s=1)

    with closing(sqlite3.connect(path)) as connection:
        assert "of_tomorrow" not in columns(connection, "calls")
        assert migrations.schema_version(connection) == migrations.SCHEMA_VERSION - 1


def test_an_older_store_is_brought_up_to_date_by_whoever_opens_it_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = store(tmp_path / "store.db", [call()])

    def add_a_column(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE calls ADD COLUMN of_tomorrow TEXT")

    for module in ("fastagentic.store.migrations", "fastagentic.store.reader"):
        monkeypatch.setattr(f"{module}.SCHEMA_VERSION", migrations.SCHEMA_VERSION + (module.endswith("migrations")))
    monkeypatch.setattr("fastagentic.store.reader.SCHEMA_VERSION", migrations.SCHEMA_VERSION)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, add_a_column))

    with open_store(path) as connection:
        assert "of_tomorrow" in columns(connection, "calls")
        assert connection.execute("SELECT COUNT(*) FROM calls").fetchone() == (1,)


def test_calls_keep_their_numbers_and_are_there_once_in_a_store_of_the_first_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans, path = [call(cost=1.0, source="gateway"), run(), call(run_id="c" * 32)], tmp_path / "store.db"
    monkeypatch.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
    monkeypatch.setattr(migrations, "SCHEMA_VERSION", 1)
    monkeypatch.setattr(migrations, "add", lambda _: None)
    with closing(connect(path, busy_s=1)) as connection:
        for number, row in [(3, project(spans[0]).call), (8, project(spans[2]).call)]:
            assert row is not None
            columns = ", ".join((*schema.CALL_IDS, *(column.name for column in schema.CALL_COLUMNS)))
            connection.execute(
                f"INSERT INTO calls (rowid, {columns}) VALUES ({', '.join('?' * (len(row) + 1))})", (number, *row)
            )
    monkeypatch.undo()

    store(path, spans)

    numbers = ask(path, "SELECT rowid, span_id, cost_usd FROM calls ORDER BY rowid")
    assert numbers == [(3, spans[0].span_id, 1.0), (8, spans[2].span_id, None)]
    assert ask(path, "SELECT COUNT(*) FROM sqlite_master WHERE name LIKE '%_before'") == [(0,)]


def test_a_newer_store_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = store(tmp_path / "store.db", [call()])
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 4000")

    with pytest.raises(StoreTooNewError, match=r"newer version of fastagentic \(schema 4000.*pip install --upgrade"):
        connect(path, busy_s=1)
    with pytest.raises(StoreTooNewError), open_store(path):
        pass


def test_every_attribute_of_a_column_is_one_that_the_call_half_writes() -> None:
    from fastagentic.core import names

    known = {value for name, value in vars(names).items() if name.isupper()}

    assert {column.attribute for column in schema.CALL_COLUMNS} <= known
    assert {attribute for attribute, _ in schema.RUN_ATTRIBUTES} <= known
