"""What the rules look at, as data: gateways as they were written down, calls as the store has them, the surroundings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fastagentic.core.budget import NO_BUDGETS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastagentic.core.budget import Budgets
    from fastagentic.export.spool.survey import SpoolStatus
    from fastagentic.gateways.portkey_config import PortkeyConfig, Target
    from fastagentic.store.queries.reliability import Group, LostAttempts, Request
    from fastagentic.store.queries.status import Dropped
    from fastagentic.store.queries.unpriced import UnpricedCalls


@dataclass(slots=True, frozen=True)
class PortkeySetup:
    """A Portkey gateway or config. `where` says whose it is, in words: `the config`, `endpoint /premium`."""

    where: str
    config: PortkeyConfig | None = None
    refused: str | None = None
    """Why the config is none, as the error says it."""
    keyless: tuple[str, ...] = ()
    """Targets without a key."""
    base_url: str | None = None
    forces_refresh: bool = False
    is_id: bool = False
    """The config is kept at Portkey and only its id is known here."""

    def strategies(self) -> Iterator[tuple[str, Target]]:
        """Each part of the config with a strategy: its path, and the part. The outermost first."""
        if self.config is not None:
            yield from _strategies("config", self.config)


@dataclass(slots=True, frozen=True)
class LiteLLMSetup:
    """A LiteLLM gateway: what it lends to each call."""

    where: str
    fallbacks: int = 0
    retries: int = 0
    caches: bool = False
    base_url: str | None = None


class Reach(NamedTuple):
    """How far a host is: seconds that connecting took, or why it could not be reached."""

    where: str
    host: str
    seconds: float | None = None
    failed: str = ""


@dataclass(slots=True, frozen=True)
class Evidence:
    """All of it. Whatever is empty was not there to be looked at."""

    portkey: tuple[PortkeySetup, ...] = ()
    litellm: tuple[LiteLLMSetup, ...] = ()
    groups: tuple[Group, ...] = ()
    lost_attempts: tuple[LostAttempts, ...] = ()
    requests: tuple[Request, ...] = ()
    unpriced: tuple[UnpricedCalls, ...] = ()
    """What `fastagentic prices check` lists."""
    store_drops: tuple[Dropped, ...] = ()
    store_problem: str | None = None
    has_store: bool = False
    spools: tuple[SpoolStatus, ...] = ()
    spool_max_bytes: int | None = None
    """What may wait on disk for one destination, of one process; None: not known."""
    spool_max_age_s: float | None = None
    """How long; None: without end, or not known."""
    store_bytes: int = 0
    destinations: tuple[str, ...] = ()
    """As the settings and the environment name them; a program may name others."""
    budgets: Budgets = NO_BUDGETS
    budget_ledger: str | None = None
    now_ns: int = 0
    versions: Mapping[str, str | None] = field(default_factory=dict)
    """Package -> its version, None where it is not installed."""
    settings_problems: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    reaches: tuple[Reach, ...] = ()
    langfuse_answer: str = ""
    """What Langfuse says of the keys, where it was asked and said no."""

    def through(self, gateway: str) -> list[Group]:
        """The calls through a gateway."""
        return [group for group in self.groups if group.gateway == gateway]

    @property
    def calls(self) -> int:
        """How many calls were looked at."""
        return sum(group.calls for group in self.groups)


def _strategies(path: str, part: Target) -> Iterator[tuple[str, Target]]:
    if part.strategy is not None:
        yield path, part
    for at, target in enumerate(part.targets or ()):
        yield from _strategies(f"{path}.targets[{at}]", target)
