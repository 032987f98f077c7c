"""The shapes of answers beside chat completions, told apart by the API that was called: one row each in `SHAPES`.

Clients hand over pydantic models, typed dicts or plain JSON; each is read by field, whatever it is. Chat completions,
which most calls are, have a file of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.call import Usage

from ._openai_shape import prompt_text, read_chunk, read_completion
from ._usage import field_of, fields_of, read_google_usage, read_message_usage, read_tier, read_usage, seconds_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from fastagentic.core.call import LLMCall


@dataclass(slots=True, frozen=True)
class Shape:
    """How the answers of one API are read: whole, chunk by chunk, and the text of what was asked."""

    read_answer: Callable[[LLMCall, Any], None]
    read_chunk: Callable[[LLMCall, Any], str | None]
    input_text: Callable[[Mapping[str, Any]], str]


def asked_usage(shape: str, arguments: Mapping[str, Any]) -> Usage:
    """What is charged by what was asked, whatever the answer will say: characters to be spoken."""
    text = arguments.get("input") if shape == "speech" else None
    return Usage(input_characters=len(text)) if isinstance(text, str) else Usage()


def read_text_chunk(call: LLMCall, chunk: Any) -> str | None:
    """A chunk of a text completion: a chat's, but for where the text is."""
    read_chunk(call, chunk)
    choices = field_of(chunk, "choices")
    text = field_of(choices[0], "text") if choices else None
    return text if isinstance(text, str) else None


def read_plain(call: LLMCall, response: Any) -> None:
    """Id, model, usage and tier, where an answer states them: embeddings, images, transcriptions, moderations."""
    fields = fields_of(response)
    call.response_id = _text(fields.get("id"))
    call.response_model = _text(fields.get("model"))
    usage = fields.get("usage")
    read_usage(call.usage, usage)
    read_tier(call, usage, fields)


def read_embeddings(call: LLMCall, response: Any) -> None:
    """Embeddings cost what goes in; nothing comes out that is counted in tokens."""
    read_plain(call, response)
    call.usage.output_tokens = None


def read_images(call: LLMCall, response: Any) -> None:
    """Images are charged by the token, or, where no tokens are stated, by the piece. LiteLLM writes 0 for none."""
    read_plain(call, response)
    _count_images(call.usage, len(field_of(response, "data") or ()))


def read_image_event(call: LLMCall, event: Any) -> str | None:
    """An event of a streamed image: one that is done, or a first sketch, which is charged with it."""
    read_event(call, event)
    kind = field_of(event, "type")
    if str(getattr(kind, "value", kind)).endswith(".completed"):  # some clients have an enumeration of them
        _count_images(call.usage, (call.usage.images or 0) + 1)
    return None


def _count_images(usage: Usage, number: int) -> None:
    if not usage.input_tokens and not usage.output_tokens:
        usage.input_tokens = usage.output_tokens = None
        usage.images = number or None


def read_transcription(call: LLMCall, response: Any) -> None:
    """Audio is charged by the token, or, where no tokens are stated, by the second."""
    read_plain(call, response)
    _count_seconds(call.usage, response)


def read_transcription_event(call: LLMCall, event: Any) -> str | None:
    """An event of a transcription as it is heard."""
    text = read_event(call, event)
    _count_seconds(call.usage, event)
    return text


def _count_seconds(usage: Usage, response: Any) -> None:
    stated = field_of(response, "usage")
    seconds = None if stated is None else seconds_of(field_of(stated, "seconds"))
    if seconds is None:
        seconds = seconds_of(field_of(response, "duration"))
    if seconds is not None and usage.input_tokens is None:
        usage.audio_seconds = seconds


def read_rerank(call: LLMCall, response: Any) -> None:
    """Cohere's shape, which the others follow: tokens where they are billed. Search units are no tokens and are left."""
    read_plain(call, response)
    meta = field_of(response, "meta")
    if meta is not None:
        read_usage(call.usage, field_of(meta, "tokens"))


def read_nothing(call: LLMCall, response: Any) -> None:
    """Bytes of sound say nothing of themselves."""


