"""Whoever is told of each call that has ended, whatever instrumentation observed it: the plugin of pytest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.core.call import LLMCall

LISTENERS: Final[list[Callable[[LLMCall], None]]] = []
"""Called on the thread on which the call ended. Empty is what it is in production."""
