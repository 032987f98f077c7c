"""Another instrumentation beside ours, on the same calls, in either order and with either taken off first.

Each logical call counts once in our store; both arrive at the user's exporter; the user gets what they would have got; and
who stays on stays whole. What "whole" is, the same steps without ours tell: some do not come off when told to.
"""

from __future__ import annotations

import functools
import json
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fastagentic.demo.provider import StandIn
from tests.frameworks.environments import Environment

pytestmark = pytest.mark.slow

ENVIRONMENT = Environment(
    "coexistence",
    (
        "litellm",
        "mcp==2.3.0",
        "openai",
        "portkey-ai",
        "openinference-instrumentation-litellm==0.1.51",
        "openinference-instrumentation-openai==0.1.66",
        "opentelemetry-instrumentation-genai-openai==1.3b0",
        "opentelemetry-instrumentation-genai-portkey==1.3b0",
        "opentelemetry-instrumentation-litellm==0.62.4",
        "opentelemetry-instrumentation-openai==0.62.4",
    ),
)
PROGRAM = Path(__file__).parent / "programs" / "side_by_side.py"

THEIRS_FIRST = ("theirs+", "ours+", "play", "ours-", "play", "ours+", "play", "theirs-", "play", "ours-", "play")
OURS_FIRST = ("ours+", "theirs+", "play", "theirs-", "play", "theirs+", "play", "ours-", "play", "theirs-", "play")

ALL = frozenset({"litellm", "portkey", "openai"})


@dataclass(slots=True, frozen=True)
class Theirs:
    """A row: another instrumentation, the scopes its spans come from, and whose patches it tears off when it goes."""

    name: str
    scopes: tuple[str, ...] = ()
    is_same_beside_ours: bool = True
    """Whether it makes the same spans with ours on."""
    tears_off: frozenset[str] = frozenset()
    """Clients that nobody observes any more once it was on before us and has gone: it puts back what it once found."""


ROWS = (
    Theirs("nobody"),
    # LiteLLM's makes a span of its own only where none is current, and writes on the current one otherwise.
    Theirs("litellm-otel", ("litellm",), is_same_beside_ours=False),
    Theirs(
        "openinference",
        ("openinference.instrumentation.litellm", "openinference.instrumentation.openai"),
        tears_off=frozenset({"openai"}),
    ),
    Theirs("openllmetry", ("opentelemetry.instrumentation.litellm", "opentelemetry.instrumentation.openai.v1")),
    Theirs("official", ("opentelemetry.instrumentation.genai.openai", "opentelemetry.instrumentation.genai.portkey")),
)


@dataclass(slots=True)
class Played:
    """One `play`: who was on, what the user got and saw, and what our store holds of it."""

    theirs: Theirs
    ours_on: bool
    theirs_on: bool
    torn_off: bool
    got: dict[str, Any]
    spans: list[Any]
    run_id: str
    counted: int
    rows: list[Any]

    @property
    def seen(self) -> list[str]:
        """The calls that we are to see."""
        missing = self.theirs.tears_off if self.torn_off else frozenset()
        return [call for call in self.got if self.ours_on and call.partition(" ")[0] not in missing]

    @property
    def scopes(self) -> Counter[tuple[str, str]]:
        """How many spans of others' arrived, by scope and name."""
        return Counter((scope, name) for scope, name, _ in self.spans if scope != "fastagentic")

    def __str__(self) -> str:
        on = [name for name, is_on in (("ours", self.ours_on), (self.theirs.name, self.theirs_on)) if is_on]
        return f"with {' and '.join(on) or 'nobody'} on"


@dataclass(slots=True)
class Session:
    """A run of the program, and the same without ours."""

    theirs: Theirs
    played: list[Played]
    without_ours: list[Played]
    requests: int
    runs: frozenset[str]
    """Ids of the runs in our store."""
    store: str
    """All that our store holds of spans, as text."""


@functools.cache
def steps(order: tuple[str, ...]) -> list[tuple[bool, bool, bool]]:
    """Of each `play`: whether ours is on, whether theirs is, and whether theirs came before ours and has gone."""
    found, on, torn_off = [], [], False
    for step in order:
        if step == "play":
            found.append(("ours" in on, "theirs" in on, torn_off))
            continue
        who, sign = step[:-1], step[-1]
        if sign == "-":
            torn_off = torn_off or (who == "theirs" and on == ["theirs", "ours"])
            on.remove(who)
        else:
            torn_off = torn_off and who != "ours"
            on.append(who)
    return found


