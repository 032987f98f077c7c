"""Prompts and answers of every API into `LLMCall.content`, a row a shape. Only reached where content is to be captured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from . import _genai_further as further
from . import _genai_json as chat
from . import _genai_messages as messages
from . import _genai_responses as responses
from ._usage import fields_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.core.call import Content, LLMCall, StreamedAnswer

    Messages = list[Mapping[str, Any]]


@dataclass(slots=True, frozen=True)
class Capture:
    """How the content of one API is captured: what was asked, what was answered, and what comes in chunks."""

    asked: Callable[[Content, Mapping[str, Any]], None]
    answered: Callable[[Mapping[str, Any]], Messages] | None = None
    streamed: Callable[[], StreamedAnswer] | None = None


def capture_request(call: LLMCall, arguments: Mapping[str, Any]) -> None:
    """Prompt, instructions and tools, as the conventions' messages."""
    if call.content is not None and (capture := CAPTURES.get(call.shape)) is not None:
        capture.asked(call.content, arguments)


def capture_response(call: LLMCall, response: Any) -> None:
    """The answer, as the conventions' messages."""
    capture = CAPTURES.get(call.shape)
    if call.content is None or capture is None or capture.answered is None:
        return
    if isinstance(response, str) and call.shape == "transcription":  # asked for as plain text
        response = {"text": response}
    if isinstance(response, Mapping) or hasattr(response, "__pydantic_fields_set__"):
        call.content.output_messages = capture.answered(fields_of(response))


def capture_chunk(call: LLMCall, chunk: Any) -> None:
    """A chunk, added to the answer that is coming."""
    content, capture = call.content, CAPTURES.get(call.shape)
    if content is None or capture is None or capture.streamed is None:
        return
    if content.streamed is None:
        content.streamed = capture.streamed()
    content.streamed.add(chunk)


def _chat(content: Content, arguments: Mapping[str, Any]) -> None:
    variables = arguments.get("variables")  # of a prompt that Portkey keeps
    given = further.prompted(variables) if isinstance(variables, Mapping) else []
    content.input_messages = [*given, *chat.input_messages(_listed(arguments.get("messages")))]
    content.tool_definitions = chat.tool_definitions(_listed(arguments.get("tools")))


def _responses(content: Content, arguments: Mapping[str, Any]) -> None:
    content.system_instructions = further.instructions(_given(arguments.get("instructions")))
    content.input_messages = responses.input_messages(_given(arguments.get("input")))
    content.tool_definitions = chat.tool_definitions(_listed(arguments.get("tools")))


def _messages(content: Content, arguments: Mapping[str, Any]) -> None:
    content.system_instructions = further.instructions(_given(arguments.get("system")))
    content.input_messages = messages.input_messages(_listed(arguments.get("messages")))
    content.tool_definitions = chat.tool_definitions(_listed(arguments.get("tools")))


def _google(content: Content, arguments: Mapping[str, Any]) -> None:
    config = chat.plain(arguments.get("config"))
    told = arguments.get("systemInstruction") or config.get("systemInstruction") or config.get("system_instruction")
    content.system_instructions = further.instructions(told if isinstance(told, str) else chat.plain(told).get("parts"))
    content.input_messages = further.google_messages(_given(arguments.get("contents")))
    tools = _listed(arguments.get("tools")) or _listed(config.get("tools"))
    content.tool_definitions = chat.tool_definitions(further.google_tools(tools))


def _texts(*names: str, instructions: str = "") -> Callable[[Content, Mapping[str, Any]], None]:
    """What captures the texts of these arguments as one message."""

    def capture(content: Content, arguments: Mapping[str, Any]) -> None:
        content.input_messages = further.asked(*(arguments.get(name) for name in names))
        content.system_instructions = further.instructions(_given(arguments.get(instructions)))

    return capture


def _given(value: Any) -> Any:
    """What was given; nothing for a client's NOT_GIVEN."""
    return value if isinstance(value, (str, list, tuple, Mapping)) else None


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


CAPTURES: Final = {
    "chat": Capture(_chat, lambda answer: chat.output_messages(answer.get("choices") or ()), chat.StreamedChat),
    "responses": Capture(_responses, responses.output_messages, responses.StreamedResponse),
    "messages": Capture(_messages, messages.output_messages, messages.StreamedMessage),
    "completion": Capture(_texts("prompt"), further.completions, further.StreamedText),
    "google": Capture(_google, further.google_answer, further.StreamedGoogle),
    "embeddings": Capture(_texts("input")),
    "images": Capture(_texts("prompt"), further.pictures, further.StreamedPicture),
    "speech": Capture(_texts("input", instructions="instructions")),
    "transcription": Capture(_texts("prompt"), further.heard, further.StreamedText),
    "rerank": Capture(_texts("query", "documents")),
    "moderation": Capture(_texts("input")),
}
"""By `LLMCall.shape`."""
