"""The clients that can be observed: a row each. A further client is a module like `clients/litellm.py` and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from fastagentic.observe.reader import Reader

from . import litellm, openai, portkey
from ._openai_calls import SdkObserver

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.observe.observer import Observer
    from fastagentic.observe.reader import EntryPoint


class ClientModule(Reader, Protocol):
    """A module of this package: its entry points, and how their calls are read."""

    @property
    def ENTRY_POINTS(self) -> tuple[EntryPoint, ...]:  # noqa: N802  # a constant of the module
        """The entry points of the client, one row each."""


@dataclass(slots=True, frozen=True)
class Client:
    """A client library: the distribution it is installed by, our reader, the versions it was tested with."""

    name: str
    distribution: str
    reader: ClientModule
    oldest: tuple[int, ...]
    beyond: tuple[int, ...]
    choosing: Callable[..., Observer] | None = None
    """For a client that speaks to anybody: what chooses the calls that are observed, unless the user names the client."""

    def observer(self, observer: Observer, *, is_named: bool) -> Observer:
        """What this client's doors open their calls with."""
        return observer if self.choosing is None else self.choosing(observer, is_named=is_named)


def observe_all(observer: Observer, *, is_named: bool) -> Observer:
    """For a client that vendors the OpenAI SDK, and speaks to its gateway alone."""
    return SdkObserver(observer, is_named=True)


CLIENTS: Final = {
    client.name: client
    for client in (
        Client("portkey", "portkey-ai", portkey, oldest=(2, 2), beyond=(3,), choosing=observe_all),
        Client("litellm", "litellm", litellm, oldest=(1, 104), beyond=(2,)),
        Client("openai", "openai", openai, oldest=(1, 66), beyond=(4,), choosing=SdkObserver),
    )
}
