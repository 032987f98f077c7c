"""Carries the plan out with the real clients, inside `fastagentic.run(...)`, and keeps the ledger.

One run works in threads, two on an event loop; in each, the users' sessions go on side by side and a
session's calls follow one another. Called by `report.py` and by the test that adds everything up again.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from fastagentic._api import run as open_run

from .ledger import Seen
from .routes import Routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .plan import Plan, PlannedCall, PlannedRun, PlannedSession
    from .provider import StandIn


def ignore(_: Seen) -> None:
    """Nobody watches."""


class Workload:
    """A plan and the clients to carry it out with. `on_seen` is told of every call that has ended."""

    def __init__(self, plan: Plan, stand_in: StandIn, portkey_url: str, on_seen: Callable[[Seen], object] = ignore) -> None:
        self._plan = plan
        self._routes = Routes(stand_in, portkey_url)
        self._on_seen = on_seen
        self.ledger: list[dict[str, Any]] = []

    def perform(self) -> None:
        """Make every call of the plan; afterwards `ledger` says what the callers saw."""
        for planned in self._plan.runs:
            if not planned.kind.is_async:
                self._in_threads(planned)
        asyncio.run(self._on_loop([planned for planned in self._plan.runs if planned.kind.is_async]))

    def _in_threads(self, planned: PlannedRun) -> None:
        kind = planned.kind
        with open_run(kind.name, tenant=kind.tenant, tags=kind.tags), ThreadPoolExecutor() as pool:
            list(pool.map(lambda session: self._session(planned, session), planned.sessions))

    async def _on_loop(self, runs: Iterable[PlannedRun]) -> None:
        for planned in runs:
            kind = planned.kind
            async with open_run(kind.name, tenant=kind.tenant, tags=kind.tags):
                await asyncio.gather(*(self._asession(planned, session) for session in planned.sessions))

    def _session(self, planned: PlannedRun, session: PlannedSession) -> None:
        with open_run(planned.kind.step, **_who(planned, session)):
            for call in session.calls:
                self._note(planned, session, self._ask(call))

    async def _asession(self, planned: PlannedRun, session: PlannedSession) -> None:
        async with open_run(planned.kind.step, **_who(planned, session)):
            for call in session.calls:
                self._note(planned, session, await self._aask(call))
                await asyncio.sleep(0)  # LiteLLM writes its cache in a task of its own

    def _note(self, planned: PlannedRun, session: PlannedSession, seen: Seen) -> None:
        self.ledger.append(seen.as_json(planned, session))
        self._on_seen(seen)

    def _ask(self, call: PlannedCall) -> Seen:
        seen = Seen(call)
        try:
            method, arguments = self._routes.prepare(call, is_async=False)
            answer = method(**arguments)
            if call.scenario.streams:
                _read(seen, answer)
            else:
                seen.read_whole(answer)
        except Exception as error:  # noqa: BLE001  # whatever reaches the caller goes into the ledger
            seen.error = type(error).__name__
        return seen

    async def _aask(self, call: PlannedCall) -> Seen:
        seen = Seen(call)
        try:
            method, arguments = self._routes.prepare(call, is_async=True)
            answer = await method(**arguments)
            if call.scenario.streams:
                await _aread(seen, answer)
            else:
                seen.read_whole(answer)
        except Exception as error:  # noqa: BLE001  # whatever reaches the caller goes into the ledger
            seen.error = type(error).__name__
        return seen


def _who(planned: PlannedRun, session: PlannedSession) -> dict[str, Any]:
    kind = planned.kind
    return {"user": session.user, "session": session.session, "tenant": kind.tenant, "tags": kind.tags}


def _read(seen: Seen, stream: Any) -> None:
    for chunk in stream:
        if seen.read_chunk(chunk):
            break
    if hasattr(stream, "close"):  # LiteLLM's stream has none: it is dropped
        stream.close()


async def _aread(seen: Seen, stream: Any) -> None:
    async for chunk in stream:
        if seen.read_chunk(chunk):
            break
    await (stream.aclose() if hasattr(stream, "aclose") else stream.close())
