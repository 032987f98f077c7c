"""The OpenAI shape of chat completions, their chunks and prompts, which all clients speak: read once, here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names

from ._usage import field_of, fields_of, read_tier, read_usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastagentic.core.call import LLMCall

Parameter = str | int | float | tuple[str, ...]

# Request argument -> attribute, for those whose value is the attribute's as it stands.
PARAMETERS: Final = (
    ("max_tokens", names.REQUEST_MAX_TOKENS),
    ("max_completion_tokens", names.REQUEST_MAX_TOKENS),
    ("max_output_tokens", names.REQUEST_MAX_TOKENS),
    ("temperature", names.REQUEST_TEMPERATURE),
    ("top_p", names.REQUEST_TOP_P),
    ("frequency_penalty", names.REQUEST_FREQUENCY_PENALTY),
    ("presence_penalty", names.REQUEST_PRESENCE_PENALTY),
    ("seed", names.REQUEST_SEED),
)


def read_parameters(arguments: Mapping[str, Any]) -> dict[str, Parameter]:
    """The request parameters that the conventions name, by attribute."""
    found: dict[str, Parameter] = {}
    for argument, attribute in PARAMETERS:
        value = arguments.get(argument)
        if value.__class__ is int or value.__class__ is float:  # neither None nor a client's NOT_GIVEN
            found[attribute] = value
    stop = arguments.get("stop")
    if stop:
        found[names.REQUEST_STOP_SEQUENCES] = (stop,) if isinstance(stop, str) else tuple(map(str, stop))
    choices = arguments.get("n")
    if choices.__class__ is int and choices != 1:
        found[names.REQUEST_CHOICE_COUNT] = choices
    return found


def read_completion(call: LLMCall, response: Any) -> None:
    """Id, model, finish reasons, usage and tier of a chat completion."""
    fields = fields_of(response)
    call.response_id = fields.get("id") or None
    call.response_model = fields.get("model") or None
    reasons = [fields_of(choice).get("finish_reason") for choice in fields.get("choices") or ()]
    call.finish_reasons = tuple(reason for reason in reasons if isinstance(reason, str))
    usage = fields.get("usage")
    read_usage(call.usage, usage)
    read_tier(call, usage, fields)


def read_chunk(call: LLMCall, chunk: Any) -> str | None:
    """Id, model, finish reason and usage of one chunk of a chat completion; returns the text in it."""
    if call.response_id is None:
        call.response_id = field_of(chunk, "id") or None
        call.response_model = field_of(chunk, "model") or None
        read_tier(call, chunk)
    fields = fields_of(chunk)
    usage, choices = fields.get("usage"), fields.get("choices")
    if usage is not None:
        read_usage(call.usage, usage)
        read_tier(call, usage, chunk)
    if not choices:
        return None
    choice = fields_of(choices[0])
    reason, delta = choice.get("finish_reason"), choice.get("delta")
    if reason is not None:
        call.finish_reasons = (str(reason),)
    return None if delta is None else field_of(delta, "content")


def prompt_text(arguments: Mapping[str, Any]) -> str:
    """All text of the messages, joined."""
    return "".join(_texts(arguments.get("messages") or ()))


def count_messages(arguments: Mapping[str, Any]) -> int:
    """Messages of a chat, as whichever API takes them; what stands beside them, and a text instead of them, is one each."""
    asked = arguments.get("messages") or arguments.get("input")
    beside = sum(isinstance(arguments.get(name), (str, list)) for name in ("system", "instructions"))
    return beside + (len(asked) if isinstance(asked, (list, tuple)) else int(isinstance(asked, str)))


def _texts(messages: Any) -> Iterator[str]:
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else getattr(message, "content", None)
        if isinstance(content, str):
            yield content
        elif content:
            yield from (part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))
