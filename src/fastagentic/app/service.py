"""An endpoint as one App serves it: what the endpoint does not say itself, the App says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastagentic._api import endpoint_run

from .rate_limits import Allowance
from .reliability import NO_RETRY

if TYPE_CHECKING:
    from fastagentic.observe.run import RunScope

    from .application import App
    from .endpoints import Endpoint
    from .reliability import Retry


@dataclass(slots=True, eq=False)
class Service:
    """What holds for every request of an endpoint."""

    app: App
    endpoint: Endpoint
    gateway: Any = field(init=False)
    retry: Retry = field(init=False)
    fallback: tuple[str, ...] = field(init=False)
    timeout_s: float | None = field(init=False)
    allowance: Allowance | None = field(init=False)

    def __post_init__(self) -> None:
        endpoint, config = self.endpoint, self.app.config
        self.gateway = config.llm_gateway if endpoint.llm_gateway is None else endpoint.llm_gateway
        self.retry = endpoint.retry or config.retry or NO_RETRY
        self.fallback = endpoint.fallback or config.fallback
        self.timeout_s = config.timeout_s if endpoint.timeout_s is None else endpoint.timeout_s
        own = None if endpoint.rate_limit is None else Allowance(endpoint.rate_limit, f"{config.title}:{endpoint.path}")
        self.allowance = own or self.app.allowance

    @property
    def hooks(self) -> tuple[Any, ...]:
        """The App's and the endpoint's; those of all runs come before them."""
        return (*self.app.hooks, *self.endpoint.hooks)

    def scope(self, run_id: str | None) -> RunScope:
        """The run of one request."""
        return endpoint_run(
            self.endpoint.name,
            run_id=run_id,
            gateway=self.gateway,
            hooks=self.hooks,
            budget_usd=self.endpoint.budget_usd,
            budgets=self.app.config.budgets,
        )
