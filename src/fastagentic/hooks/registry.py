"""Which hooks there are: those registered for all runs with `@hook`, and how an object with event methods becomes such."""

from __future__ import annotations

import difflib
import logging
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fastagentic.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("fastagentic")

F = TypeVar("F", bound="Callable[..., Any]")

EVENTS: Final = (
    "on_startup", "on_shutdown", "on_request", "on_response", "on_llm_start", "on_llm_end", "on_tool_call", "on_tool_result",
    "on_error", "on_retry", "on_budget",
)  # fmt: skip

NEVER_FIRED: Final = (
    "on_node_enter", "on_node_exit", "on_checkpoint", "on_resume", "on_memory_add", "on_memory_search",
)  # fmt: skip
"""Events of the published package for what this one has not."""


class HookMode(StrEnum):
    """Whether what the hook stands at waits for it."""

    AWAIT = "await"
    BACKGROUND = "background"


class FailureMode(StrEnum):
    """What a hook that raises, or takes too long, means."""

    WARN = "warn"
    REJECT = "reject"


@dataclass(slots=True, frozen=True)
class RegisteredHook:
    """A function, the event that it is for, and on which terms it is called."""

    event: str
    function: Callable[..., Any]
    mode: HookMode = HookMode.AWAIT
    timeout: float | None = None
    """Seconds."""
    on_failure: FailureMode = FailureMode.WARN

    @property
    def name(self) -> str:
        """As logs name it."""
        return str(getattr(self.function, "__qualname__", type(self.function).__qualname__))


registered: Final[list[RegisteredHook]] = []
"""In order of registration. Its truth is what an LLM call asks of us where nobody registered anything."""


def hook(event: str, *, mode: str = "await", timeout: float | None = None, on_failure: str = "warn") -> Callable[[F], F]:
    """Register a function, sync or async, for an event of every run.

    Args:
        event: such as `on_llm_end`.
        mode: `await`, or `background`: nobody waits for it, and nothing that it returns counts.
        timeout: seconds that it may take. A sync function that has one runs on a thread of its own.
        on_failure: what it means that it raises or takes too long: `warn` (one warning, then as proceed) or `reject`.

    Returns: a decorator that hands back the function itself.

    Raises: ConfigError for an event, mode or failure mode that does not exist.

    Example:
        >>> from fastagentic.hooks import HookContext, hook, reset_hooks
        >>> @hook("on_llm_end", timeout=2)
        ... async def log_cost(ctx: HookContext) -> None:
        ...     print(ctx.metadata["portkey"].get("cost"))
        >>> reset_hooks()
    """
    _check_event(event)
    terms = (_one_of("mode", mode, HookMode), timeout, _one_of("on_failure", on_failure, FailureMode))

    def register(function: F) -> F:
        registered.append(RegisteredHook(event, function, *terms))
        return function

    return register


def get_registered_hooks(event: str) -> list[Callable[..., Any]]:
    """The functions registered for an event, in order."""
    return [one.function for one in registered if one.event == event]


def reset_hooks() -> None:
    """Forget every function that `@hook` registered; for tests."""
    registered.clear()


E = TypeVar("E", bound=Enum)


def _one_of(name: str, value: Any, kind: type[E]) -> E:
    try:
        return kind(value)
    except ValueError:
        accepted = " or ".join(repr(one.value) for one in kind)
        raise ConfigError.of(name, value, accepted, source="hook") from None


def _check_event(event: str) -> None:
    if event in NEVER_FIRED:
        logger.warning("hook(%r): there is no such thing here, and the hook never fires", event)
    elif event not in EVENTS:
        near = difflib.get_close_matches(str(event), EVENTS, n=1)
        meant = f" (did you mean {near[0]!r}?)" if near else ""
        raise ConfigError.of("event", event, f"one of {', '.join(EVENTS)}{meant}", source="hook")
