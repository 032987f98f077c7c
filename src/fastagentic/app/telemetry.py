"""What an App switches on as it starts: `fastagentic.instrument()`, with the destinations that its hooks bring."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from fastagentic import _api
from fastagentic._settings_file import load_settings_file
from fastagentic.core.config import DEFAULT, resolved
from fastagentic.core.environment import chosen_destinations
from fastagentic.export.provider import makes_provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

logger = logging.getLogger("fastagentic")


def switch_on(telemetry: Mapping[str, Any], hooks: Iterable[Any]) -> None:
    """Instrument, unless somebody has: what the program said itself stays in force. Raises: ConfigError."""
    brought = {one.name: one for hook in hooks for one in getattr(hook, "destinations", ())}
    if not _api.is_instrumented():
        _api.instrument(**({**telemetry, "destinations": _with(brought, telemetry)} if brought else telemetry))
    elif brought or telemetry:
        what = ", ".join([*telemetry, *brought])
        logger.warning("App: fastagentic.instrument() was called before the application started; %s is not taken up", what)


def _with(brought: Mapping[str, Any], telemetry: Mapping[str, Any]) -> list[Any]:
    """The destinations that were named, else those that the environment speaks of; one of a hook's name is the hook's."""
    load_settings_file()
    named = resolved("destinations", telemetry.get("destinations"))
    chosen = named.value
    if named.source == DEFAULT:
        is_ours = makes_provider(telemetry.get("tracer_provider"))
        chosen = chosen_destinations(os.environ, is_ours=is_ours).names
    return [*(one for one in chosen if getattr(one, "name", one) not in brought), *brought.values()]
