"""The clients that can be observed: a row each. A further client is a module like `clients/litellm.py` and a line here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from fastagentic.observe.reader import Reader

from . import litellm, portkey

if TYPE_CHECKING:
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


CLIENTS: Final = {
    client.name: client
    for client in (
        Client("portkey", "portkey-ai", portkey, oldest=(2, 2), beyond=(3,)),
        Client("litellm", "litellm", litellm, oldest=(1, 104), beyond=(2,)),
    )
}
