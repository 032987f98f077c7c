"""Lists that `App` and `agent_endpoint` are given: of hooks, of functions, of names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastagentic.core.errors import ConfigError
from fastagentic.hooks import RegisteredHook
from fastagentic.hooks.registry import EVENTS, registered


def listed(given: Any, where: str) -> tuple[Any, ...]:
    """A list, or nothing. Raises: ConfigError."""
    if isinstance(given, str) or not isinstance(given, (Sequence, type(None))):
        raise ConfigError(f"{where} is {given!r}; it takes a list")
    return tuple(given or ())


def hooks_of(given: Any, where: str) -> tuple[Any, ...]:
    """`Hook` objects, or what has their methods; functions that `@hook` registered are in force without being listed."""
    for one in listed(given, where):
        is_registered = isinstance(one, RegisteredHook) or any(one is known.function for known in registered)
        if not is_registered and (isinstance(one, type) or not any(callable(getattr(one, event, None)) for event in EVENTS)):
            raise ConfigError(
                f"{where}: {one!r} has no method of a hook, such as on_request; give a Hook object, or decorate a function by "
                "fastagentic.hooks.hook('on_request')"
            )
    return listed(given, where)


def functions_of(given: Any, where: str, event: str) -> tuple[RegisteredHook, ...]:
    """Functions, or `Hook` objects of which one method counts, as hooks of an event."""
    found = [getattr(one, event, one) for one in listed(given, where)]
    for one in found:
        if not callable(one):
            raise ConfigError(f"{where}: {one!r} cannot be called; it takes functions of the hook's context")
    return tuple(RegisteredHook(event, one) for one in found)
