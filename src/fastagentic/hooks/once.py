"""One warning a kind: what hooks do wrong is said once, not at each call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

logger = logging.getLogger("fastagentic")

_said: Final[set[Hashable]] = set()


def warn_once(kind: Hashable, text: str, *values: Any) -> None:
    """Log a warning unless one of this kind has been logged."""
    if kind not in _said:
        _said.add(kind)
        logger.warning(text, *values)


def forget() -> None:
    """Say it all once more; for tests."""
    _said.clear()
