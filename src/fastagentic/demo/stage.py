"""What the demo stands on while it runs: a home for the store, the stand-in, the gateway.

Used by `report.py`, and by the test that adds the demo up again.
"""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastagentic._api import flush, instrument, uninstrument

from .gateway import GatewayUnavailable, LocalGateway
from .plan import plan
from .provider import StandIn
from .routes import require_clients
from .workload import Workload, ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .ledger import Seen
    from .plan import Plan

HOME_VARIABLE: Final = "FASTAGENTIC_HOME"
DEMO_HOME: Final = ".fastagentic"
DELAY_S, CHUNK_GAP_S = 0.01, 0.002
FLUSH_S: Final = 10.0


@dataclass(slots=True, frozen=True)
class Stage:
    """A stand-in, and where the Portkey SDK finds its gateway; if it is not the real one, why."""

    stand_in: StandIn
    portkey_url: str
    gateway_version: str | None = None
    why_no_gateway: str | None = None


@dataclass(slots=True, frozen=True)
class Played:
    """The workload after it was played: what the callers saw, and the stand-in's log."""

    ledger: list[dict[str, Any]]
    log: list[dict[str, Any]]
    was_delivered: bool


@contextmanager
def stage(*, wants_gateway: bool) -> Iterator[Stage]:
    """Start the stand-in and, where it can run, the real gateway; both end with the context."""
    with StandIn(delay_s=DELAY_S, chunk_gap_s=CHUNK_GAP_S) as stand_in:
        if not wants_gateway:
            yield Stage(stand_in, stand_in.url("portkey"), why_no_gateway="the real one was not asked for")
            return
        gateway = LocalGateway()
        try:
            gateway.start()
        except GatewayUnavailable as reason:
            yield Stage(stand_in, stand_in.url("portkey"), why_no_gateway=str(reason))
            return
        with gateway:
            yield Stage(stand_in, gateway.url, gateway_version=gateway.version)


def play(planned: Plan, ready: Stage, on_seen: Callable[[Seen], object] = ignore) -> Played:
    """Carry the plan out, observed, with everything in the local store when this returns.

    Raises: ClientsMissing when the SDKs are not installed.
    """
    require_clients()
    _reach_loopback_directly()
    instrument(service_name="fastagentic-demo", destinations=["local"])
    try:
        workload = Workload(planned, ready.stand_in, ready.portkey_url, on_seen)
        workload.perform()
        was_delivered = flush(FLUSH_S)
    finally:
        uninstrument()
    return Played(workload.ledger, ready.stand_in.log.as_json(), was_delivered)


def play_once(calls: int, seed: int, *, wants_gateway: bool) -> Played:
    """The whole demo without a word."""
    with stage(wants_gateway=wants_gateway) as ready:
        return play(plan(calls, seed), ready)


@dataclass(slots=True, frozen=True)
class Home:
    """Where the demo's store goes, as the person wrote it, and what finds it there in front of a command."""

    path: Path
    prefix: str


def settle_home(home: Path | None) -> Home:
    """Choose where the demo's store goes, and say so to everything that asks for it in this process."""
    from_environment = os.environ.get(HOME_VARIABLE, "").strip()
    if home is None and from_environment:
        return Home(Path(from_environment), prefix="")
    chosen = home or Path(DEMO_HOME)
    os.environ[HOME_VARIABLE] = str(chosen.expanduser().absolute())
    return Home(chosen, prefix=f"{HOME_VARIABLE}={shlex.quote(str(chosen))} ")


def _reach_loopback_directly() -> None:
    """Keep a proxy of this machine's environment out of the way between clients, gateway and stand-in."""
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1", "localhost")))
