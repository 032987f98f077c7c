"""What hooks bring besides their methods: destinations, which join those that were chosen. `App` asks, when it instruments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastagentic._settings_file import load_settings_file
from fastagentic.core.config import DEFAULT, resolved
from fastagentic.core.environment import chosen_destinations
from fastagentic.export.provider import makes_provider

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fastagentic.export.destination import Destination

    Asked = str | Destination


def destinations_with(
    hooks: Iterable[Any], asked: Sequence[Asked] | None = None, tracer_provider: Any = None
) -> Sequence[Asked] | None:
    """What to give `instrument(destinations=...)`: what was asked for, and what the hooks bring.

    A hook's takes the place of one of the same name. Where no hook brings any it is `asked` itself, None included, and with
    None the settings and the environment say what was asked for.
    """
    brought = [destination for hook in hooks for destination in getattr(hook, "destinations", ())]
    if not brought:
        return asked
    names = {destination.name for destination in brought}
    chosen = _chosen(tracer_provider) if asked is None else asked
    return [*(one for one in chosen if _name(one) not in names), *brought]


def _chosen(tracer_provider: Any) -> Sequence[Asked]:
    load_settings_file()
    named = resolved("destinations")
    if named.source != DEFAULT:
        return list(named.value)
    return chosen_destinations(os.environ, is_ours=makes_provider(tracer_provider)).names


def _name(one: Asked) -> str:
    return one if isinstance(one, str) else one.name
