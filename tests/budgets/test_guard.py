"""The guard: which limits concern a call, when they are reached, what is held, and that its own failure never ends a call."""

from __future__ import annotations

import asyncio
import logging
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from fastagentic.budgets import guard as guard_module
from fastagentic.budgets.chosen import NOTICE, choose_ledger
from fastagentic.budgets.guard import Guard, Passed
from fastagentic.budgets.limits import Limits
from fastagentic.budgets.process_ledger import ProcessLedger
from fastagentic.budgets.redis_ledger import RedisLedger
from fastagentic.core.budget import budgets_of
from fastagentic.core.call import Cost, LLMCall
from fastagentic.core.ledger import Account, Spent
from fastagentic.core.names import CostSource, Operation
from fastagentic.core.run import Run

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fastagentic.core.errors import BudgetExceeded
    from fastagentic.core.ledger import Ledger

ANY: Any = None


def ended(usd: str | None, run: Run | None = None) -> LLMCall:
    """A call that cost this; None: nobody knows."""
    call = LLMCall("litellm", None, Operation.CHAT, "openai", "gpt-4o-mini", run=run)
    call.cost = Cost(None if usd is None else Decimal(usd), CostSource.UNKNOWN if usd is None else CostSource.PRICE_TABLE)
    return call


def made(guard: Guard, usd: str | None, run: Run | None = None, worst: int | None = None) -> BudgetExceeded | None:
    """Make a call that costs this, unless it is refused."""
    limits, call = guard.limits(run), ended(usd, run)
    refusal = guard.refusal(limits, call, worst)
    if refusal is None:
        guard.charge(limits, call, worst)
    return refusal


def guard_of(budgets: Any, ledger: Ledger | None = None, **more: Any) -> Guard:
    return Guard(budgets_of(budgets), ledger or ProcessLedger(), **more)


def run_of(name: str = "report", **more: Any) -> Run:
    return Run(name, more.pop("run_id", "a" * 32), **more)


# --- which limits ---------------------------------------------------------------------------------


ALL = {"run": 1, "user": 2, "tenant": {"usd": 3, "per": "day"}, "endpoint": 4, "month": 5}
NOON = 1_795_608_000.0  # 2026-11-25 12:00 UTC


def accounts(budgets: Any, run: Run | None, at: float = NOON) -> list[tuple[str, str, str, float]]:
    limits = Limits(budgets_of(budgets), clock=lambda: at).of(run)
    return [(*limit.account, limit.nanos / 1e9) for limit in limits]


def test_each_scope_has_an_account_of_its_own() -> None:
    assert accounts(ALL, run_of("ask", user="u-42", tenant="acme")) == [
        ("run", "a" * 32, "", 1.0),
        ("user", "u-42", "2026-11", 2.0),
        ("tenant", "acme", "2026-11-25", 3.0),
        ("endpoint", "ask", "2026-11", 4.0),
        ("month", "", "2026-11", 5.0),
    ]


def test_a_call_for_nobody_is_one_of_the_month() -> None:
    assert accounts(ALL, None) == [("month", "", "2026-11", 5.0)]
    assert [scope for scope, *_ in accounts(ALL, run_of())] == ["run", "endpoint", "month"]


def test_a_name_may_have_a_limit_of_its_own_or_be_the_only_one() -> None:
    budgets = {"tenant": {"named": {"acme": 9}}}

    assert accounts(budgets, run_of(tenant="acme")) == [("tenant", "acme", "2026-11", 9.0)]
    assert accounts(budgets, run_of(tenant="other")) == []


def test_a_run_inside_a_run_has_the_outer_ones_limit_and_its_own() -> None:
    outer = run_of("outer", budget_usd=10)
    inner = run_of("inner", budget_usd=2, parent=outer)
    again = run_of("inner", budget_usd=2, parent=outer)

    (own, around), (own_again, around_again) = accounts({}, inner), accounts({}, again)
    assert (around, around_again) == (("run", "a" * 32, "", 10.0),) * 2
    assert own[3] == own_again[3] == 2.0
    assert own[1] != own_again[1]


def test_a_run_inside_a_run_has_no_limit_because_every_run_has_one() -> None:
    inner = run_of("inner", parent=run_of("outer"))

    assert accounts({"run": 1}, inner) == [("run", "a" * 32, "", 1.0)]


