"""`Run`: the id, the people and the totals of one run. It travels in the OTel context: what carries that carries the run."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .budget import Budgets
    from .call import LLMCall

ZERO: Final = Decimal(0)
FOLD_EVERY: Final = 256


@dataclass(slots=True)
class RunUsage:
    """Totals of a run so far: finished calls only, nested runs included.

    `cost` and `saved` are USD and leave out the calls whose cost is unknown; `unpriced_calls` says how many those are.
    """

    calls: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cache_hits: int = 0
    unpriced_calls: int = 0
    cost_usd: Decimal = ZERO
    saved_usd: Decimal = ZERO

    @property
    def cost(self) -> float:
        """Known cost so far, USD."""
        return float(self.cost_usd)

    @property
    def saved(self) -> float:
        """What the gateway's cache saved so far, USD."""
        return float(self.saved_usd)

    @property
    def total_tokens(self) -> int:
        """Input and output tokens so far."""
        return self.input_tokens + self.output_tokens


class Run:
    """A run in force: `with fastagentic.run("nightly-report", user="u-42") as run: ...`.

    `run_id` is the trace id, 32 hex digits; `external_id` is the text that was given as `run_id`, if any. `user`,
    `session`, `tenant`, `tags` and `metadata` may be set while it runs: calls that finish from then on carry them.

    Example:
        >>> import fastagentic
        >>> with fastagentic.run("report", tags=["batch"]) as run:
        ...     run.tags.append("retry")
        ...     run.usage.calls
        0
    """

    __slots__ = (
        "_finished", "_folding", "_totals", "budget_usd", "budgets", "external_id", "gateway", "hooks", "is_endpoint", "limit",
        "limits", "metadata", "name", "parent", "person", "run_id", "session", "tags", "tenant", "user",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        run_id: str,
        *,
        external_id: str | None = None,
        user: str | None = None,
        session: str | None = None,
        tenant: str | None = None,
        tags: Sequence[str] = (),
        gateway: Any = None,
        hooks: Sequence[Any] = (),
        person: Any = None,
        is_endpoint: bool = False,
        budget_usd: float | None = None,
        budgets: Budgets | None = None,
        parent: Run | None = None,
    ) -> None:
        self.name = name
        self.run_id = run_id
        self.external_id = external_id
        self.user = user
        self.session = session
        self.tenant = tenant
        self.tags: list[str] = list(tags)
        self.metadata: dict[str, Any] = {}
        self.gateway = gateway  # whatever has `.lend(ctx)`: lends to each call what it does not set itself
        self.hooks: tuple[Any, ...] = tuple(hooks)  # beside those that are registered for all
        self.person = person  # what an App knows of the user beyond the id
        self.is_endpoint = is_endpoint
        self.budget_usd = budget_usd  # what its calls may cost together
        self.budgets = budgets  # of an App: they hold beside, and before, those of the instrumentation
        self.limit: Any = None  # the budget's own note: what `budget_usd` and the settings come to for this run
        self.limits: Any = None  # and all that concern its calls today
        self.parent = parent
        self._totals = RunUsage()
        self._finished: deque[LLMCall] = deque()
        self._folding = threading.Lock()

    def __repr__(self) -> str:
        usage = self.usage
        return f"Run({self.name!r}, run_id={self.run_id!r}, calls={usage.calls}, cost={usage.cost})"

    @property
    def usage(self) -> RunUsage:
        """Totals of the calls finished so far, as a copy that will not change."""
        with self._folding:
            self._fold()
            return replace(self._totals)

    def add(self, call: LLMCall) -> None:
        """Count a finished call, here and in every run around this one.

        An append: it takes no lock that could be held by the code it interrupts.
        """
        self._finished.append(call)
        if len(self._finished) >= FOLD_EVERY and self._folding.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._folding.release()
        if self.parent is not None:
            self.parent.add(call)

    def _fold(self) -> None:
        while self._finished:
            _count(self._totals, self._finished.popleft())


def _count(usage: RunUsage, call: LLMCall) -> None:
    usage.calls += 1
    usage.errors += call.error_type is not None
    usage.input_tokens += call.usage.input_tokens or 0
    usage.output_tokens += call.usage.output_tokens or 0
    usage.cached_tokens += call.usage.cache_read_tokens or 0
    usage.cache_hits += call.facts.is_cache_hit
    if call.cost is None:
        return
    usage.unpriced_calls += call.cost.usd is None
    usage.cost_usd += call.cost.usd or ZERO
    usage.saved_usd += call.cost.saved_usd or ZERO
