"""Collecting the evidence: the store, the spools, the settings, what is installed, and on request the network."""

from __future__ import annotations

import os
import socket
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fastagentic.core.budget import NO_BUDGETS
from fastagentic.core.config import effective
from fastagentic.core.errors import FastagenticError, StoreError
from fastagentic.export.destination import Later, Malformed, Payload
from fastagentic.export.spool.survey import survey
from fastagentic.gateways.lent import HOSTED_URL
from fastagentic.store.location import store_home
from fastagentic.store.place import read_place
from fastagentic.store.queries.reliability import groups, lost_attempts, requests
from fastagentic.store.queries.status import status
from fastagentic.store.queries.unpriced import unpriced_calls
from fastagentic.store.reader import write_problem

from .evidence import Evidence, LiteLLMSetup, PortkeySetup, Reach

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fastagentic.store.place import Place

PACKAGES: Final = ("portkey-ai", "litellm", "openai", "langfuse", "fastapi", "orjson", "soundfile", "mcp")
CONNECT_S: Final = 3.0
PORTS: Final = {"http": 80, "https": 443}


def gather(
    setups: Sequence[PortkeySetup | LiteLLMSetup] = (), *, since_ns: int | None = None, network: bool = False
) -> Evidence:
    """The evidence of this machine and user, of calls started from `since_ns` on. `network`: also try to connect."""
    portkey = tuple(setup for setup in setups if isinstance(setup, PortkeySetup))
    litellm = tuple(setup for setup in setups if isinstance(setup, LiteLLMSetup))
    stored = _stored(read_place(), since_ns)
    settings = effective()
    held = {one.name: one.value for one in settings if one.problem is None}
    return Evidence(
        portkey=portkey,
        litellm=litellm,
        **stored,
        spools=tuple(survey(store_home())),
        now_ns=time.time_ns(),
        versions={name: _version(name) for name in PACKAGES},
        settings_problems=tuple(one.problem for one in settings if one.problem is not None),
        spool_max_bytes=held.get("spool_max_size"),
        spool_max_age_s=held.get("spool_max_age"),
        destinations=tuple(held.get("destinations") or ()),
        budgets=held.get("budgets") or NO_BUDGETS,
        budget_ledger=held.get("budget_ledger"),
        environ=dict(os.environ),
        reaches=tuple(_reaches(setups, stored.get("groups", ()))) if network else (),
        langfuse_answer=_ask_langfuse() if network else "",
    )


def _stored(place: Place, since_ns: int | None) -> dict[str, Any]:
    """What the store says, as far as there is one."""
    path = place.path
    if path is not None and not path.exists():
        return {}
    try:
        with place.open() as connection:
            whole = status(connection, path or str(place))
            found = {
                "groups": tuple(groups(connection, since_ns)),
                "lost_attempts": tuple(lost_attempts(connection, since_ns)),
                "requests": tuple(requests(connection, since_ns)),
                "unpriced": tuple(unpriced_calls(connection, since_ns)),
                "store_drops": whole.drops,
                "store_bytes": whole.size_bytes or 0,
            }
    except StoreError as error:
        return {"has_store": True, "store_problem": str(error)}
    return {**found, "has_store": True, "store_problem": None if path is None else write_problem(path)}


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _reaches(setups: Iterable[PortkeySetup | LiteLLMSetup], seen: Iterable[Any]) -> Iterator[Reach]:
    """How far each gateway is that was written down, and each host that calls went to."""
    hosts: dict[tuple[str, int], str] = {}
    for setup in setups:
        url = setup.base_url or (HOSTED_URL if isinstance(setup, PortkeySetup) else None)
        if url is not None and (parts := urlsplit(url)).hostname:
            hosts.setdefault((parts.hostname, parts.port or PORTS.get(parts.scheme, 443)), setup.where)
    for group in seen:
        if group.gateway is not None and group.server:
            host, _, port = group.server.rpartition(":")
            if host and port.isdigit():
                hosts.setdefault((host, int(port)), "calls in the store")
    for (host, port), where in hosts.items():
        yield _connect(where, host, port)


def _connect(where: str, host: str, port: int) -> Reach:
    """Names are looked up first: what is measured is the way, once."""
    try:
        address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][4]
        begun = time.perf_counter()
        with socket.create_connection((str(address[0]), port), timeout=CONNECT_S):
            return Reach(where, f"{host}:{port}", time.perf_counter() - begun)
    except OSError as error:
        return Reach(where, f"{host}:{port}", failed=error.strerror or type(error).__name__)


def _ask_langfuse() -> str:
    """What Langfuse says of an empty batch with the keys of the environment; empty where it takes it, or none are set."""
    from fastagentic.export.destinations.langfuse import LangfuseDestination

    if not (os.environ.get("LANGFUSE_PUBLIC_KEY", "").strip() and os.environ.get("LANGFUSE_SECRET_KEY", "").strip()):
        return ""
    try:
        destination = LangfuseDestination()
    except FastagenticError as error:
        return str(error)
    try:
        answer = destination.send(Payload(b"", 0), CONNECT_S)
    finally:
        destination.close()
    return answer.why if isinstance(answer, Later | Malformed) else ""
