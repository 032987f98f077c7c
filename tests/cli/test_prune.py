"""`fastagentic prune --user`, `--tenant` and `--older-than`, as people and cron meet them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.core.ledger import Account, Spent
from fastagentic.export.encode import request
from fastagentic.export.spool import Spool, notes, spool_directory
from fastagentic.export.spool.survey import status_of, waiting_records
from fastagentic.store.file import connect
from fastagentic.store.ledger import LEDGER_NAME, LocalLedger
from fastagentic.store.location import store_home, store_path
from fastagentic.store.queries.costs import GroupBy, costs
from fastagentic.store.queries.scope import Scope
from fastagentic.store.reader import open_store
from tests.export.test_erasing import left_by_the_dead, names, record
from tests.store.build import RUN_ID, ask, count, priced, run, store, writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from fastagentic.store.rows import StoredSpan

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

    assert found["spool"] == {"waiting": 2, "held": 1, "refused": 0, "scores": 0}
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


# --- the ledger of budgets ------------------------------------------------------------------------


@pytest.fixture
def ledger(filled: Path) -> Path:
    """What the ledger keeps of two users, a tenant, a run of the first user, and all together."""
    path = store_home() / LEDGER_NAME
    accounts = [
        Account("user", "u-1", "2026-11-25"), Account("user", "u-2", "2026-11-25"), Account("tenant", "acme", "2026-11"),
        Account("run", RUN_ID, ""), Account("month", "", "2026-11"),
    ]  # fmt: skip
    book = LocalLedger(path)
    book.exchange({account: Spent(nanos=10**9, calls=1) for account in accounts}, [])
    book.close()
    return path


def kept(ledger: Path) -> set[tuple[str, str]]:
    return set(ask(ledger, "SELECT scope, name FROM spent"))


def test_a_users_sums_of_budgets_go_with_those_of_their_runs(cli: Cli, ledger: Path) -> None:
    found = json.loads(cli("prune", "--user", "u-1", "--yes", "--json").stdout)

    assert found["budget_accounts"] == 2
    assert kept(ledger) == {("user", "u-2"), ("tenant", "acme"), ("month", "")}


def test_a_tenants_sums_of_budgets_go_and_those_charged_later_stay(cli: Cli, ledger: Path) -> None:
    early = cli("prune", "--tenant", "acme", "--older-than", "1h", "--yes")
    assert "There is nothing of tenant acme older than 1h" in early.stderr
    assert cli("prune", "--tenant", "acme", "--dry-run").stdout.endswith("0 spans, 1 sum of budgets of tenant acme.\n")
    cli("prune", "--tenant", "acme", "--yes")

    assert ("tenant", "acme") not in kept(ledger)


def test_a_damaged_ledger_is_told_and_the_same_again_does_the_rest(cli: Cli, ledger: Path) -> None:
    whole = ledger.read_bytes()
    ledger.write_bytes(b"letters " * 1_000)
    result = cli("prune", "--user", "u-1", "--yes")

    assert (result.exit_code, count(store_path(), "calls")) == (1, 6)
    assert "budgets.db" in result.stderr
    ledger.write_bytes(whole)
    assert cli("prune", "--user", "u-1", "--yes").exit_code == 0


# --- bytes ----------------------------------------------------------------------------------------


VICTIM, PROMPT = "victim-77@example.com", "the secret prompt of 77"


def somebodys(chance: Random, user: str, prompt: str) -> tuple[StoredSpan, StoredSpan]:
    """A call and the run around it, whose rows and index entries lie anywhere among those of others."""
    run_id, ago_h = f"{chance.getrandbits(128):032x}", chance.random() * 200
    whose: dict[str, Any] = {"run_id": run_id, "user": user, "session": f"s-{user}", "tenant": f"t-{user}", "ago_h": ago_h}
    chat = priced(0.25, **whose)
    chat.attributes["gen_ai.input.messages"] = prompt + "." * chance.randrange(2_000)
    return chat, run(f"report for {user}", external_id=f"{user}/{run_id}", **whose)


@pytest.fixture
def plain_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite that leaves what it deletes, as it does but for some who build it."""

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*args, **options)
        connection.execute("PRAGMA secure_delete = OFF")
        return connection

    for module in ("file", "reader"):
        monkeypatch.setattr(f"fastagentic.store.{module}.connect", connected)


@pytest.fixture
def crowded(own_environment: Path, plain_sqlite: None) -> Path:
    """A store, a ledger and a spool in which one user is everywhere, left by processes that have ended."""
    writing, chance = writer(store_path(), window_s=0.001), Random(1)
    for number in range(600):
        is_victim = chance.random() < 0.5
        user, prompt = (VICTIM, PROMPT) if is_victim else (f"u-{chance.randrange(200)}", "another")
        call, around = somebodys(chance, user, prompt)
        writing.put(call)
        if number % 3 == 0:
            writing.put(around)
        if number % 50 == 0:
            assert writing.flush(10)
    assert writing.close(20)
    book = LocalLedger(store_home() / LEDGER_NAME)
    book.exchange({Account("user", VICTIM, "2026-11"): Spent(1, 1), Account("user", "u-1", "2026-11"): Spent(1, 1)}, [])
    book.close()
    directory = spool_directory(store_home(), "otlp", "http://localhost:4318/v1/traces")
    left_by_the_dead(directory, f"{VICTIM},u-2", VICTIM)
    notes.set_aside(directory, request([record(VICTIM, "u-1")]).body, 2, "400")
    return own_environment


def files_with(home: Path, *texts: str) -> list[str]:
    """The files in which one of these texts stands, whatever kind of file it is."""
    wanted = [text.encode() for text in texts]
    return [
        path.relative_to(home).as_posix()
        for path in sorted(home.rglob("*"))
        if path.is_file() and any(text in path.read_bytes() for text in wanted)
    ]


