"""What every ledger does alike, whoever shares it; and what each does of its own."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from fastagentic.budgets import process_ledger
from fastagentic.budgets.process_ledger import ProcessLedger
from fastagentic.budgets.redis_ledger import RedisLedger, key_of
from fastagentic.core.errors import ConfigError
from fastagentic.core.ledger import Account, Ledger, Spent, nanos_of
from fastagentic.store.ledger import LocalLedger, spent_in

from .redis_server import redis_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN = Account("run", "a" * 32, "")
MONTH = Account("month", "", "2026-11")
TENANT = Account("tenant", "acme:eu", "2026-11-25")

Opened = Callable[[], Ledger]
"""Opens the same ledger once more, as another process would."""


@pytest.fixture(params=["process", "local", "redis"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    if request.param == "process":
        ledger = ProcessLedger()
        yield lambda: ledger
    elif request.param == "local":
        yield lambda: LocalLedger(tmp_path / "home" / "budgets.db")
    else:
        with redis_server(tmp_path) as url:
            yield lambda: RedisLedger(url)


def test_nothing_is_spent_at_first(opened: Opened) -> None:
    assert opened().exchange({}, [RUN, MONTH]) == [Spent(), Spent()]


def test_what_is_booked_adds_up_and_is_answered_in_the_order_asked(opened: Opened) -> None:
    ledger = opened()
    ledger.exchange({RUN: Spent(5, 1, 0), MONTH: Spent(5, 1, 0)}, [])

    assert ledger.exchange({MONTH: Spent(7, 2, 1)}, [MONTH, TENANT, RUN]) == [Spent(12, 3, 1), Spent(), Spent(5, 1, 0)]


def test_whoever_shares_a_ledger_sees_what_others_booked(opened: Opened) -> None:
    one, other = opened(), opened()
    one.exchange({TENANT: Spent(10**15, 1, 0)}, [])

    assert other.exchange({TENANT: Spent(1, 1, 0)}, [TENANT]) == [Spent(10**15 + 1, 2, 0)]


def test_a_closed_ledger_opens_again(opened: Opened) -> None:
    ledger = opened()
    ledger.exchange({RUN: Spent(5, 1, 0)}, [])
    ledger.close()

    assert ledger.exchange({}, [RUN]) == [Spent(5, 1, 0)]


def test_nothing_is_lost_where_many_book_at_once(opened: Opened) -> None:
    ledgers = [opened() for _ in range(4)]
    locks = {id(ledger): threading.Lock() for ledger in ledgers}

    def book(ledger: Ledger) -> None:
        for _ in range(50):
            with locks[id(ledger)]:  # one thread at a time: the guard sees to it
                ledger.exchange({MONTH: Spent(3, 1, 0)}, [MONTH])

    threads = [threading.Thread(target=book, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert opened().exchange({}, [MONTH]) == [Spent(600, 200, 0)]


@pytest.mark.parametrize(
    ("usd", "nanos"), [(Decimal("0.0000000375"), 38), (Decimal(12), 12 * 10**9), (0.5, 500_000_000), (Decimal(0), 0)]
)
def test_amounts_are_whole_nano_dollars(usd: Decimal | float, nanos: int) -> None:
    assert nanos_of(usd) == nanos


# --- in memory ------------------------------------------------------------------------------------


def test_a_process_forgets_its_oldest_runs_and_no_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_ledger, "RUNS_KEPT", 3)
    ledger = ProcessLedger()
    ledger.exchange({TENANT: Spent(1, 1, 0)}, [])
    runs = [Account("run", str(number), "") for number in range(5)]
    for run in runs:
        ledger.exchange({run: Spent(1, 1, 0)}, [])

    assert [spent.calls for spent in ledger.exchange({}, [*runs, TENANT])] == [0, 0, 1, 1, 1, 1]


# --- in a file ------------------------------------------------------------------------------------


def store_of(path: Path, *calls: tuple[float | None, float]) -> Path:
    """A store with calls of (cost, seconds ago)."""
    with sqlite3.connect(path) as store:
        store.execute("CREATE TABLE calls (cost_usd REAL, cost_source TEXT, started_ns INTEGER)")
        for usd, ago_s in calls:
            source = "unknown" if usd is None else "price_table"
            store.execute("INSERT INTO calls VALUES (?, ?, ?)", (usd, source, time.time_ns() - int(ago_s * 1e9)))
    return path


def this_month() -> Account:
    return Account("month", "", time.strftime("%Y-%m", time.gmtime()))


def test_a_month_begins_with_what_the_store_knows_of_it(tmp_path: Path) -> None:
    store = store_of(tmp_path / "store.db", (0.25, 1), (None, 1), (99.0, 40 * 86_400))
    ledger = LocalLedger(tmp_path / "budgets.db", store)

    assert ledger.exchange({}, [this_month()]) == [Spent(250_000_000, 2, 1)]
    assert ledger.exchange({this_month(): Spent(1, 1, 0)}, [this_month()]) == [Spent(250_000_001, 3, 1)]
    assert LocalLedger(tmp_path / "budgets.db", store).exchange({}, [this_month()]) == [Spent(250_000_001, 3, 1)]


def test_a_store_that_is_none_begins_no_month(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("no database at all, but long enough to be one" * 50)

    assert LocalLedger(tmp_path / "budgets.db", tmp_path / "store.db").exchange({}, [this_month()]) == [Spent()]


def test_a_ledger_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    ledger = LocalLedger(tmp_path / "budgets.db")
    ledger.exchange({RUN: Spent(5, 1, 0)}, [])
    for path in tmp_path.glob("budgets.db*"):
        path.unlink()

    assert ledger.exchange({RUN: Spent(7, 1, 0)}, [RUN]) == [Spent(7, 1, 0)]
    assert LocalLedger(tmp_path / "budgets.db").exchange({}, [RUN]) == [Spent(7, 1, 0)]


def test_what_nobody_was_charged_for_long_is_forgotten(tmp_path: Path) -> None:
    ledger = LocalLedger(tmp_path / "budgets.db")
    ledger.exchange({RUN: Spent(5, 1, 0), TENANT: Spent(5, 1, 0)}, [])
    ledger.close()
    with sqlite3.connect(tmp_path / "budgets.db") as file:
        file.execute("UPDATE spent SET changed_ns = 1 WHERE scope = 'run'")
        file.execute("PRAGMA user_version = 1")

    assert ledger.exchange({}, [RUN, TENANT]) == [Spent(), Spent(5, 1, 0)]


def test_the_ledger_of_a_home_can_be_read_without_making_one(tmp_path: Path) -> None:
    path = tmp_path / "budgets.db"
    assert spent_in(path, ("2026-11-25", "2026-11")) == {}
    assert not path.exists()
    LocalLedger(path).exchange({RUN: Spent(1, 1, 0), TENANT: Spent(5, 1, 0)}, [])

    assert spent_in(path, ("2026-11-25", "2026-11")) == {TENANT: Spent(5, 1, 0)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="platform: no fork here")
def test_a_forked_child_has_a_connection_of_its_own(tmp_path: Path) -> None:
    ledger = LocalLedger(tmp_path / "budgets.db")
    ledger.exchange({RUN: Spent(1, 1, 0)}, [])

    child = os.fork()
    if not child:
        try:
            ledger.exchange({RUN: Spent(2, 1, 0)}, [])
        finally:
            os._exit(0)
    os.waitpid(child, 0)

    assert ledger.exchange({}, [RUN]) == [Spent(3, 2, 0)]


# --- in Redis -------------------------------------------------------------------------------------


def test_redis_forgets_by_itself(tmp_path: Path) -> None:
    import redis

    with redis_server(tmp_path) as url, redis.Redis.from_url(url) as client:
        RedisLedger(url).exchange({RUN: Spent(1, 1, 0), MONTH: Spent(1, 1, 0)}, [])

        assert 30 * 86_400 < client.ttl(key_of(RUN)) <= 31 * 86_400
        assert 61 * 86_400 < client.ttl(key_of(MONTH)) <= 62 * 86_400


def test_a_url_that_is_none_is_an_error_that_does_not_repeat_it() -> None:
    with pytest.raises(ConfigError, match=r"^budget_ledger is no URL of Redis; it takes redis://host:6379/0 or the like$"):
        RedisLedger("redis://me:secret@host:port-1/0")
