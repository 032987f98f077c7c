"""The demo's plan: decided by its seed, and rich enough to be worth adding up."""

from __future__ import annotations

import pytest

from fastagentic.demo.plan import plan
from fastagentic.demo.scenarios import SCENARIOS, Client, Route


def test_the_same_seed_plans_the_same_calls() -> None:
    assert plan(300, 7) == plan(300, 7)
    assert plan(300, 7) != plan(300, 8)


@pytest.mark.parametrize("calls", [1, 12, 40, 299, 300, 1000])
def test_it_plans_as_many_calls_as_asked(calls: int) -> None:
    planned = plan(calls).calls
    assert len(planned) == calls
    assert len({call.id for call in planned}) == calls


def test_three_runs_of_four_users_in_sessions_of_their_own() -> None:
    runs = plan().runs
    assert len(runs) == 3
    assert {len({session.user for session in run.sessions}) for run in runs} == {4}
    assert len({session.session for run in runs for session in run.sessions}) == 12
    assert {run.kind.is_async for run in runs} == {True, False}


@pytest.mark.parametrize("calls", [len(SCENARIOS), 40, 300])
def test_every_scenario_and_route_comes_up(calls: int) -> None:
    seen = {call.scenario for call in plan(calls).calls}
    assert seen == set(SCENARIOS)
    assert {scenario.route for scenario in seen} == set(Route)


def test_both_ways_of_working_see_both_clients() -> None:
    for run in plan().runs:
        assert {call.scenario.client for session in run.sessions for call in session.calls} == set(Client)


def test_questions_come_again_only_where_a_cache_is_asked() -> None:
    prompts = [call.prompt for call in plan().calls if call.scenario.route is not Route.CACHED]
    assert len(prompts) == len(set(prompts))
    cached = [call.prompt for call in plan().calls if call.scenario.route is Route.CACHED]
    assert len(set(cached)) <= len(cached) / 2


def test_only_streams_are_broken_off() -> None:
    for call in plan().calls:
        assert (call.stop_after is not None) == call.scenario.stops_early
        assert call.scenario.streams or not call.scenario.stops_early
