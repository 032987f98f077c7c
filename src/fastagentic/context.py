"""Whom and what a run is for, as hooks, gateways and endpoints are told: names that users write and import from here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastagentic.core.run import Run, RunUsage


@dataclass(repr=False)
class UserInfo:
    """The authenticated user. The token is in no text of it."""

    id: str
    email: str | None = None
    name: str | None = None
    roles: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    token: str | None = None

    def __repr__(self) -> str:
        shown = ("id", "email", "name", "roles", "scopes")
        return f"UserInfo({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    def to_safe_dict(self) -> dict[str, Any]:
        """All of it but the token.

        Example:
            >>> UserInfo("u-42", token="t0p").to_safe_dict()["id"]
            'u-42'
        """
        return {name: value for name, value in vars(self).items() if name != "token"}


@dataclass
class UsageInfo:
    """Tokens, and cost in USD; `cost` leaves out the calls whose price nobody knows, `unpriced_calls` counts them."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    cost: float = 0.0
    model: str | None = None
    latency_ms: float | None = None
    unpriced_calls: int = 0

    def add(self, other: UsageInfo) -> None:
        """Count another usage in.

        Example:
            >>> usage = UsageInfo(input_tokens=10, total_tokens=10, cost=0.5)
            >>> usage.add(UsageInfo(output_tokens=2, total_tokens=2, unpriced_calls=1))
            >>> usage.total_tokens, usage.cost, usage.unpriced_calls
            (12, 0.5, 1)
        """
        for name in SUMMED:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @classmethod
    def of(cls, usage: RunUsage) -> UsageInfo:
        """The totals of a run."""
        return cls(**{name: getattr(usage, name) for name in SUMMED})


SUMMED = ("input_tokens", "output_tokens", "total_tokens", "cached_tokens", "cost", "unpriced_calls")


def user_of(run: Run | None) -> UserInfo | None:
    """For whom a run is: what an `App` knows of them, else the id alone; None where nobody said."""
    if run is None or isinstance(run.person, UserInfo):
        return None if run is None else run.person
    return UserInfo(run.user) if run.user else None


@dataclass
class RunContext:
    """One run of an endpoint: its id, the endpoint, for whom it is, and what was used so far."""

    run_id: str
    endpoint: str
    user: UserInfo | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    usage: UsageInfo = field(default_factory=UsageInfo)

    @property
    def is_authenticated(self) -> bool:
        """Whether it is known for whom the run is."""
        return self.user is not None


@dataclass
class AgentContext:
    """What an endpoint's function may ask for: its run, the application, the request."""

    run: RunContext
    app: Any = None
    request: Any = None

    @property
    def run_id(self) -> str:
        """The run's id, 32 hex digits."""
        return self.run.run_id

    @property
    def user(self) -> UserInfo | None:
        """For whom the run is."""
        return self.run.user

    @property
    def usage(self) -> UsageInfo:
        """What the run used so far."""
        return self.run.usage

    @property
    def metadata(self) -> dict[str, Any]:
        """The run's metadata, shared with hooks."""
        return self.run.metadata