def test_what_a_run_is_told_beats_what_holds_for_every_run() -> None:
    limits = Limits(budgets_of({"run": {"usd": 1, "action": "warn"}})).of(run_of(budget_usd=7))

    assert [(limit.nanos, limit.budget.action.value) for limit in limits] == [(7 * 10**9, "warn")]


def test_the_endpoint_of_a_run_inside_is_the_outer_ones() -> None:
    assert accounts({"endpoint": 1}, run_of("step", parent=run_of("ask")))[0][1] == "ask"


def test_an_apps_budgets_come_before_the_settings_and_leave_the_rest() -> None:
    run = run_of(user="u", budgets=budgets_of({"user": 7}))

    assert [(scope, usd) for scope, _, _, usd in accounts({"user": 1, "month": 5}, run)] == [("user", 7.0), ("month", 5.0)]


@pytest.mark.parametrize(
    ("at", "day", "month"),
    [
        (NOON, "2026-11-25", "2026-11"),
        (NOON + 12 * 3600 - 1, "2026-11-25", "2026-11"),
        (NOON + 12 * 3600, "2026-11-26", "2026-11"),
        (NOON + 6 * 86_400, "2026-12-01", "2026-12"),
    ],
)
def test_a_day_and_a_month_end_at_midnight_utc(at: float, day: str, month: str) -> None:
    now = NOON
    limits = Limits(budgets_of({"month": 1, "user": {"usd": 1, "per": "day"}}), clock=lambda: now)
    assert [limit.account.period for limit in limits.of(run_of(user="u"))] == ["2026-11-25", "2026-11"]
    now = at

    assert [limit.account.period for limit in limits.of(run_of(user="u"))] == [day, month]


def test_a_run_that_is_told_its_user_while_it_runs_has_that_users_limit() -> None:
    limits, run = Limits(budgets_of({"user": 1, "tenant": 2})), run_of()
    assert limits.of(run) == []
    run.user = "u-1"
    assert [limit.account.name for limit in limits.of(run)] == ["u-1"]
    run.user, run.tenant = "u-2", "acme"

    assert [limit.account.name for limit in limits.of(run)] == ["u-2", "acme"]
    assert limits.of(run) is limits.of(run)


def test_a_run_that_lasts_into_another_day_has_the_limits_of_that_day() -> None:
    now, run = NOON, run_of(user="u", budget_usd=1)
    limits = Limits(budgets_of({"month": 1, "user": {"usd": 1, "per": "day"}}), clock=lambda: now)
    (own, *_) = limits.of(run)
    now = NOON + 6 * 86_400

    assert limits.of(run)[0] is own
    assert [limit.account.period for limit in limits.of(run)] == ["", "2026-12-01", "2026-12"]


# --- when they are reached ------------------------------------------------------------------------


def test_a_limit_is_reached_by_the_call_that_spends_it() -> None:
    guard = guard_of({"month": 1})

    assert made(guard, "0.60") is None
    assert made(guard, "0.40") is None
    refusal = made(guard, "0.01")
    assert refusal is not None
    assert (refusal.scope, refusal.name, refusal.limit_usd, refusal.spent_usd) == ("month", "", 1.0, 1.0)
    assert guard.refused == {"month": 1}


def test_a_limit_that_warns_is_told_once_and_lets_calls_go_on() -> None:
    passed: list[Passed] = []
    guard = guard_of({"month": {"usd": 1, "action": "warn"}}, on_passed=passed.append)
    for _ in range(5):
        assert made(guard, "0.50") is None

    ((limit, spent, call),) = passed
    assert (limit.account.scope, spent, call.model) == ("month", Spent(10**9, 2, 0), "gpt-4o-mini")
    assert guard.passed == {("month", "warn"): 1}


def test_a_limit_that_others_reached_is_told_at_the_next_call() -> None:
    passed: list[Passed] = []
    ledger = ProcessLedger()
    guard = guard_of({"month": {"usd": 1, "action": "warn"}}, ledger, on_passed=passed.append)
    ledger.exchange({guard.limits(None)[0].account: Spent(2 * 10**9, 1, 0)}, [])

    made(guard, "0.01")

    assert passed[0].spent.usd == 2.0


def test_calls_of_unknown_cost_are_allowed_unless_told_otherwise() -> None:
    guard = guard_of({"month": 1})

    assert [made(guard, None) for _ in range(3)] == [None] * 3


