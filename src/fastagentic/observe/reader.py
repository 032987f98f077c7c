"""What the observer asks of a client's module in `clients/`: the module itself implements this protocol.

A further client is a module with these names; if it needs a change here or in the observer, the interface is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from fastagentic.core.call import LLMCall
    from fastagentic.core.names import Operation
    from fastagentic.gateways.lent import Lent


class Seam(Enum):
    """What is patched, and what our wrapper does there."""

    DOOR = "the attribute; a call is observed"
    TRIES = "as EVERYWHERE, a function that tries what it is handed as `original_function`: each try goes through a door"
    EVERYWHERE = "every module that holds the function, as no attribute of the client's own is asked at each call"


class Role(Enum):
    """What a call is that goes through a door."""

    CALL = "an LLM call: an LLM span"
    ATTEMPT = "a try of the call around it: an attempt span"
    NOTHING = "the call around it on its way to the wire, or no LLM call: no span"


@dataclass(slots=True, frozen=True)
class EntryPoint:
    """One method or function of a client through which LLM calls are made.

    `module` is waited for and `attribute` of it is patched, found at call time by the client itself; sync or async is
    seen by looking at it. `positional` names the positional arguments, in order, for clients that take them so. `operation`
    is None, and `shape` empty, where one attribute serves many operations: the reader then asks the request.
    """

    module: str
    attribute: str
    operation: Operation | None
    positional: tuple[str, ...] = ()
    shape: str = "chat"
    seam: Seam = Seam.DOOR

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """All arguments of a call by name."""
        return {**dict(zip(self.positional, args, strict=False)), **kwargs} if args else kwargs

    def laid_out(self, args: tuple[Any, ...], arguments: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Arguments by name as the call gave them: positional ones in the place of `args`, which a wrapper may look at."""
        given = self.positional[: len(args)]
        by_name = {name: value for name, value in arguments.items() if name not in given}
        return (*(arguments[name] for name in given), *args[len(given) :]), by_name


class Asked(NamedTuple):
    """A call as it came through a door."""

    reader: Reader
    entry: EntryPoint
    instance: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    arguments: dict[str, Any]
    """All of them by name."""

    def read(self) -> LLMCall:
        """What is asked for."""
        return self.reader.read_request(self.entry, self.instance, self.arguments)

    def lent(self, lent: Lent) -> Asked:
        """The same call with what is lent to it, as far as it does not say it itself."""
        arguments = self.reader.write_request(self.entry, self.instance, self.arguments, lent)
        if arguments is self.arguments:
            return self
        args, kwargs = self.entry.laid_out(self.args, arguments)
        return self._replace(args=args, kwargs=kwargs, arguments=arguments)

    def changed(self, changes: Mapping[str, Any]) -> Asked:
        """The same call with some of its arguments changed, as a hook asks."""
        arguments = self.reader.with_body(self.arguments, changes)
        args, kwargs = self.entry.laid_out(self.args, arguments)
        return self._replace(args=args, kwargs=kwargs, arguments=arguments)


class Reader(Protocol):
    """How one client's calls are read: `fastagentic.clients.litellm` and its like.

    `Any` is what the client hands over; it goes no further than the reader.
    """

    HAS_CALCULATOR: bool
    """Whether `price` answers for the models that the client knows; else the price table is loaded at the first call."""

    def read_request(self, entry: EntryPoint, instance: Any, arguments: Mapping[str, Any]) -> LLMCall:
        """The call as asked for. `instance` is the object the method is bound to, None for a function."""

    def role(self, outer: LLMCall | None, entry: EntryPoint, arguments: Mapping[str, Any]) -> Role:
        """What this call is, made inside `outer`, an open call of the same client, or inside none."""

    def write_request(self, entry: EntryPoint, instance: Any, arguments: dict[str, Any], lent: Lent) -> dict[str, Any]:
        """All arguments by name, with what is lent (the run's id, the run's gateway) and the call does not say itself.

        The very same mapping where nothing was lent.
        """

    def body(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is asked, by the names that users give it: `messages`, `model`, `temperature`."""

    def with_body(self, arguments: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
        """All arguments by name, with some of what is asked changed."""

    def read_response(self, call: LLMCall, response: Any) -> None:
        """Read an answer, or what a stream says before its first chunk (headers)."""

    def read_chunk(self, call: LLMCall, chunk: Any) -> str | None:
        """Read a chunk of a stream; the text in it, for the estimate when the provider gives no usage."""

    def read_error(self, call: LLMCall, error: BaseException) -> None:
        """Read what a failed answer still says (headers)."""

    def capture_request(self, call: LLMCall, arguments: Mapping[str, Any]) -> None:
        """Put the prompt and the tools into `call.content`; only called where content capture was asked for."""

    def capture_response(self, call: LLMCall, response: Any) -> None:
        """Put the answer into `call.content`; only called where content capture was asked for."""

    def capture_chunk(self, call: LLMCall, chunk: Any) -> None:
        """Add a chunk to `call.content.streamed`; only called where content capture was asked for."""

    def input_text(self, arguments: Mapping[str, Any]) -> str:
        """The text of the prompt, for the estimate only; it is kept nowhere."""

    def count_messages(self, arguments: Mapping[str, Any]) -> int:
        """How many messages a chat is asked with, for the estimate only; 0 for what is no chat."""

    def count_tokens(self, text: str) -> int | None:
        """Tokens of a text by an encoding that is on disk; None when the client ships none. Never asks a network."""

    def price(self, call: LLMCall) -> Decimal | None:
        """USD by the client's own price calculator, as if no cache had answered; None when it has none."""
