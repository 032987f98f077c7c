"""The client of the gateway in force: `fastagentic.llm()`, for code that asks explicitly instead of being lent to."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from weakref import WeakKeyDictionary

from fastagentic.core.errors import NoGatewayError
from fastagentic.observe.context import current_run

_plain: Final[WeakKeyDictionary[Any, Any]] = WeakKeyDictionary()
_awaited: Final[WeakKeyDictionary[Any, WeakKeyDictionary[Any, Any]]] = WeakKeyDictionary()
"""Gateway -> its client, of the async ones one an event loop: connections are kept, and none outlives its loop."""


def llm(async_: bool = False) -> Any:
    """The client of the run's gateway: Portkey's own, or LiteLLM's functions. Each gateway has one, with its connections.

    Args:
        async_: the asynchronous client, for the running event loop.

    Raises: NoGatewayError outside any run, and in one without a gateway.

    Example:
        >>> import fastagentic
        >>> from fastagentic.integrations.litellm import LiteLLMGateway
        >>> with fastagentic.run("report") as run:
        ...     run.gateway = LiteLLMGateway(fallback_models=["gpt-4o"])
        ...     llm()
        LiteLLMClient(LiteLLMGateway(fallback_models=['gpt-4o']))
    """
    gateway = _gateway()
    if not async_:
        return _kept(_plain, gateway, gateway.client)
    of_loops = _kept(_awaited, gateway, WeakKeyDictionary)
    return _kept(of_loops, asyncio.get_running_loop(), gateway.async_client)


def _gateway() -> Any:
    run = current_run()
    if run is None or run.gateway is None:
        where = "outside any run" if run is None else f"in the run {run.name!r}, which has no gateway"
        raise NoGatewayError(
            f"fastagentic.llm() was called {where}; give the App, the endpoint or the run one: "
            "fastagentic.run('name', gateway=PortkeyGateway(...))"
        )
    return run.gateway


def _kept(kept: Any, key: Any, make: Any) -> Any:
    if key not in kept:
        kept.setdefault(key, make())
    return kept[key]
