"""A call under budgets: asked for before it is made, charged when it is over, and whoever is told when a limit is reached."""

from __future__ import annotations

import contextvars
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import context as otel_context

from fastagentic.context import user_of
from fastagentic.core import names
from fastagentic.core.call import NO_FACTS, Usage
from fastagentic.core.guard import never_break
from fastagentic.core.ledger import NANOS, nanos_of
from fastagentic.core.names import BudgetAction, CostSource
from fastagentic.hooks.base import BudgetState, HookContext
from fastagentic.hooks.chain import Chain
from fastagentic.hooks.registry import registered

from .estimate import ESTIMATED, estimate
from .moments import NOTHING, Moment, play_later

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from fastagentic.budgets.guard import Guard, Passed
    from fastagentic.budgets.limits import Limit
    from fastagentic.core.errors import BudgetExceeded
    from fastagentic.pricing import Pricing

    from .moments import Moments
    from .observer import OpenCall

logger = logging.getLogger("fastagentic")

ADMIT: Final = never_break("ask whether a budget allows a call")
WORST: Final = never_break("estimate what a call could cost")
CHARGE: Final = never_break("charge a call to its budgets")
TELL: Final = never_break("tell that a budget is used up")


class GuardedCall:
    """One call and the limits that concern it."""

    __slots__ = ("_call", "_guard", "_held", "_limits", "_pricing")

    def __init__(self, call: OpenCall, guard: Guard, limits: Sequence[Limit], pricing: Pricing) -> None:
        self._call = call
        self._guard = guard
        self._held: int | None = None
        self._limits = limits
        self._pricing = pricing

    def admit(self) -> None:
        """Raises: BudgetExceeded where a budget does not allow the call. Nothing else: our own failure allows it."""
        try:
            if self._guard.has_room(self._limits):
                return
            refusal = self._guard.refusal(self._limits, self._call.call, self._worst())
        except Exception as error:  # noqa: BLE001  # as the guard does, at a quarter of its cost
            ADMIT.caught(error)
            return
        self._take(refusal)

    async def aadmit(self) -> None:
        """The same from async code."""
        try:
            if self._guard.has_room(self._limits):
                return
            refusal = await self._guard.arefusal(self._limits, self._call.call, self._worst())
        except Exception as error:  # noqa: BLE001  # as the guard does, at a quarter of its cost
            ADMIT.caught(error)
            return
        self._take(refusal)

    def charge(self) -> None:
        """The call is over, once."""
        try:
            self._guard.charge(self._limits, self._call.call, self._held)
        except Exception as error:  # noqa: BLE001  # as the guard does, at a quarter of its cost
            CHARGE.caught(error)

    def _take(self, refusal: BudgetExceeded | None) -> None:
        if refusal is not None:
            self._held = None
            raise refusal

    def _worst(self) -> int | None:
        """What the call could cost at most, in nano-dollars, where a limit asks for it and it can be said."""
        if self._held is None and any(limit.budget.estimate for limit in self._limits):
            with WORST:
                self._held = worst_case(self._call, self._pricing)
            return self._held
        return None


def worst_case(call: OpenCall, pricing: Pricing) -> int | None:
    """Nano-dollars that a call costs whose answer is as long as it may be; None: it has no end, or nobody knows the price."""
    asked = call.call
    most = asked.parameters.get(names.REQUEST_MAX_TOKENS)
    if not isinstance(most, int) or asked.operation not in ESTIMATED:
        return None
    answers = asked.parameters.get(names.REQUEST_CHOICE_COUNT, 1)
    usage = Usage(output_tokens=most * (answers if isinstance(answers, int) else 1))
    estimate(usage, call.reader, call.arguments, ())
    usage.input_tokens = usage.input_tokens or 0
    cost = pricing.price(replace(asked, usage=usage, facts=NO_FACTS), call.reader.price)
    return None if cost is None or cost.usd is None or cost.source is CostSource.UNKNOWN else nanos_of(cost.usd)


def tell_passed(passed: Passed) -> None:
    """A limit is reached: one log line, and the hooks of `on_budget`, for which nobody waits."""
    with TELL:
        limit, spent, call = passed
        state = BudgetState(
            scope=limit.account.scope,
            name=limit.account.name.partition("/")[0],
            limit_usd=limit.nanos / NANOS,
            spent_usd=spent.usd,
            unpriced_calls=spent.unpriced,
            action=limit.budget.action.value,
        )
        then = "further calls are refused" if limit.budget.action is BudgetAction.STOP else "calls go on"
        said = (limit.label, state.spent_usd, state.limit_usd, then)
        logger.warning("budget: %s has used up its budget: %.9g of %.9g USD spent; %s", *said)
        run = call.run
        hooks = () if run is None else run.hooks
        if not (registered or hooks):
            return
        ctx = HookContext(
            run_id=call.run_id,
            endpoint="" if run is None else run.name,
            model=call.response_model or call.model,
            user=user_of(run),
            metadata=_metadata(run),
            tenant=None if run is None else run.tenant,
            started_at=call.started_ns / 1e9,
            budget=state,
        )
        play_later(_told(ctx, Chain(hooks)), contextvars.copy_context())


def _told(ctx: HookContext, chain: Chain) -> Moments[None]:
    yield Moment("on_budget", ctx, chain, NOTHING, otel_context.get_current())


def _metadata(run: Any) -> MutableMapping[str, Any]:
    return {} if run is None else run.metadata