def read_response_object(call: LLMCall, response: Any) -> None:
    """An answer of the Responses API. Why it ended is its status, or what left it incomplete."""
    read_plain(call, response)
    call.usage.web_searches = _searches(field_of(response, "output") or ()) or None
    incomplete = field_of(response, "incomplete_details")
    reason = field_of(incomplete, "reason") if incomplete is not None else field_of(response, "status")
    if isinstance(reason, str):
        call.finish_reasons = (reason,)


def _searches(items: Iterable[Any]) -> int:
    """Searches of the web among the items of an answer; opening a page, and looking for something in it, is free."""
    calls = [item for item in items if field_of(item, "type") == "web_search_call" and field_of(item, "status") != "failed"]
    actions = [field_of(item, "action") for item in calls]
    return sum(action is None or field_of(action, "type") == "search" for action in actions)


def read_event(call: LLMCall, event: Any) -> str | None:
    """An event of a streamed response, transcription or image: the text in it, or the whole answer at the end."""
    whole = field_of(event, "response")
    if whole is not None:
        read_response_object(call, whole)
        return None
    usage = field_of(event, "usage")
    if usage is not None:
        read_usage(call.usage, usage)
    delta = field_of(event, "delta")
    return delta if isinstance(delta, str) else None


def read_message(call: LLMCall, response: Any) -> None:
    """An answer of Anthropic's Messages API."""
    fields = fields_of(response)
    call.response_id = _text(fields.get("id")) or call.response_id
    call.response_model = _text(fields.get("model")) or call.response_model
    _read_stop(call, response)
    read_message_usage(call, fields.get("usage"))


def read_message_event(call: LLMCall, event: Any) -> str | None:
    """An event of a streamed message: its head, a piece of text, or its end with the last usage."""
    head = field_of(event, "message")
    if head is not None:
        read_message(call, head)
        call.usage.output_tokens = None  # the first of them; how many they were is said at the end, which may not come
        return None
    delta = field_of(event, "delta")
    if delta is None:
        return None
    read_message_usage(call, field_of(event, "usage"))
    _read_stop(call, delta)
    text = field_of(delta, "text")
    return text if isinstance(text, str) else None


def read_google(call: LLMCall, response: Any) -> None:
    """An answer of Gemini's generateContent, or a chunk of it; what was thought is billed beside what was said."""
    call.response_id = _text(field_of(response, "responseId")) or call.response_id
    call.response_model = _text(field_of(response, "modelVersion")) or call.response_model
    reasons = [field_of(candidate, "finishReason") for candidate in field_of(response, "candidates") or ()]
    call.finish_reasons = tuple(reason for reason in reasons if isinstance(reason, str)) or call.finish_reasons
    stated = field_of(response, "usageMetadata") or field_of(response, "usage_metadata")
    read_google_usage(call.usage, stated)


def read_google_chunk(call: LLMCall, chunk: Any) -> str | None:
    """A chunk is an answer of its own, the last one with the usage of all."""
    read_google(call, chunk)
    return None


def asked_text(*names: str) -> Callable[[Mapping[str, Any]], str]:
    """What gathers the text of these arguments: strings, lists of strings, or messages."""

    def input_text(arguments: Mapping[str, Any]) -> str:
        return "".join(text for name in names for text in _texts(arguments.get(name)))

    return input_text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from (item,) if isinstance(item, str) else (prompt_text({"messages": (item,)}),)


def _read_stop(call: LLMCall, holder: Any) -> None:
    reason = field_of(holder, "stop_reason")
    if isinstance(reason, str):
        call.finish_reasons = (reason,)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


SHAPES: Final = {
    "chat": Shape(read_completion, read_chunk, prompt_text),
    "completion": Shape(read_completion, read_text_chunk, asked_text("prompt")),
    "responses": Shape(read_response_object, read_event, asked_text("instructions", "input")),
    "messages": Shape(read_message, read_message_event, asked_text("system", "messages")),
    "embeddings": Shape(read_embeddings, read_event, asked_text("input")),
    "google": Shape(read_google, read_google_chunk, asked_text("contents")),
    "images": Shape(read_images, read_image_event, asked_text("prompt")),
    "speech": Shape(read_nothing, read_event, asked_text("input")),
    "transcription": Shape(read_transcription, read_transcription_event, asked_text("prompt")),
    "rerank": Shape(read_rerank, read_event, asked_text("query")),
    "moderation": Shape(read_plain, read_event, asked_text("input")),
}
"""By `LLMCall.shape`."""
