"""The OpenAI shape of answers, chunks and prompts, which both clients speak: read once, here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..core import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..core.call import LLMCall, Usage

Parameter = str | int | float | tuple[str, ...]

# Request argument -> attribute, for those whose value is the attribute's as it stands.
PARAMETERS: Final = (
    ("max_tokens", names.REQUEST_MAX_TOKENS),
    ("max_completion_tokens", names.REQUEST_MAX_TOKENS),
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
    """Id, model, finish reasons and usage of a chat completion."""
    call.response_id = getattr(response, "id", None) or None
    call.response_model = getattr(response, "model", None) or None
    reasons = [choice.finish_reason for choice in getattr(response, "choices", None) or ()]
    call.finish_reasons = tuple(reason for reason in reasons if isinstance(reason, str))
    read_usage(call.usage, getattr(response, "usage", None))


def read_chunk(call: LLMCall, chunk: Any) -> str | None:
    """Id, model, finish reason and usage of one chunk of a chat completion; returns the text in it."""
    if call.response_id is None:
        call.response_id = chunk.id or None
        call.response_model = chunk.model or None
    usage = getattr(chunk, "usage", None)
    if usage is not None:
        read_usage(call.usage, usage)
    choices = chunk.choices
    if not choices:
        return None
    choice = choices[0]
    reason = choice.finish_reason
    if reason is not None:
        call.finish_reasons = (str(reason),)
    delta = choice.delta
    return None if delta is None else delta.content


def read_usage(usage: Usage, stated: Any) -> None:
    """Token counts as the provider stated them, by the conventions' meaning: input includes the cached tokens."""
    if stated is None:
        return
    usage.input_tokens = _count(stated, "prompt_tokens")
    usage.output_tokens = _count(stated, "completion_tokens")
    details = getattr(stated, "prompt_tokens_details", None)
    if details is not None:
        usage.cache_read_tokens = _count(details, "cached_tokens")
        usage.cache_write_tokens = _count(details, "cache_creation_tokens")
        usage.input_audio_tokens = _count(details, "audio_tokens")
    details = getattr(stated, "completion_tokens_details", None)
    if details is not None:
        usage.reasoning_tokens = _count(details, "reasoning_tokens")
        usage.output_audio_tokens = _count(details, "audio_tokens")


def prompt_text(arguments: Mapping[str, Any]) -> str:
    """All text of the messages, joined."""
    return "".join(_texts(arguments.get("messages") or ()))


def _texts(messages: Any) -> Iterator[str]:
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else getattr(message, "content", None)
        if isinstance(content, str):
            yield content
        elif content:
            yield from (part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str))


def _count(stated: Any, name: str) -> int | None:
    value = getattr(stated, name, None)
    return value if value.__class__ is int else None
