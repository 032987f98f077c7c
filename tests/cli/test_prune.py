"""`fastagentic prune --user`, `--tenant` and `--older-than`, as people and cron meet them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from fastagentic.export.spool import Spool, spool_directory
from fastagentic.export.spool.survey import status_of
from fastagentic.store.location import store_home
from tests.export.test_erasing import left_by_the_dead, record
from tests.store.build import count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Cli


@pytest.fixture
def waiting(filled: Path) -> Path:
    """A spool in which a dead process left spans of two users."""
    directory = spool_directory(store_home(), "otlp", "http://localhost:4318/v1/traces")
    left_by_the_dead(directory, "u-1,u-2", "u-1")
    return directory


@pytest.fixture
def held(waiting: Path) -> Iterator[Spool]:
    """And one in which this process holds another."""
    spool = Spool(waiting, max_bytes=1 << 30, max_age_s=None, on_dropped=print)
    spool.append(record("u-1"))
    yield spool
    spool.close()


def test_a_user_goes_from_the_store_and_the_spools_with_a_count(cli: Cli, filled: Path, waiting: Path) -> None:
    result = cli("prune", "--user", "u-1", "--yes")

    assert result.exit_code == 0
    assert result.stdout == "Deleted 4 calls, 1 run, 6 spans, 2 waiting spans of user u-1.\n"
    assert (count(filled, "calls"), status_of(waiting).spans) == (2, 1)


def test_what_living_processes_hold_is_counted_and_said(cli: Cli, held: Spool) -> None:
    result = cli("prune", "--user", "u-1", "--yes", "--json")
    found = json.loads(result.stdout)

    assert found["spool"] == {"waiting": 2, "held": 1, "refused": 0}
    assert "1 span of living processes is" not in cli("prune", "--user", "u-9", "--yes").stderr


def test_a_dry_run_says_what_would_go_and_changes_nothing(cli: Cli, filled: Path, waiting: Path) -> None:
    result = cli("prune", "--user", "u-1", "--dry-run")

    assert result.stdout == "Would delete 4 calls, 1 run, 6 spans, 2 waiting spans of user u-1.\n"
    assert (count(filled, "calls"), status_of(waiting).spans) == (6, 3)


def test_nobody_there_to_ask_deletes_nothing(cli: Cli, filled: Path) -> None:
    result = cli("prune", "--user", "u-1")

    assert (result.exit_code, count(filled, "calls")) == (2, 6)


def test_older_than_reaches_the_spools(cli: Cli, filled: Path, waiting: Path) -> None:
    result = cli("prune", "--older-than", "90m", "--yes")

    assert result.stdout == "Deleted 1 call, 1 run, 2 spans older than 90m.\n"
    assert status_of(waiting).spans == 3  # they are younger


def test_a_user_of_whom_nothing_is_known_is_told(cli: Cli, filled: Path) -> None:
    result = cli("prune", "--user", "u-9", "--tenant", "acme", "--yes")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "There is nothing of user u-9 and tenant acme in" in result.stderr


def test_an_empty_id_is_refused(cli: Cli, filled: Path) -> None:
    result = cli("prune", "--user", "", "--yes")

    assert result.exit_code == 2
    assert "--user (option) is ''; it takes the id of a user" in result.stderr
