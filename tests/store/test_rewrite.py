"""Writing the file anew: what SQLite copied before it was deleted is gone too, and nothing else changes."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from fastagentic.core.errors import StoreError
from fastagentic.store import rewrite as module
from fastagentic.store.file import connect
from fastagentic.store.rewrite import is_unfinished, keeps_row_numbers, mark, rewrite, settled

from .answers import answers
from .build import ask, priced, run, store

if TYPE_CHECKING:
    from pathlib import Path

EARLIER = "victim-77@example.com "


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store whose run said something else before."""
    made = store(tmp_path / "store.db", [run("report"), *(priced(0.25, run_id=f"{one:032x}") for one in range(40))])
    with closing(connect(made, busy_s=1)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")  # as SQLite has it, but for some who build it
        connection.execute("UPDATE runs SET external_id = ?", (EARLIER * 20,))
        connection.execute("UPDATE runs SET external_id = 'r'")
        connection.execute("DELETE FROM calls WHERE rowid % 3 = 0")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return made


def content(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.parent.glob("store.db*"))


def test_what_a_row_said_before_it_was_changed_is_gone(path: Path) -> None:
    assert EARLIER.encode() in content(path), "SQLite leaves it"
    with closing(connect(path, busy_s=1)) as connection:
        rewrite(connection, path)

    assert EARLIER.encode() not in content(path)


def test_rows_keep_their_numbers_and_questions_their_answers(path: Path) -> None:
    numbers = "SELECT 'c', rowid, span_id FROM calls UNION ALL SELECT 's', rowid, span_id FROM spans"
    before, said = ask(path, numbers), answers(path)
    with closing(connect(path, busy_s=1)) as connection:
        rewrite(connection, path)

    assert keeps_row_numbers()
    assert (ask(path, numbers), answers(path)) == (before, said)


def test_where_sqlite_would_number_rows_anew_nothing_is_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "keeps_row_numbers", lambda: False)
    before = content(path)
    with closing(connect(path, busy_s=1)) as connection, pytest.raises(StoreError, match="numbers rows anew"):
        rewrite(connection, path)

    assert content(path) == before


def test_a_marker_tells_the_next_one_that_this_is_still_to_be_done(path: Path) -> None:
    mark(path)
    mark(path)
    assert is_unfinished(path)
    settled(path)
    settled(path)
    assert not is_unfinished(path)
