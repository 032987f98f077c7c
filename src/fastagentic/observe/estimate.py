"""Usage that the provider did not give: a stream without a usage chunk, or one that broke off. Always marked as estimated.

The client's own encoding where one is on disk, else characters / 4; and for each message what a chat's format adds. Bounded: of
a long text only the beginning is encoded and the rest is taken to be alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.names import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastagentic.core.call import Usage

    from .reader import Reader

ESTIMATED: Final = frozenset({Operation.CHAT, Operation.TEXT_COMPLETION})
"""Text in, text out: of a picture or a recording the characters tell nothing."""
CHARACTERS_PER_TOKEN: Final = 4
ENCODE_AT_MOST: Final = 20_000  # characters; some 3 ms of encoding

# How a chat is laid out for the model (tiktoken's cookbook, LiteLLM's counter): each message begins with 3 tokens and its
# role, which is one; the answer is primed with 3.
TOKENS_PER_MESSAGE: Final = 4
TOKENS_OF_PRIMING: Final = 3


def estimate(usage: Usage, reader: Reader, arguments: Mapping[str, Any], output: Sequence[str]) -> None:
    """Fill in what is unknown of `usage` from the texts asked and received."""
    if usage.input_tokens is None:
        asked = tokens_of(reader, reader.input_text(arguments)) + around(reader.count_messages(arguments))
        usage.input_tokens = asked or None  # nothing: a stored prompt, whose text the gateway has
        usage.estimated = True
    if usage.output_tokens is None:
        usage.output_tokens = tokens_of(reader, "".join(output))
        usage.estimated = True


def around(messages: int) -> int:
    """Tokens that a chat of so many messages has beside their texts.

    Example:
        >>> around(2), around(0)
        (11, 0)
    """
    return TOKENS_PER_MESSAGE * messages + TOKENS_OF_PRIMING if messages else 0


def tokens_of(reader: Reader, text: str) -> int:
    """Tokens of a text, estimated."""
    if not text:
        return 0
    counted = reader.count_tokens(text[:ENCODE_AT_MOST])
    if counted is None:
        return -(-len(text) // CHARACTERS_PER_TOKEN)
    return round(counted * max(1.0, len(text) / ENCODE_AT_MOST))
