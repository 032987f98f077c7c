"""What every LLM call behind Portkey or LiteLLM cost, whether a cache answered, and which target served it.

    import fastagentic
    fastagentic.instrument()

The public names, each loaded when it is first used (PEP 562): importing the package alone costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ._version import __version__

if TYPE_CHECKING:
    from ._api import flush as flush
    from ._api import instrument as instrument
    from ._api import run as run
    from ._api import score as score
    from ._api import uninstrument as uninstrument
    from .app.application import App as App
    from .app.endpoints import agent_endpoint as agent_endpoint
    from .app.endpoints import get_endpoints as get_endpoints
    from .core.errors import BudgetExceeded as BudgetExceeded
    from .core.errors import ConfigError as ConfigError
    from .core.errors import FastagenticError as FastagenticError
    from .core.errors import HookRejected as HookRejected
    from .core.errors import NoGatewayError as NoGatewayError
    from .core.run import Run as Run
    from .core.run import RunUsage as RunUsage
    from .hooks import Hook as Hook
    from .hooks import HookContext as HookContext
    from .hooks import HookResult as HookResult
    from .hooks import hook as hook
    from .integrations.ambient import llm as llm
    from .observe.context import current_run as current_run
    from .observe.context import suppress as suppress
    from .observe.logs import RunLogFilter as RunLogFilter
    from .observe.logs import add_run_ids as add_run_ids
    from .observe.tool import tool as tool

_HOMES: Final = {
    "App": ".app.application",
    "BudgetExceeded": ".core.errors",
    "ConfigError": ".core.errors",
    "FastagenticError": ".core.errors",
    "Hook": ".hooks",
    "HookContext": ".hooks",
    "HookRejected": ".core.errors",
    "HookResult": ".hooks",
    "NoGatewayError": ".core.errors",
    "Run": ".core.run",
    "RunLogFilter": ".observe.logs",
    "RunUsage": ".core.run",
    "add_run_ids": ".observe.logs",
    "agent_endpoint": ".app.endpoints",
    "current_run": ".observe.context",
    "flush": "._api",
    "hook": ".hooks",
    "get_endpoints": ".app.endpoints",
    "instrument": "._api",
    "llm": ".integrations.ambient",
    "run": "._api",
    "score": "._api",
    "suppress": ".observe.context",
    "tool": ".observe.tool",
    "uninstrument": "._api",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fastagentic' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name], __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
