"""What the demo's calls are like: a row a kind of call, with its share of the workload. No behaviour here.

`plan.py` deals the shares out to runs and sessions; `routes.py` knows what each route means to each client.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Client(StrEnum):
    """Whose SDK makes a call."""

    PORTKEY = "portkey"
    LITELLM = "litellm"


class Route(StrEnum):
    """Which way a call takes, and so what happens to it."""

    DIRECT = "direct"
    FALLBACK = "fallback"
    """Portkey: the first target fails, another model answers."""
    RETRY = "retry"
    """Portkey: the target asks for patience once, then answers."""
    CACHED = "cached"
    """The gateway's response cache is on, and questions come again."""
    REJECTED = "rejected"
    """The provider refuses the request."""
    DOWN = "down"
    """Whoever is asked fails."""
    BREAKS = "breaks"
    """The provider's connection is reset in the middle of a stream."""
    ROUTER = "router"
    """LiteLLM: a Router whose first deployment fails."""


@dataclass(slots=True, frozen=True)
class Scenario:
    """A kind of call. `share` counts calls of a workload of about 300.

    `stops_early`: the caller breaks the stream off. `block` calls in a row go to one session.
    """

    client: Client
    model: str
    share: int
    route: Route = Route.DIRECT
    streams: bool = False
    asks_usage: bool = False
    stops_early: bool = False
    block: int = 1


MINI, BIG = "gpt-4o-mini", "gpt-4o"
NEWER, SMALL, OTHER = "gpt-4.1-mini", "mistral/mistral-small-latest", "deepseek/deepseek-chat"
UNKNOWN = "acme-70b"
"""A model in nobody's price table: its calls stay unpriced."""

SCENARIOS: Final = (
    Scenario(Client.PORTKEY, MINI, 34),
    Scenario(Client.PORTKEY, BIG, 14),
    Scenario(Client.PORTKEY, BIG, 18, Route.FALLBACK),
    Scenario(Client.PORTKEY, BIG, 6, Route.FALLBACK, streams=True, asks_usage=True),
    Scenario(Client.PORTKEY, MINI, 8, Route.RETRY),
    Scenario(Client.PORTKEY, MINI, 14, streams=True, asks_usage=True),
    Scenario(Client.PORTKEY, BIG, 10, streams=True),
    Scenario(Client.PORTKEY, MINI, 8, streams=True, asks_usage=True, stops_early=True),
    Scenario(Client.PORTKEY, MINI, 3, Route.BREAKS, streams=True),
    Scenario(Client.PORTKEY, MINI, 24, Route.CACHED, block=4),
    Scenario(Client.PORTKEY, MINI, 5, Route.REJECTED),
    Scenario(Client.PORTKEY, BIG, 3, Route.DOWN),
    Scenario(Client.PORTKEY, UNKNOWN, 3),
    Scenario(Client.LITELLM, NEWER, 30),
    Scenario(Client.LITELLM, SMALL, 22),
    Scenario(Client.LITELLM, OTHER, 12),
    Scenario(Client.LITELLM, NEWER, 12, streams=True, asks_usage=True),
    Scenario(Client.LITELLM, OTHER, 6, streams=True, asks_usage=True),
    Scenario(Client.LITELLM, NEWER, 8, streams=True),
    Scenario(Client.LITELLM, NEWER, 8, streams=True, stops_early=True),
    Scenario(Client.LITELLM, NEWER, 3, Route.BREAKS, streams=True),
    Scenario(Client.LITELLM, NEWER, 24, Route.CACHED, block=4),
    Scenario(Client.LITELLM, NEWER, 12, Route.ROUTER),
    Scenario(Client.LITELLM, NEWER, 4, Route.ROUTER, streams=True, asks_usage=True),
    Scenario(Client.LITELLM, SMALL, 4, Route.REJECTED),
    Scenario(Client.LITELLM, NEWER, 3, Route.DOWN),
    Scenario(Client.LITELLM, f"openai/{UNKNOWN}", 2),
)


@dataclass(slots=True, frozen=True)
class RunKind:
    """One of the demo's runs: who it is for, how it works and how long its prompts are (in characters)."""

    name: str
    step: str
    """The name of the nested run that is one user's session."""
    tenant: str
    tags: tuple[str, ...]
    is_async: bool
    prompt_length: tuple[int, int]


RUN_KINDS: Final = (
    RunKind("nightly-report", "chapter", "acme", ("batch", "nightly"), False, (1_200, 2_800)),
    RunKind("support-chat", "conversation", "acme", ("chat",), True, (250, 900)),
    RunKind("contract-review", "document", "globex", ("documents", "legal"), True, (4_500, 8_500)),
)
USERS: Final = ("u-ana", "u-ben", "u-chloe", "u-dev")

FAQ: Final = (
    ("How do I return a damaged item, please?", "Please, a damaged item: how do I return?"),
    ("When will the refund reach my account?", "The refund, when will my account reach?"),
    ("Which discount was agreed for this order?", "For this order, which discount was agreed?"),
)
"""Questions that come again; beside each the same words in another order, for a semantic cache."""
