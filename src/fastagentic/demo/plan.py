"""The demo's plan: every call of the workload, decided by a seed before the first is made. It makes none.

Shares are dealt out to three runs of four users each, so that the same number of calls and seed always give
the same questions, in the same sessions, in the same order. `workload.py` carries it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from .scenarios import FAQ, RUN_KINDS, SCENARIOS, USERS, Client, Route, RunKind, Scenario
from .seeded import prose, seeded

if TYPE_CHECKING:
    import random

SYSTEM: Final = "You are the assistant of a trading company. Answer from the documents, in plain words, briefly."


@dataclass(slots=True, frozen=True)
class PlannedCall:
    """One logical call: what is asked, and after how many chunks the caller breaks off, if ever."""

    id: str
    scenario: Scenario
    prompt: str
    stop_after: int | None = None
    forces_refresh: bool = False

    @property
    def messages(self) -> list[dict[str, str]]:
        """What is sent."""
        return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": self.prompt}]


@dataclass(slots=True, frozen=True)
class PlannedSession:
    """One user's part of a run: its calls follow one another."""

    user: str
    session: str
    calls: tuple[PlannedCall, ...]


@dataclass(slots=True, frozen=True)
class PlannedRun:
    """A run: its sessions go on side by side."""

    kind: RunKind
    sessions: tuple[PlannedSession, ...]


@dataclass(slots=True, frozen=True)
class Plan:
    """The whole workload."""

    runs: tuple[PlannedRun, ...]

    @property
    def calls(self) -> list[PlannedCall]:
        """All calls, run after run and session after session."""
        return [call for run in self.runs for session in run.sessions for call in session.calls]


def plan(calls: int = 300, seed: int = 7) -> Plan:
    """The workload of about `calls` calls that `seed` decides."""
    dealt = _deal(calls)
    numbered = iter(range(len(RUN_KINDS) * len(USERS)))
    return Plan(
        tuple(
            PlannedRun(kind, tuple(_session(kind, user, dealt[next(numbered)], seed) for user in USERS)) for kind in RUN_KINDS
        )
    )


def _deal(calls: int) -> list[list[Scenario]]:
    """The scenarios of each session: round and round, a block at a time, so that each sees many kinds."""
    sessions: list[list[Scenario]] = [[] for _ in range(len(RUN_KINDS) * len(USERS))]
    turn = 0
    for scenario, count in zip(SCENARIOS, _counts(calls), strict=True):
        for at in range(count):
            sessions[(turn + at // scenario.block) % len(sessions)].append(scenario)
        turn += -(-count // scenario.block)
    return sessions


def _counts(calls: int) -> list[int]:
    """How many calls each scenario gets of `calls`: its share, and where the calls suffice at least one."""
    whole = sum(scenario.share for scenario in SCENARIOS)
    exact = [calls * scenario.share / whole for scenario in SCENARIOS]
    counts = [int(part) for part in exact]
    by_remainder = sorted(range(len(exact)), key=lambda at: counts[at] - exact[at])
    for at in by_remainder[: calls - sum(counts)]:
        counts[at] += 1
    while 0 in counts and calls >= len(counts):
        counts[counts.index(max(counts))] -= 1
        counts[counts.index(0)] += 1
    return counts


def _session(kind: RunKind, user: str, scenarios: list[Scenario], seed: int) -> PlannedSession:
    name = f"{kind.name}-{user.removeprefix('u-')}"
    dice = seeded(seed, name)
    dice.shuffle(scenarios)
    asked: dict[Client, int] = dict.fromkeys(Client, 0)
    planned: list[PlannedCall] = []
    for at, scenario in enumerate(scenarios, 1):
        call_id = f"{name}-{at}"
        if scenario.route is Route.CACHED:
            planned.append(_repeated(call_id, scenario, name, asked[scenario.client]))
            asked[scenario.client] += 1
        else:
            planned.append(_unique(call_id, scenario, kind, dice))
    return PlannedSession(user, name, tuple(planned))


def _unique(call_id: str, scenario: Scenario, kind: RunKind, dice: random.Random) -> PlannedCall:
    prompt = f"Document {call_id}. {prose(dice, dice.randint(*kind.prompt_length))} What follows from this?"
    return PlannedCall(call_id, scenario, prompt, dice.randint(2, 6) if scenario.stops_early else None)


def _repeated(call_id: str, scenario: Scenario, session: str, asked: int) -> PlannedCall:
    """A question of the FAQ: four times in a row, the third time reworded and the last past the cache.

    LiteLLM's local cache knows neither of the two, so there it is four times the same.
    """
    question, turn = divmod(asked, 4)
    is_portkey = scenario.client is Client.PORTKEY
    wording = FAQ[question % len(FAQ)][1 if is_portkey and turn == 2 else 0]
    prompt = f"{session} asks {scenario.client}: {wording}"
    return PlannedCall(call_id, scenario, prompt, forces_refresh=is_portkey and turn == 3)