@pytest.fixture(scope="module", params=[THEIRS_FIRST, OURS_FIRST], ids=["theirs-first", "ours-first"])
def order(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return request.param


@pytest.fixture(scope="module", params=ROWS, ids=[row.name for row in ROWS])
def session(request: pytest.FixtureRequest, order: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Session:
    theirs: Theirs = request.param
    bare = tuple(step for step in order if not step.startswith("ours"))
    without_ours, _ = run(theirs, order, bare, tmp_path_factory.mktemp("bare"))
    home = tmp_path_factory.mktemp("home")
    played, requests = run(theirs, order, order, home)
    kept = Kept(home / "store.db")
    return Session(theirs, played, without_ours, requests, kept.runs(), kept.text())


def run(theirs: Theirs, order: tuple[str, ...], taken: tuple[str, ...], home: Path) -> tuple[list[Played], int]:
    with StandIn() as provider:
        printed = ENVIRONMENT.run(
            PROGRAM, theirs.name, *taken,
            home=home, OPENAI_API_KEY="sk", OPENAI_API_BASE=provider.url(), OPENAI_BASE_URL=provider.url(),
            GATEWAY_URL=provider.url("portkey"), TRACELOOP_TELEMETRY="false",
        )  # fmt: skip
        requests = len(provider.exchanges)
    kept = Kept(home / "store.db")
    played = [
        Played(theirs, *on, play["got"], play["spans"], play["run"], play["calls"], kept.calls_of(play["run"]))
        for on, play in zip(steps(order), printed, strict=True)
    ]
    return played, requests


class Kept:
    """Our store, if there is one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def calls_of(self, run_id: str) -> list[Any]:
        return self._ask(
            "SELECT name, attributes FROM calls JOIN spans USING (trace_id, span_id) WHERE calls.run_id = ?", run_id
        )

    def runs(self) -> frozenset[str]:
        return frozenset(run_id for (run_id,) in self._ask("SELECT run_id FROM runs"))

    def text(self) -> str:
        return repr(self._ask("SELECT * FROM spans"))

    def _ask(self, question: str, *values: str) -> list[Any]:
        if not self._path.exists():
            return []
        with closing(sqlite3.connect(self._path)) as store:
            return store.execute(question, values).fetchall()


def test_each_logical_call_counts_once(session: Session) -> None:
    for play in session.played:
        assert (str(play), len(play.rows)) == (str(play), len(play.seen))
        assert (str(play), play.counted) == (str(play), len(play.seen))


def test_no_answer_is_counted_twice(session: Session) -> None:
    for play in session.played:
        answers = [
            json.loads(attributes).get("gen_ai.response.id") for name, attributes in play.rows if name.startswith("chat")
        ]
        assert max(Counter(answers).values(), default=1) == 1, play


def test_the_user_gets_what_they_would_have_got(session: Session) -> None:
    assert [play.got for play in session.played] == [play.got for play in session.without_ours]
    assert session.requests == sum(len(play.got) for play in session.played)


def test_both_arrive_at_the_users_exporter(session: Session) -> None:
    for play in session.played:
        ours = [name for scope, name, _ in play.spans if scope == "fastagentic"]
        assert (str(play), len(ours)) == (str(play), len(play.seen) + 1)  # the run has a span also where nothing is observed
        if play.theirs_on:
            assert {scope for scope, _ in play.scopes} == set(session.theirs.scopes), play


def test_theirs_is_as_whole_as_it_is_without_ours(session: Session) -> None:
    if not session.theirs.is_same_beside_ours:
        for play in session.played:
            assert bool(play.scopes) == play.theirs_on, play
        return
    for play, bare in zip(session.played, session.without_ours, strict=True):
        assert (str(play), play.scopes) == (str(play), bare.scopes)


def test_ours_and_theirs_are_one_trace(session: Session) -> None:
    if not session.theirs.is_same_beside_ours:
        return  # LiteLLM reports streams from a thread that knows of no trace
    for play in session.played:
        assert {trace_id for _, _, trace_id in play.spans} == {play.run_id}, play


def test_each_run_is_a_run_in_our_store(session: Session) -> None:
    for play in session.played:
        if play.ours_on:
            assert play.run_id in session.runs, play


def test_no_prompt_gets_into_our_store_by_way_of_theirs(session: Session) -> None:
    for prompt in ("litellm async stream", "portkey plain", "openai plain"):
        assert prompt not in session.store
