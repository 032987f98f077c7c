"""What the run's gateway lends to a call, asked once when the call opens; and the context that a gateway's callables see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastagentic.context import user_of
from fastagentic.gateways.lent import NOTHING, made_by

if TYPE_CHECKING:
    from fastagentic.context import UserInfo
    from fastagentic.core.run import Run
    from fastagentic.gateways.lent import Gateway, Lent


@dataclass(slots=True, frozen=True)
class LendingContext:
    """A run as the callables of a gateway see it: `metadata={"_user": lambda ctx: ctx.user.id}`."""

    run: Run

    @property
    def run_id(self) -> str:
        """The run's id, 32 hex digits."""
        return self.run.run_id

    @property
    def endpoint(self) -> str:
        """The run's name: of an endpoint, its own."""
        return self.run.name

    @property
    def user(self) -> UserInfo | None:
        """For whom the run is, with `id`; None where that is not known."""
        return user_of(self.run)

    @property
    def session(self) -> str | None:
        """The run's session."""
        return self.run.session

    @property
    def tenant(self) -> str | None:
        """The run's tenant."""
        return self.run.tenant

    @property
    def metadata(self) -> dict[str, Any]:
        """The run's metadata, shared with hooks."""
        return self.run.metadata

    @property
    def usage(self) -> Any:
        """Totals of the run so far."""
        return self.run.usage


def lent_to(run: Run | None, instance: Any) -> Lent:
    """What a call of this client in this run is lent: by the gateway that made the client, else by the run's."""
    gateway = _maker_of(instance) or (None if run is None else run.gateway)
    if gateway is None:
        return NOTHING
    lent: Lent = gateway.lend(None if run is None else LendingContext(run))
    return lent


def _maker_of(instance: Any) -> Gateway | None:
    if not made_by or instance is None:
        return None
    try:
        return made_by.get(instance)
    except TypeError:  # nothing that can be held weakly: no client of a gateway's
        return None
