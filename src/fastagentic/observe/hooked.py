"""The hooks of one call: which event is fired when, and what their answers do to the call.

Only a call in a run that has hooks comes here. Its doors and its stream play the moments that are told here; everything
else stays the observer's.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from fastagentic.context import user_of
from fastagentic.core.call import Cost
from fastagentic.core.errors import BudgetExceeded, HookRejected
from fastagentic.core.guard import never_break
from fastagentic.core.names import CostSource
from fastagentic.hooks.base import HookContext
from fastagentic.hooks.chain import Chain
from fastagentic.hooks.dispatch import HONOURED, MODIFY, REJECT, RETRY, SKIP, rejection
from fastagentic.hooks.once import warn_once

from .attempt import end_attempt, start_attempt, tell_the_first
from .call_facts import CallMetadata, facts_key, facts_of, usage_of
from .context import CALL_KEY
from .moments import NOTHING, Moment, aplay, play, play_later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.trace import Span

    from fastagentic.core.call import LLMCall, Usage
    from fastagentic.hooks.base import HookResultAction

    from .moments import Moments
    from .observer import NullCall, OpenCall
    from .reader import Asked

SEE: Final = never_break("tell hooks of a call")
CHANGE: Final = never_break("change a request as a hook asked")

MESSAGES: Final = {"chat": "messages", "messages": "messages", "responses": "input", "google": "contents"}
"""Shape of a call -> its argument that holds the messages; others have none."""

FIXED: Final = ("stream",)
"""Arguments that decide what the calling code gets, which a hook cannot know."""

NO_RETRY: Final = HONOURED["on_llm_end"] - {RETRY}


def hooked_door(call: Any, wrapped: Callable[..., Any]) -> Any:
    """A call that has hooks, through the sync door."""
    while True:
        try:
            play(call.hooked.start())
            if call.guarded is not None:
                call.guarded.admit()
            result = wrapped(*call.args, **call.kwargs)
        except BaseException as error:  # cancellation and Ctrl-C end the call too
            call.failed(error)
            play(call.hooked.failed(error))
            raise
        result = call.received(result)
        if not play(call.hooked.answered(result)):
            return result


async def async_hooked_door(call: Any, wrapped: Callable[..., Any]) -> Any:
    """A call that has hooks, through the async door."""
    while True:
        try:
            await aplay(call.hooked.start())
            if call.guarded is not None:
                await call.guarded.aadmit()
            result = await wrapped(*call.args, **call.kwargs)
        except BaseException as error:  # cancellation and Ctrl-C end the call too
            call.failed(error)
            await aplay(call.hooked.failed(error))
            raise
        result = call.received(result)
        if not await aplay(call.hooked.answered(result)):
            return result


class NotYet:
    """The hooks of a call of which its response will say whether it is one."""

    def start(self) -> Moments[None]:
        """Nothing is known."""
        yield from ()

    def failed(self, error: BaseException) -> Moments[None]:
        """It was no call of ours."""
        yield from ()

    def answered(self, response: Any, *, can_retry: bool = True) -> Moments[bool]:
        """It was no call of ours."""
        yield from ()
        return False


NOT_YET: Final = NotYet()


class RetriedAttempt(NotYet):
    """The hooks of a try that the client makes after another."""

    def __init__(self, hooked: HookedCall) -> None:
        self._hooked = hooked

    def start(self) -> Moments[None]:
        """The client tries again."""
        return self._hooked.tried_again()


class HookedCall(NotYet):
    """The hooks of one call, from its start to its end."""

    def __init__(self, call: OpenCall, asked: Asked) -> None:
        self.door: NullCall | OpenCall = call
        """What the door holds, and takes the arguments from."""
        self._call = call
        self._asked = asked
        self._attempt: Span | None = None
        self._chain = Chain(() if call.call.run is None else call.call.run.hooks)
        self._context = otel_context.set_value(CALL_KEY, None, call.context)
        self._metadata = CallMetadata(call.call.run)
        self._variables = contextvars.copy_context()
        self.ctx = _context_of(call.call, asked, self._metadata)

    def start(self) -> Moments[None]:
        """Before the client is called; raises what a hook refuses with."""
        if self._attempt is not None:  # it was asked for before
            return
        result = yield self._moment("on_llm_start")
        if result.action in (SKIP, REJECT):
            raise rejection("on_llm_start", result)
        if result.action is MODIFY:
            with CHANGE:
                self._change(result.data)

    def failed(self, error: BaseException) -> Moments[None]:
        """The client raised."""
        try:
            self._see(None, error)
            if isinstance(error, Exception) and not isinstance(error, (HookRejected, BudgetExceeded)):
                run = self._call.call.run
                is_asked_again = run is not None and run.is_endpoint  # the endpoint fires it too, and honours more
                yield self._moment("on_error", HONOURED["on_error"] if is_asked_again else frozenset({REJECT}))
        finally:
            self._call.close()

    def answered(self, response: Any, *, can_retry: bool = True) -> Moments[bool]:
        """The client answered; True when it is to be called again. A stream has its end before it."""
        if self._call.is_ended:
            can_retry = can_retry and not self._call.call.is_stream
            return (yield from self._ended(response, HONOURED["on_llm_end"] if can_retry else NO_RETRY))
        return False

    def stream_ended(self, error: BaseException | None, body: Any = None) -> Moments[Any] | None:
        """What is to be fired at the end of a stream, or of a body that the user reads.

        None for one that was cancelled, where nobody may be kept waiting.
        """
        if error is None:
            return self._ended(body, NO_RETRY)
        if isinstance(error, Exception):
            return self.failed(error)
        self.abandoned(error)
        return None

    def abandoned(self, error: BaseException | None = None) -> None:
        """Nobody is there any more who could wait, or be told: the call is closed, and the hooks fire elsewhere."""
        self._see(None, error)
        self._call.close()
        play_later(self._told(), self._variables)

    def tried_again(self) -> Moments[None]:
        """The client tries again, what came of the try before in `ctx.error`."""
        self.ctx.retry_count = self._call.attempts - 1
        yield self._moment("on_retry", NOTHING)

    def again_by_client(self) -> RetriedAttempt:
        """The hooks of a further try of the client's own."""
        return RetriedAttempt(self)

    def _told(self) -> Moments[None]:
        yield self._moment("on_llm_end", NO_RETRY - {REJECT})

    def _ended(self, response: Any, honoured: frozenset[HookResultAction]) -> Moments[bool]:
        is_again = False
        try:
            self._see(response, None)
            result = yield self._moment("on_llm_end", honoured)
            if result.action is REJECT:
                self._call.call.error_type = HookRejected.__qualname__
                raise rejection("on_llm_end", result)
            if result.action is RETRY:
                self.ctx.retry_count += 1
                yield self._moment("on_retry", NOTHING)
                self._again()
                is_again = True
            return is_again
        finally:
            if not is_again:
                self._call.close()

    def _moment(self, event: str, honoured: frozenset[HookResultAction] | None = None) -> Moment:
        return Moment(event, self.ctx, self._chain, honoured, self._context)

    def _see(self, response: Any, error: BaseException | None) -> None:
        """What the call came to, for the hooks and for the run."""
        with SEE:
            call, ctx = self._call.call, self.ctx
            if self._attempt is not None:
                end_attempt(self._attempt, error)
                _count_in(call, self._spent)
            ctx.response = self._call.shown(response)
            ctx.error, ctx.model = error, call.response_model or ctx.model
            ctx.duration_ms = call.duration_s * 1000
            ctx.usage = usage_of(call)
            facts, run = facts_of(call), call.run
            self._metadata.tell(facts_key(call), facts)
            while run is not None:  # what the last call said stays with the run
                run.metadata[facts_key(call)] = facts
                run = run.parent

    def _change(self, changes: Mapping[str, Any]) -> None:
        shape = self._call.call.shape
        named = {(MESSAGES.get(shape, name) if name == "messages" else name): value for name, value in changes.items()}
        refused = [name for name in named if name in FIXED or (name == "messages" and shape not in MESSAGES)]
        for name in refused:
            del named[name]
            warn_once((name, shape), "on_llm_start: a hook cannot change %r of a call (%s); it goes on as it was", name, shape)
        if named:
            self._asked = self._asked.changed(named)
            self._call.asks(self._asked)
            self.door.args, self.door.kwargs = self._call.args, self._call.kwargs

    def _again(self) -> None:
        """Open the call once more: an attempt of the same call. What was spent stays spent."""
        call = self._call
        self._spent = (call.call.usage, call.call.cost)
        tell_the_first(call, None)
        self._attempt = start_attempt(call)
        call.open_again(self._asked, self._attempt)
        if self.door is not call:
            self.door.again()  # type: ignore[union-attr]