def test_calls_of_unknown_cost_may_count_as_too_much() -> None:
    guard = guard_of({"month": 1, "unpriced": "stop"})
    made(guard, "0.25")
    made(guard, None)

    month = guard.limits(None)[0].account.period
    assert str(made(guard, "0.25")) == (
        f"the month {month} has a budget, and 1 calls whose cost is not known (0.25 of 1 USD spent beside them); "
        "the call was not made"
    )


def test_nothing_may_be_spent_where_the_limit_is_0() -> None:
    assert made(guard_of({"tenant": {"named": {"trial": 0}}}), "0.01", run_of(tenant="trial")) is not None


# --- what is at hand ------------------------------------------------------------------------------


def test_a_call_far_from_its_limits_needs_no_look_into_a_ledger_of_this_process() -> None:
    guard, run = guard_of({"run": 1, "month": 5}), run_of()
    limits = guard.limits(run)
    guard.charge(limits, ended("0.99", run))
    assert guard.has_room(limits)

    guard.charge(limits, ended("0.01", run))
    assert not guard.has_room(limits)
    assert guard.has_room(guard.limits(None))
    assert guard.month is not None
    assert guard.month.usd == 1.0


@pytest.mark.parametrize("budgets", [{"month": 1, "estimate": True}, {"month": 1, "unpriced": "stop"}, {"month": 0}])
def test_a_limit_that_asks_for_more_than_what_is_spent_is_judged_in_full(budgets: Any) -> None:
    guard = guard_of(budgets)

    assert not guard.has_room(guard.limits(None))


def test_a_ledger_that_others_share_is_asked_at_every_call() -> None:
    guard = guard_of({"month": 1}, Slow())

    assert not guard.has_room(guard.limits(None))


def test_what_is_at_hand_and_what_the_ledger_answers_are_one_account() -> None:
    ledger, run = ProcessLedger(), run_of(budget_usd=1)
    guard = guard_of({}, ledger)
    (limit,) = guard.limits(run)
    guard.charge([limit], ended("0.25", run))
    ledger.exchange({limit.account: Spent(5 * 10**8, 1, 1)}, [])

    assert ledger.exchange({}, [limit.account]) == [Spent(75 * 10**7, 2, 1)]
    assert limit.counts is not None
    assert limit.counts.spent == Spent(75 * 10**7, 2, 1)


def test_a_run_goes_on_under_another_instrumentations_ledger() -> None:
    run = run_of(budget_usd=1)
    before = guard_of({}, Slow())
    made(before, "0.50", run)
    before.close(5)
    guard = guard_of({}, ProcessLedger())

    assert [made(guard, "0.50", run) for _ in range(2)] == [None, None]
    assert made(guard, "0.50", run) is not None


