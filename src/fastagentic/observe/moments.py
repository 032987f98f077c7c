"""The moments at which hooks are fired: a flow of them is written once, `play` fires it in sync and `aplay` in async code."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar, cast

from opentelemetry import context as otel_context

from fastagentic.hooks.dispatch import afire, fire, is_inside_hook
from fastagentic.hooks.loop_thread import LOOP
from fastagentic.hooks.registry import registered

from .context import RUN_KEY, detach

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Iterator

    from opentelemetry.context import Context

    from fastagentic.core.run import Run
    from fastagentic.hooks.base import HookContext, HookResult, HookResultAction
    from fastagentic.hooks.chain import Chain

T = TypeVar("T")

NOTHING: Final[frozenset[HookResultAction]] = frozenset()
"""What an event honours that only proceeds."""


def has_hooks(context: Context) -> bool:
    """Whether a call that is made in this context has hooks; what a hook calls itself has none."""
    run: Run | None = context.get(RUN_KEY)  # type: ignore[assignment]
    return bool(registered or (run is not None and run.hooks)) and not is_inside_hook(context)


class Moment(NamedTuple):
    """An event to be fired, as `fire` takes it, and the context in which."""

    event: str
    ctx: HookContext
    chain: Chain
    honoured: frozenset[HookResultAction] | None
    context: Context

    @property
    def fired(self) -> tuple[str, HookContext, Chain, frozenset[HookResultAction] | None]:
        """What `fire` is told."""
        return self[:4]


Moments = Generator[Moment, "HookResult", T]


def play(moments: Moments[T]) -> T:
    """Fire one moment after the other, from sync code. What the flow raises is for the calling code."""
    try:
        moment = next(moments)
        while True:
            with _within(moment.context):
                result = fire(*moment.fired)
            moment = moments.send(result)
    except StopIteration as end:
        return cast("T", end.value)
    finally:  # cancelled, or Ctrl-C in the middle of a hook: the call ends all the same
        moments.close()


async def aplay(moments: Moments[T]) -> T:
    """Fire one moment after the other, from async code."""
    try:
        moment = next(moments)
        while True:
            with _within(moment.context):
                result = await afire(*moment.fired)
            moment = moments.send(result)
    except StopIteration as end:
        return cast("T", end.value)
    finally:  # cancelled, or Ctrl-C in the middle of a hook: the call ends all the same
        moments.close()


@contextmanager
def _within(context: Context) -> Iterator[None]:
    token = otel_context.attach(context)
    try:
        yield
    finally:
        detach(token)


def play_later(moments: Moments[Any], variables: contextvars.Context) -> None:
    """Fire where nobody waits and nobody can be told: on the hooks' own thread, with the call's context variables."""
    work = aplay(moments)
    try:
        variables.run(LOOP.submit, work)
    except RuntimeError:  # the interpreter is shutting down: no new threads
        work.close()
