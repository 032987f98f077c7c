"""Importing genai-prices late, beside programs that are in the middle of their calls. The only place that imports it.

genai-prices imports httpx2. The OpenAI SDK (2.54) looks `httpx2` up in `sys.modules` at every call and uses what it finds,
half imported or not: for those 70 ms, whichever thread imports it, its callers would get AttributeErrors. While the
import lasts, the SDK finds what a finished import would show.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.patch import Patch

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_lock: Final = threading.Lock()
_snapshot: ModuleType | None = None


def price_data() -> ModuleType:
    """`genai_prices.data_snapshot`, imported by whoever comes first while the others wait. 340 ms, once."""
    global _snapshot
    if _snapshot is None:
        with _lock:
            if _snapshot is None:
                _snapshot = _imported()
    return _snapshot


def _imported() -> ModuleType:
    lookup = sys.modules.get("openai._httpx2")
    if lookup is None or not hasattr(lookup, "_loaded_httpx2"):
        import genai_prices.data_snapshot

        return genai_prices.data_snapshot
    patch = Patch(lookup, "_loaded_httpx2", _whole_or_none)
    try:
        import genai_prices.data_snapshot

        return genai_prices.data_snapshot
    finally:
        patch.take_off()


def _whole_or_none(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    module = wrapped(*args, **kwargs)
    return None if getattr(getattr(module, "__spec__", None), "_initializing", False) else module
