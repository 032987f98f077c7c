"""The OpenAI shape of answers, chunks and prompts, which both clients speak: read once, here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names

from . import _genai_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastagentic.core.call import LLMCall, Usage

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
    """Token counts as the provider stated them, by the conventions' meaning: input includes the cached tokens.

    The chat API spells them one way, its younger siblings (responses, images, transcriptions) the other. What is not
    stated stays what it was.
    """
    if stated is None:
        return
    fields = fields_of(stated)
    for attribute, spellings in COUNTS:
        counts = [count for name in spellings if (count := count_of(fields, name)) is not None]
        if counts:
            setattr(usage, attribute, max(counts))  # LiteLLM leaves a 0 in the one that it does not fill
    for holder, named in DETAILS:
        details = fields.get(holder)
        if details is None:
            continue
        details = fields_of(details)
        for name, attribute in named:
            if (count := count_of(details, name)) is not None:
                setattr(usage, attribute, count)


COUNTS: Final = (
    ("input_tokens", ("prompt_tokens", "input_tokens")),
    ("output_tokens", ("completion_tokens", "output_tokens")),
)
_INPUT: Final = (
    ("cached_tokens", "cache_read_tokens"),
    ("cache_creation_tokens", "cache_write_tokens"),
    ("audio_tokens", "input_audio_tokens"),
)
_OUTPUT: Final = (("reasoning_tokens", "reasoning_tokens"), ("audio_tokens", "output_audio_tokens"))
DETAILS: Final = (
    ("prompt_tokens_details", _INPUT),
    ("input_tokens_details", _INPUT),
    ("input_token_details", _INPUT),  # transcriptions
    ("completion_tokens_details", _OUTPUT),
    ("output_tokens_details", _OUTPUT),
)
"""Where providers state a count, and the field of `Usage` that it is."""


def fields_of(model: Any) -> Mapping[str, Any]:
    """All fields of a pydantic model or a dict, without `getattr`: for a field that a model lacks it costs 3 us."""
    if isinstance(model, dict):
        return model
    extra = getattr(model, "__pydantic_extra__", None)
    return {**vars(model), **extra} if extra else vars(model)


def field_of(model: Any, name: str) -> Any:
    """One field of a pydantic model or a dict, None where it has none. For chunks: an attribute of LiteLLM's takes ten times
    as long.
    """
    if isinstance(model, dict):
        return model.get(name)
    value = model.__dict__.get(name)
    if value is None and (extra := getattr(model, "__pydantic_extra__", None)):
        return extra.get(name)
    return value


def capture_request(call: LLMCall, arguments: Mapping[str, Any]) -> None:
    """Prompt and tools of a chat, as the conventions' messages."""
    if call.content is not None and call.shape == "chat":
        call.content.input_messages = _genai_json.input_messages(arguments.get("messages") or ())
        call.content.tool_definitions = _genai_json.tool_definitions(arguments.get("tools") or ())


def capture_response(call: LLMCall, response: Any) -> None:
    """The choices of an answer, as the conventions' messages."""
    if call.content is not None and call.shape == "chat" and response is not None:
        call.content.output_messages = _genai_json.output_messages(fields_of(response).get("choices") or ())


def capture_chunk(call: LLMCall, chunk: Any) -> None:
    """The delta of a chunk, added to the answer that is coming."""
    content = call.content
    if call.shape != "chat":
        return
    choices = field_of(chunk, "choices")
    delta = field_of(choices[0], "delta") if choices else None
    if content is None or delta is None:
        return
    if content.streamed is None:
        content.streamed = _genai_json.StreamedAnswer()
    content.streamed.add(delta)


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


def count_of(fields: Mapping[str, Any], name: str) -> int | None:
    """A count, None where there is none or something else."""
    value = fields.get(name)
    return value if value.__class__ is int else None
