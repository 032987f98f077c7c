"""LLM calls in tests: how many, what they cost, whether a cache answered. `plugin.py` is the pytest plugin.

pytest finds the plugin by itself; nothing of this loads, and nothing is observed, until a test asks for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calls import Call as Call
    from .calls import LLMCalls as LLMCalls

__all__ = ["Call", "LLMCalls"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'fastagentic.testing' has no attribute {name!r}")
    from . import calls

    return getattr(calls, name)
