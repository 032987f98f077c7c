"""What an App switches on as it starts: `fastagentic.instrument()`, and the destinations that its hooks bring."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastagentic import _api
from fastagentic.integrations.brought import destinations_with

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = logging.getLogger("fastagentic")


def switch_on(telemetry: Mapping[str, Any], hooks: Iterable[Any]) -> None:
    """Instrument, unless somebody has: what the program said itself stays in force. Raises: ConfigError."""
    hooks = list(hooks)
    brought = [one.name for hook in hooks for one in getattr(hook, "destinations", ())]
    if not _api.is_instrumented():
        destinations = destinations_with(hooks, telemetry.get("destinations"), telemetry.get("tracer_provider"))
        _api.instrument(**({**telemetry, "destinations": destinations} if brought else telemetry))
    elif left := [*(name for name in telemetry if name != "budgets"), *brought]:  # its endpoints' runs carry an App's budgets
        what = ", ".join(left)
        logger.warning("App: fastagentic.instrument() was called before the application started; %s is not taken up", what)
