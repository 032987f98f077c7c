"""How a planned call is made: which method of which client, with which arguments. It makes no call itself.

The two clients are imported here and nowhere else in the demo, and only when the demo runs; a new route is a
row in one of the two tables. Called by `workload.py`.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import FastagenticError

from .exchanges import CALL_HEADER
from .scenarios import MINI, NEWER, Client, Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .plan import PlannedCall
    from .provider import StandIn

KEY: Final = "sk-demo"
MODULES: Final = {"portkey": ("portkey_ai",), "litellm": ("litellm", "fastapi", "orjson", "soundfile")}
"""What the demo imports, by the extra that installs it."""

FAILING: Final = "busy-9-500-5ms"
"""Fails however often a client tries, and keeps the clients' own retries from waiting long."""
BREAK_AFTER: Final = 5

Arguments = dict[str, Any]
Prepared = tuple["Callable[..., Any]", Arguments]


class ClientsMissing(FastagenticError):  # noqa: N818  # a state of the machine, not a mistake
    """The demo runs the real clients, and they are not installed."""


def require_clients() -> None:
    """Raise `ClientsMissing`, naming the extras to install, unless both clients can be imported."""
    missing = [extra for extra, modules in MODULES.items() if any(importlib.util.find_spec(name) is None for name in modules)]
    if missing:
        modules = " and ".join(name for extra in missing for name in MODULES[extra])
        raise ClientsMissing(f"the demo needs {modules}, not all installed: pip install 'fastagentic[{','.join(missing)}]'")


class PortkeyRoutes:
    """Calls through the Portkey SDK, to the gateway at `url`; cached ones to the stand-in, which caches."""

    def __init__(self, stand_in: StandIn, url: str) -> None:
        self._stand_in = stand_in
        self._url = url
        self._clients: dict[tuple[Route, bool], Any] = {}
        self._module = _imported("portkey_ai")

    def prepare(self, call: PlannedCall, *, is_async: bool) -> Prepared:
        """The method and its arguments."""
        headers = {CALL_HEADER: call.id}
        if call.forces_refresh:
            headers["x-portkey-cache-force-refresh"] = "true"
        client = self._client(call.scenario.route, is_async)
        return client.chat.completions.create, {**_common(call), "extra_headers": headers}

    def _client(self, route: Route, is_async: bool) -> Any:
        """A client a route and kind: made before threads or tasks ask for it side by side, or made twice."""
        if (route, is_async) not in self._clients:
            make = self._module.AsyncPortkey if is_async else self._module.Portkey
            url = self._stand_in.url("portkey") if route is Route.CACHED else self._url
            config = self._configs()[route]
            self._clients[route, is_async] = make(api_key="pk-demo", base_url=url, config=config, forward_headers=[CALL_HEADER])
        return self._clients[route, is_async]

    def _configs(self) -> Mapping[Route, Arguments]:
        target = self._target
        mini = {"override_params": {"model": MINI}}
        patience = {"attempts": 2, "on_status_codes": [429]}
        fallback = {"mode": "fallback"}
        return {
            Route.DIRECT: target("ok"),
            Route.FALLBACK: {"strategy": fallback, "targets": [target("fail-503"), target("ok", **mini)]},
            Route.RETRY: target("flaky-1-429", retry=patience),
            Route.CACHED: target("ok", cache={"mode": "semantic", "max_age": 3600}),
            Route.REJECTED: target("fail-400"),
            Route.DOWN: {"strategy": fallback, "targets": [target("fail-503"), target(FAILING, **mini)]},
            Route.BREAKS: target(f"break-{BREAK_AFTER}"),
        }

    def _target(self, segment: str, **more: Any) -> Arguments:
        return {"provider": "openai", "api_key": KEY, "custom_host": self._stand_in.url(segment), **more}


class LiteLLMRoutes:
    """Calls through LiteLLM, with its own in-memory cache, and a Router whose first deployment fails."""

    SEGMENTS: Final[Mapping[Route, str]] = {
        Route.DIRECT: "ok",
        Route.CACHED: "ok",
        Route.REJECTED: "fail-401",
        Route.DOWN: FAILING,
        Route.BREAKS: f"break-{BREAK_AFTER}",
    }

    def __init__(self, stand_in: StandIn) -> None:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else its import asks the network for prices
        self._stand_in = stand_in
        self._module = _imported("litellm")
        self._module.cache = self._module.Cache()
        self._module.suppress_debug_info = True
        logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)
        logging.getLogger("LiteLLM Router").setLevel(logging.CRITICAL)
        self._router = self._module.Router(
            model_list=[self._deployment("fail-503", "first", 1), self._deployment("ok", "second", 2)],
            num_retries=0,
            disable_cooldowns=True,
        )

    def prepare(self, call: PlannedCall, *, is_async: bool) -> Prepared:
        """The method and its arguments."""
        scenario = call.scenario
        headers = {"extra_headers": {CALL_HEADER: call.id}}
        door = "acompletion" if is_async else "completion"
        if scenario.route is Route.ROUTER:
            return getattr(self._router, door), {**_common(call), **headers}
        target = {
            "api_base": self._stand_in.url(self.SEGMENTS[scenario.route]),
            "api_key": KEY,
            "max_retries": 0,
        }
        caching = {"caching": scenario.route is Route.CACHED}
        return getattr(self._module, door), {**_common(call), **headers, **target, **caching}

    def _deployment(self, segment: str, name: str, order: int) -> Arguments:
        url = self._stand_in.url(segment)
        parameters = {"model": NEWER, "api_base": url, "api_key": KEY, "max_retries": 0, "order": order}
        return {"model_name": NEWER, "litellm_params": parameters, "model_info": {"id": name}}


class Routes:
    """Both clients' routes behind one `prepare`."""

    def __init__(self, stand_in: StandIn, portkey_url: str) -> None:
        self._by_client: Mapping[Client, PortkeyRoutes | LiteLLMRoutes] = {
            Client.PORTKEY: PortkeyRoutes(stand_in, portkey_url),
            Client.LITELLM: LiteLLMRoutes(stand_in),
        }

    def prepare(self, call: PlannedCall, *, is_async: bool) -> Prepared:
        """The method that makes the call, and its arguments."""
        return self._by_client[call.scenario.client].prepare(call, is_async=is_async)


def _imported(name: str) -> Any:
    return importlib.import_module(name)


def _common(call: PlannedCall) -> Arguments:
    scenario = call.scenario
    arguments: Arguments = {"model": scenario.model, "messages": call.messages}
    if scenario.streams:
        arguments["stream"] = True
    if scenario.asks_usage:
        arguments["stream_options"] = {"include_usage": True}
    return arguments