def _context_of(call: LLMCall, asked: Asked, metadata: CallMetadata) -> HookContext:
    run = call.run
    ctx = HookContext(
        run_id=call.run_id,
        endpoint="" if run is None else run.name,
        model=call.model,
        user=user_of(run),
        metadata=metadata,
        tenant=None if run is None else run.tenant,
        started_at=call.started_ns / 1e9,
    )
    with SEE:
        given = asked.reader.body(asked.arguments)
        messages = given.get(MESSAGES.get(call.shape, "prompt"))
        ctx.messages = [{"role": "user", "content": messages}] if isinstance(messages, str) else _copied(messages or [])
    return ctx


def _copied(value: Any) -> Any:
    """Lists and dicts anew, so that a hook that writes into them changes nothing of the user's."""
    if isinstance(value, (list, tuple)):
        return [_copied(one) for one in value]
    return {key: _copied(one) for key, one in value.items()} if isinstance(value, dict) else value


def _count_in(call: LLMCall, spent: tuple[Usage, Cost | None]) -> None:
    """Add what the attempts before came to: they were paid for, too."""
    usage, cost = spent
    for name in usage.__slots__:
        before, now = getattr(usage, name), getattr(call.usage, name)
        setattr(call.usage, name, before or now if name == "estimated" else _sum(before, now))
    if call.cost is None or cost is None:
        return
    is_known = call.cost.usd is not None and cost.usd is not None
    call.cost = Cost(
        usd=_sum(call.cost.usd, cost.usd) if is_known else None,
        source=call.cost.source if is_known else CostSource.UNKNOWN,
        saved_usd=_sum(call.cost.saved_usd, cost.saved_usd),
        rule=call.cost.rule,
    )


def _sum(one: Any, other: Any) -> Any:
    return other if one is None else one if other is None else one + other