def test_many_threads_charge_one_account_without_losing_a_call() -> None:
    guard = guard_of({"month": 10**6})

    def charge() -> None:
        for _ in range(500):
            guard.charge(guard.limits(None), ended("0.001"))

    threads = [threading.Thread(target=charge) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (limit,) = guard.limits(None)
    assert limit.counts is not None
    assert limit.counts.spent == Spent(4 * 10**9, 4000, 0)


# --- estimates ------------------------------------------------------------------------------------


def test_a_call_that_would_surely_pass_the_limit_is_refused() -> None:
    guard = guard_of({"month": 1, "estimate": True})
    made(guard, "0.75", worst=750_000_000)

    refusal = made(guard, "0.10", worst=300_000_000)
    assert refusal is not None
    assert refusal.estimate_usd == 0.3
    assert "has a budget with 0.75 of 1 USD spent, and the call could cost 0.3 USD; the call was not made" in str(refusal)
    assert made(guard, "0.25", worst=250_000_000) is None


def test_what_calls_in_flight_could_cost_is_held_until_they_end() -> None:
    guard = guard_of({"month": 1, "estimate": True})
    limits, call = guard.limits(None), ended("0.10")
    assert guard.refusal(limits, call, 600_000_000) is None
    assert made(guard, "0.10", worst=600_000_000) is not None

    guard.charge(limits, call, 600_000_000)

    assert made(guard, "0.10", worst=600_000_000) is None


def test_a_refused_call_holds_nothing() -> None:
    guard = guard_of({"month": 1, "estimate": True})
    for _ in range(3):
        assert made(guard, "0.10", worst=2 * 10**9) is not None

    assert made(guard, "0.10", worst=10**9) is None


def test_a_call_without_an_end_is_not_estimated() -> None:
    assert made(guard_of({"month": 1, "estimate": True}), "5") is None


# --- a ledger that waits --------------------------------------------------------------------------


REFUSED = "no route to redis://me:secret@host"


class Slow:
    """A ledger on another machine: it waits, fails when told to, and says on which thread it was asked."""

    waits = True

    def __init__(self) -> None:
        self._kept = ProcessLedger()
        self.is_down = False
        self.asked_on: list[str] = []

    def exchange(self, charges: Mapping[Account, Spent], asked: Sequence[Account]) -> list[Spent]:
        self.asked_on.append(threading.current_thread().name)
        if self.is_down:
            raise ConnectionError(REFUSED)
        return self._kept.exchange(charges, asked)

    def close(self) -> None:
        """Nothing is open."""


def test_async_code_never_waits_for_a_ledger_on_its_own_thread() -> None:
    ledger = Slow()
    guard = guard_of({"month": 1}, ledger)

    async def make() -> None:
        assert await guard.arefusal(guard.limits(None), ended("0.1")) is None
        guard.charge(guard.limits(None), ended("0.1"))

    asyncio.run(make())
    guard.close(5)

    assert threading.current_thread().name not in ledger.asked_on
    assert ledger.exchange({}, [guard.limits(None)[0].account]) == [Spent(10**8, 1, 0)]


def test_what_the_last_call_cost_is_booked_without_another_call() -> None:
    ledger = Slow()
    guard = guard_of({"month": 1}, ledger)
    made(guard, "0.30")

    assert guard.flush(5)
    assert ledger.exchange({}, [guard.limits(None)[0].account])[0].usd == 0.3
    guard.close(5)


def test_a_ledger_that_fails_lets_calls_go_on_and_is_left_alone_for_a_while(
    swallows_failures: Counter[tuple[str, str]], caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Slow()
    ledger.is_down = True
    guard = guard_of({"month": 0}, ledger)

    with caplog.at_level(logging.WARNING, "fastagentic"):
        assert [guard.refusal(guard.limits(None), ended("1")) for _ in range(10)] == [None] * 10

    assert guard.failures == 1
    assert swallows_failures == {("ask the ledger of budgets", "ConnectionError"): 1}
    (line,) = [record.getMessage() for record in caplog.records]
    assert "could not ask the ledger of budgets (ConnectionError); your call goes on" in line
    assert "secret" not in line


def test_what_was_spent_while_it_failed_is_booked_afterwards(
    swallows_failures: Counter[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard_module, "RETRY_AFTER_S", 0.0)
    ledger = Slow()
    guard = guard_of({"month": 1}, ledger)
    ledger.is_down = True
    assert [made(guard, "0.60") for _ in range(3)] == [None] * 3
    ledger.is_down = False

    refusal = made(guard, "0.60")
    assert refusal is not None
    assert refusal.spent_usd == pytest.approx(1.8)
    guard.close(5)


# --- which ledger ---------------------------------------------------------------------------------


def chosen(named: str | None, *, has_store: bool) -> tuple[str, str]:
    ledger, notice = choose_ledger(named, has_store=has_store, local=Slow)
    return type(ledger).__name__, notice


def test_a_store_brings_a_ledger_for_the_machine() -> None:
    assert chosen(None, has_store=True) == ("Slow", "")
    assert chosen("local", has_store=False) == ("Slow", "")


def test_without_one_each_process_counts_for_itself_and_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    assert chosen(None, has_store=False) == ("ProcessLedger", NOTICE)
    assert chosen("process", has_store=True) == ("ProcessLedger", "")
    guard = guard_of({"month": 1}, notice=NOTICE)
    with caplog.at_level(logging.WARNING, "fastagentic"):
        made(guard, "0.1")
        made(guard, "0.1")

    assert [record.getMessage() for record in caplog.records] == [NOTICE]


def test_a_process_without_limits_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    made(guard_of({}, notice=NOTICE), "0.1")

    assert not caplog.records


def test_a_url_brings_redis() -> None:
    ledger, notice = choose_ledger("redis://127.0.0.1:1/0", has_store=True, local=Slow)

    assert isinstance(ledger, RedisLedger)
    assert notice == ""


def test_a_redis_that_is_not_there_costs_one_wait(swallows_failures: Counter[tuple[str, str]], tmp_path: Path) -> None:
    guard = guard_of({"month": 0}, RedisLedger("redis://127.0.0.1:1/0"))

    assert [made(guard, "1") for _ in range(3)] == [None] * 3
    assert guard.failures == 1
    assert set(swallows_failures) == {("ask the ledger of budgets", "ConnectionError")}
    guard._noted.clear()
