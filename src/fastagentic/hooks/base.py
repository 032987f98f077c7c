"""What a hook is told and what it may answer: `HookContext`, `HookResult`, and the class `Hook` of all events.

Names and arguments are those that users of the published package write, at the path where they import them from.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .registry import get_registered_hooks as get_registered_hooks
from .registry import hook as hook
from .registry import reset_hooks as reset_hooks

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from fastagentic.context import AgentContext, UsageInfo, UserInfo


class HookResultAction(StrEnum):
    """What a hook wants."""

    PROCEED = "proceed"
    MODIFY = "modify"
    SKIP = "skip"
    REJECT = "reject"
    RETRY = "retry"


@dataclass
class HookResult:
    """What a hook answers; None is `proceed`. Which event honours which is a table on the page about hooks."""

    action: HookResultAction = HookResultAction.PROCEED
    data: Any = None
    message: str | None = None
    retry_count: int = 0
    max_retries: int = 3

    @classmethod
    def proceed(cls) -> HookResult:
        """Go on."""
        return cls()

    @classmethod
    def modify(cls, data: Any) -> HookResult:
        """Go on with this instead."""
        return cls(HookResultAction.MODIFY, data=data)

    @classmethod
    def skip(cls, message: str | None = None) -> HookResult:
        """Leave out what would come next."""
        return cls(HookResultAction.SKIP, message=message)

    @classmethod
    def reject(cls, message: str) -> HookResult:
        """Refuse: `fastagentic.HookRejected` in the calling code, 403 from an endpoint."""
        return cls(HookResultAction.REJECT, message=message)

    @classmethod
    def retry(cls, max_retries: int = 3) -> HookResult:
        """Do it again, this often at most; from then on it is `proceed`."""
        return cls(HookResultAction.RETRY, max_retries=max_retries)


@dataclass(frozen=True)
class BudgetState:
    """A budget as it stands: what `on_budget` is told."""

    scope: str
    """`run`, `user`, `tenant`, `endpoint` or `month`."""
    name: str
    """The run's id, the user, the tenant or the endpoint; empty for the month's."""
    limit_usd: float
    spent_usd: float
    unpriced_calls: int
    """Calls whose cost is not known, which `spent_usd` leaves out."""
    action: str
    """`warn` or `stop`: what the limit does to further calls."""


@dataclass
class HookContext:
    """What a hook is told of the call, the tool or the request that it stands at.

    `endpoint` is the run's name outside an `App`, and empty outside any run. `messages` is a copy: `HookResult.modify` is
    what changes a request. `metadata` is the run's own, with what the gateway said of this call under `portkey` or `litellm`.
    """

    run_id: str
    endpoint: str
    request: Any = None
    response: Any = None
    messages: list[dict[str, Any]] = field(default_factory=list)
    user: UserInfo | None = None
    usage: UsageInfo | None = None
    tool_name: str | None = None
    tool_input: Any = None
    tool_output: Any = None
    model: str | None = None
    # Of events that never fire here, for code that makes a context of its own.
    node_name: str | None = None
    node_input: Any = None
    node_output: Any = None
    error: BaseException | None = None
    retry_count: int = 0
    metadata: MutableMapping[str, Any] = field(default_factory=dict)
    memory_content: str | None = None
    memory_query: str | None = None
    memory_results: list[dict[str, Any]] = field(default_factory=list)
    tenant: str | None = None
    started_at: float | None = None
    """When it began, in seconds since the epoch."""
    duration_ms: float | None = None
    """How long it took, once it is over."""
    budget: BudgetState | None = None
    """Of `on_budget`: the budget that is used up."""

    @property
    def tool_args(self) -> Any:
        """The tool's input, by its other name."""
        return self.tool_input

    @tool_args.setter
    def tool_args(self, value: Any) -> None:
        self.tool_input = value

    @property
    def tool_result(self) -> Any:
        """The tool's output, by its other name."""
        return self.tool_output

    @tool_result.setter
    def tool_result(self, value: Any) -> None:
        self.tool_output = value

    @classmethod
    def from_agent_context(cls, ctx: AgentContext) -> HookContext:
        """The context of a hook from that of an endpoint; they share the run's metadata."""
        return cls(ctx.run_id, ctx.run.endpoint, user=ctx.user, usage=ctx.usage, metadata=ctx.metadata)


class Hook:
    """All events in one class; derive from it and write those that matter, `async def` or `def`.

    `hook_mode`, `hook_timeout` and `hook_on_failure` say for all of them what `@hook(...)` takes as arguments.

    Example:
        >>> class Budget(Hook):
        ...     async def on_llm_start(self, ctx: HookContext) -> HookResult:
        ...         return HookResult.reject("no calls left") if ctx.metadata.get("calls_left") == 0 else HookResult.proceed()
    """

    async def on_startup(self, app: Any) -> None:
        """The application starts."""

    async def on_shutdown(self, app: Any) -> None:
        """The application ends."""

    async def on_request(self, ctx: HookContext) -> HookResult:
        """An endpoint was asked: `ctx.request`."""
        return HookResult.proceed()

    async def on_response(self, ctx: HookContext) -> HookResult:
        """An endpoint answers: `ctx.response`."""
        return HookResult.proceed()

    async def on_llm_start(self, ctx: HookContext) -> HookResult:
        """An LLM call is about to be made: `ctx.model`, `ctx.messages`."""
        return HookResult.proceed()

    async def on_llm_end(self, ctx: HookContext) -> HookResult:
        """An LLM call was answered, or its stream is over: `ctx.response`, `ctx.usage`, `ctx.metadata`."""
        return HookResult.proceed()

    async def on_tool_call(self, ctx: HookContext) -> HookResult:
        """A tool is about to run: `ctx.tool_name`, `ctx.tool_input`."""
        return HookResult.proceed()

    async def on_tool_result(self, ctx: HookContext) -> HookResult:
        """A tool has run: `ctx.tool_output`."""
        return HookResult.proceed()

    async def on_error(self, ctx: HookContext) -> HookResult:
        """An LLM call or an endpoint failed: `ctx.error`."""
        return HookResult.proceed()

    async def on_retry(self, ctx: HookContext) -> HookResult:
        """It is about to be tried again: `ctx.retry_count`."""
        return HookResult.proceed()

    async def on_budget(self, ctx: HookContext) -> None:
        """A budget is used up: `ctx.budget`. Once for each; nobody waits for it."""


BaseHook = Hook
