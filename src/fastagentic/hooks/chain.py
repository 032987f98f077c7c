"""The hooks in force somewhere: those registered for all runs, then those that the run carries, each function once."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from .base import Hook
from .once import warn_once
from .registry import FailureMode, HookMode, RegisteredHook, registered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

E = TypeVar("E", bound=Enum)


class Chain:
    """An ordered set of hooks; false when there is none. It follows what is registered later."""

    __slots__ = ("_own",)

    def __init__(self, own: Sequence[Any] = ()) -> None:
        """`own`: objects with event methods (`Hook` or not), and `RegisteredHook`s."""
        self._own = own

    def __bool__(self) -> bool:
        return bool(registered or self._own)

    def of(self, event: str) -> Iterator[RegisteredHook]:
        """The hooks for an event, in order of registration."""
        seen = []
        own = filter(None, (_of_event(event, given) for given in self._own))
        for one in (*(one for one in registered if one.event == event), *own):
            if one.function not in seen:
                seen.append(one.function)
                yield one


def _of_event(event: str, given: Any) -> RegisteredHook | None:
    if isinstance(given, RegisteredHook):
        return given if given.event == event else None
    method = getattr(given, event, None)
    if not callable(method) or getattr(method, "__func__", None) is vars(Hook).get(event, None):
        return None
    mode = _term(given, "hook_mode", HookMode.AWAIT)
    return RegisteredHook(
        event, method, mode, getattr(given, "hook_timeout", None), _term(given, "hook_on_failure", FailureMode.WARN)
    )


def _term(given: Any, name: str, default: E) -> E:
    value = getattr(given, name, default)
    try:
        return type(default)(value)
    except ValueError:
        warn_once((name, type(given)), "%s.%s is %r; it goes on as %r", type(given).__qualname__, name, value, default.value)
        return default


NONE: Final = Chain()
"""No hooks but those registered for all runs."""
