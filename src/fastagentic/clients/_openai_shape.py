"""The OpenAI shape of answers, chunks and prompts, which both clients speak: read once, here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastagentic.core.call import LLMCall, Usage

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
    fields = fields_of(response)
    call.response_id = fields.get("id") or None
    call.response_model = fields.get("model") or None
    reasons = [fields_of(choice).get("finish_reason") for choice in fields.get("choices") or ()]
    call.finish_reasons = tuple(reason for reason in reasons if isinstance(reason, str))
    read_usage(call.usage, fields.get("usage"))


def read_chunk(call: LLMCall, chunk: Any) -> str | None:
    """Id, model, finish reason and usage of one chunk of a chat completion; returns the text in it."""
    if call.response_id is None:
        call.response_id = field_of(chunk, "id") or None
        call.response_model = field_of(chunk, "model") or None
    usage = field_of(chunk, "usage")
    if usage is not None:
        read_usage(call.usage, usage)
    choices = field_of(chunk, "choices")
    if not choices:
        return None
    choice = choices[0]
    reason = field_of(choice, "finish_reason")
    if reason is not None:
        call.finish_reasons = (str(reason),)
    delta = field_of(choice, "delta")
    return None if delta is None else field_of(delta, "content")


def read_usage(usage: Usage, stated: Any) -> None:
    """Token counts as the provider stated them, by the conventions' meaning: input includes the cached tokens."""
    if stated is None:
        return
    fields = fields_of(stated)
    usage.input_tokens = _count(fields, "prompt_tokens")
    usage.output_tokens = _count(fields, "completion_tokens")
    details = fields.get("prompt_tokens_details")
    if details is not None:
        details = fields_of(details)
        usage.cache_read_tokens = _count(details, "cached_tokens")
        usage.cache_write_tokens = _count(details, "cache_creation_tokens")
        usage.input_audio_tokens = _count(details, "audio_tokens")
    details = fields.get("completion_tokens_details")
    if details is not None:
        details = fields_of(details)
        usage.reasoning_tokens = _count(details, "reasoning_tokens")
        usage.output_audio_tokens = _count(details, "audio_tokens")


def fields_of(model: Any) -> Mapping[str, Any]:
    """All fields of a pydantic model or a dict, without `getattr`: for a field that a model lacks it costs 3 us."""
    if isinstance(model, dict):
        return model
    extra = getattr(model, "__pydantic_extra__", None)
    return {**vars(model), **extra} if extra else vars(model)


def field_of(model: Any, name: str) -> Any:
    """One field of a pydantic model, None where it has none. For chunks: LiteLLM's take ten times as long for an attribute."""
    value = model.__dict__.get(name)
    if value is None and (extra := model.__pydantic_extra__):
        return extra.get(name)
    return value


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


def _count(fields: Mapping[str, Any], name: str) -> int | None:
    value = fields.get(name)
    return value if value.__class__ is int else None