def test_nobody_finds_their_bytes_in_any_file_afterwards(cli: Cli, crowded: Path) -> None:
    assert len(files_with(crowded, VICTIM)) >= 4, "the store, the ledger, a segment, what was refused"
    before = answers_without(VICTIM)
    ((calls,),) = ask(store_path(), "SELECT COUNT(*) FROM calls WHERE user_id = ?", VICTIM)
    ((runs,),) = ask(store_path(), "SELECT COUNT(*) FROM runs WHERE user_id = ?", VICTIM)
    found = json.loads(cli("prune", "--user", VICTIM, "--yes", "--json").stdout)

    assert files_with(crowded, VICTIM, PROMPT) == []
    assert (found["calls"], found["runs"], found["spans"], found["budget_accounts"]) == (calls, runs, calls + runs, 1)
    assert found["spool"] == {"waiting": 2, "held": 0, "refused": 1, "scores": 0}
    assert found["bytes_after"] < found["bytes_before"]
    assert answers_without(VICTIM) == before, "sums of others are what they were"


def answers_without(user: str) -> dict[str, int]:
    """By user, from the kept sums."""
    with open_store(store_path()) as connection:
        return {row.key or "": row.calls for row in costs(connection, Scope(), by=GroupBy.USER) if row.key != user}


def test_rows_keep_their_numbers_by_which_exports_and_sums_go_on(cli: Cli, crowded: Path) -> None:
    others = "SELECT rowid, trace_id FROM calls WHERE user_id <> ? ORDER BY rowid"
    before = ask(store_path(), others, VICTIM)
    cli("prune", "--user", VICTIM, "--yes")

    assert ask(store_path(), others, VICTIM) == before


def test_who_writes_meanwhile_loses_nothing_and_is_counted_once(cli: Cli, crowded: Path) -> None:
    writing, chance = writer(store_path(), window_s=0.001), Random(2)
    for number in range(200):
        writing.put(somebodys(chance, "u-late", "another")[0])
        if number == 100:
            assert cli("prune", "--user", VICTIM, "--yes").exit_code == 0
    assert writing.close(30)

    assert (answers_without("")["u-late"], writing.dropped) == (200, 0)
    assert VICTIM not in answers_without("")


def test_a_reader_that_keeps_the_log_is_told_of_and_the_same_again_does_the_rest(
    cli: Cli, crowded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastagentic.cli.going.LOCK_S", 0.05)
    with open_store(store_path()) as reading:
        reading.execute("SELECT COUNT(*) FROM calls").fetchone()
        result = cli("prune", "--user", VICTIM, "--yes")
    assert result.exit_code == 1
    assert "is being read" in result.stderr

    assert "it is finished now" in cli("prune", "--user", VICTIM, "--yes").stderr
    assert files_with(crowded, VICTIM, PROMPT) == []


KILLED = """
import os, signal, sys
from fastagentic.cli import going, main

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

step = sys.argv.pop(1)
if step == "after a chunk":
    going.theirs.CHUNK, bar = 10, going.bar
    from contextlib import contextmanager
    @contextmanager
    def dying(*_):
        yield die
    going.bar = dying
else:
    setattr(going, step, die)
sys.argv = ["fastagentic", "prune", "--user", sys.argv[1], "--yes"]
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "step", ["erase", "forget_settled", "erase_accounts", "_out_of_store", "after a chunk", "rewrite", "settled"]
)
def test_killed_at_any_step_the_same_again_does_the_rest(cli: Cli, crowded: Path, step: str) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, step, VICTIM], check=False, capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    others = answers_without(VICTIM)

    assert cli("prune", "--user", VICTIM, "--yes").exit_code == 0
    assert files_with(crowded, VICTIM, PROMPT) == []
    assert answers_without(VICTIM) == others
    assert sorted(names(waiting_records(next(iter((crowded / "spool").iterdir()))))) == ["of u-2"]
    assert "There is nothing of user" in cli("prune", "--user", VICTIM, "--yes").stderr


def test_what_is_old_leaves_no_bytes_either(cli: Cli, own_environment: Path, plain_sqlite: None) -> None:
    old = priced(0.25, user=VICTIM, ago_h=50.0)
    old.attributes["gen_ai.input.messages"] = PROMPT
    store(store_path(), [old, *(priced(0.25, user="u-1", run_id=f"{one:032x}") for one in range(40))])
    assert files_with(own_environment, PROMPT) == ["store.db"]
    cli("prune", "--older-than", "24h", "--yes")

    assert files_with(own_environment, PROMPT) == []


# --- without a store, and with others -------------------------------------------------------------


def test_spools_are_looked_through_where_there_is_no_store(cli: Cli, own_environment: Path) -> None:
    directory = spool_directory(store_home(), "otlp", "http://localhost:4318/v1/traces")
    left_by_the_dead(directory, "u-1,u-2")

    assert cli("prune", "--user", "u-1", "--yes").stdout == "Deleted 0 calls, 0 runs, 0 spans, 1 waiting span of user u-1.\n"
    assert (status_of(directory).spans, store_path().exists()) == (1, False)


def test_in_a_run_of_one_user_the_calls_of_another_are_the_others(cli: Cli, own_environment: Path) -> None:
    shared = [run("shared", user="u-1"), priced(0.25, user="u-1"), priced(0.5, user="u-2")]
    path = store(store_path(), shared)

    assert cli("prune", "--user", "u-1", "--yes").stdout == "Deleted 1 call, 1 run, 2 spans of user u-1.\n"
    assert ask(path, "SELECT user_id, cost_usd FROM calls") == [("u-2", 0.5)]
    assert answers_without("") == {"u-2": 1}
