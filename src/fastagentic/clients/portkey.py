"""The Portkey SDK: which of its requests are LLM calls, and how its requests, answers and chunks are read.

Whatever the user calls (resources, `parse`, `stream`, `openai_client`, raw and streaming responses, `post`), it goes to the
wire by one of two functions, of the SDK's own HTTP client and of the OpenAI SDK that it vendors, and by each of them once:
those are the doors, and what a request does is said by its path. Wrapping the methods would count what they call inside a
second time. Nothing of the SDK is imported: its objects are handed in by the doors. What the gateway's headers
mean is written in `gateways/portkey.py`; the vendored SDK's raw answers are followed as `_openai_calls.py` follows OpenAI's.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fastagentic.core.call import NO_FACTS, LLMCall
from fastagentic.core.names import Operation
from fastagentic.gateways import portkey as gateway
from fastagentic.gateways.lent import ONLY_RUN_ID, portkey_headers, portkey_url, with_headers, without_untold_key
from fastagentic.observe.reader import EntryPoint, Role

from . import _captured, _openai_shape
from ._changes import with_changes
from ._failures import read_failure
from ._shapes import SHAPES, asked_text, asked_usage
from ._usage import fields_of
from ._wire import own_headers, sends, sent_headers, url_text

if TYPE_CHECKING:
    from decimal import Decimal

    from fastagentic.gateways.lent import Lent

capture_response = _captured.capture_response
capture_chunk = _captured.capture_chunk

UNKNOWN_PROVIDER: Final = "portkey"  # until the gateway names the target's

HAS_CALCULATOR: Final = False

_VENDORED: Final = "portkey_ai._vendor.openai._base_client"
_OWN: Final = "portkey_ai.api_resources.base_client"
_ARGUMENTS: Final = ("cast_to", "options")

ENTRY_POINTS: Final = (
    EntryPoint(_VENDORED, "SyncAPIClient.request", None, _ARGUMENTS, ""),
    EntryPoint(_VENDORED, "AsyncAPIClient.request", None, _ARGUMENTS, ""),
    EntryPoint(_VENDORED, "SyncAPIClient._process_response", None, (), ""),  # the headers, which typed answers do not have
    EntryPoint(_VENDORED, "AsyncAPIClient._process_response", None, (), ""),
    EntryPoint(_OWN, "APIClient._request", None, (), ""),
    EntryPoint(_OWN, "AsyncAPIClient._request", None, (), ""),
)

PATHS: Final = (
    ("chat/completions", Operation.CHAT, "chat"),
    ("prompts/[^/]+/(completions|generate)", Operation.CHAT, "chat"),
    ("responses(/compact)?", Operation.CHAT, "responses"),
    ("messages", Operation.CHAT, "messages"),
    ("completions", Operation.TEXT_COMPLETION, "completion"),
    ("embeddings", Operation.EMBEDDINGS, "embeddings"),
    ("images/(generations|edits|variations)", Operation.GENERATE_CONTENT, "images"),
    ("audio/speech", Operation.SPEECH, "speech"),
    ("audio/(transcriptions|translations)", Operation.TRANSCRIPTION, "transcription"),
    ("rerank", Operation.RERANK, "rerank"),
    ("moderations", Operation.MODERATION, "moderation"),
)
"""Path of a POST below the base URL (a pattern) -> what it does. A path that is not here makes no LLM call."""


@lru_cache(maxsize=256)
def what_of(method: str, url: str) -> tuple[Operation, str] | None:
    """Operation and shape of a request; None when it is no LLM call."""
    parts = urlsplit(url)
    path = parts.path.strip("/").removeprefix("v1/")
    before = "(.*/)?" if parts.netloc else ""  # a whole URL, which we lent, begins with the gateway's own path
    for pattern, operation, shape in PATHS:
        if method.lower() == "post" and re.fullmatch(before + pattern, path):
            return operation, shape
    return None


def role(outer: LLMCall | None, entry: EntryPoint, arguments: Mapping[str, Any]) -> Role:
    """A request inside a call is one of the SDK's own retries."""
    options = arguments["options"]
    return Role.CALL if outer is None and what_of(options.method, options.url) is not None else Role.NOTHING


def read_request(entry: EntryPoint, instance: Any, arguments: Mapping[str, Any]) -> LLMCall:
    """The call as asked for. The provider is what the client's own settings say, until the gateway answers."""
    options = arguments["options"]
    operation, shape = what_of(options.method, options.url) or (Operation.CHAT, "chat")
    headers, body = _sent_headers(instance, options), body_of(options)
    address, port = _server(options.url if "://" in options.url else url_text(instance.base_url))
    provider, model = headers.get(gateway.PROVIDER_HEADER), body.get("model")
    return LLMCall(
        client="portkey",
        gateway="portkey",
        operation=operation,
        provider=gateway.provider_name(provider) if provider else UNKNOWN_PROVIDER,
        model=model if isinstance(model, str) else None,
        shape=shape,
        is_stream=arguments.get("stream") is True,
        server_address=address,
        server_port=port,
        parameters=_openai_shape.read_parameters(body),
        usage=asked_usage(shape, body),
        routing=gateway.routing_of(headers.get(gateway.CONFIG_HEADER)),
    )


def write_request(entry: EntryPoint, instance: Any, arguments: dict[str, Any], lent: Lent) -> dict[str, Any]:
    """Put what is lent into the request's headers, and its URL where the client was told of no gateway."""
    options, url = arguments["options"], None
    if lent.headers.keys() == ONLY_RUN_ID:  # nearly every call: it pays for nothing else
        own = sends(_headers_of_client(instance), options.headers, gateway.TRACE_ID_HEADER)
        headers = {} if own else dict(lent.headers)
    else:
        sent, base_url = without_untold_key(_sent_headers(instance, options)), url_text(instance.base_url)
        headers, url = portkey_headers(lent, sent, base_url), portkey_url(lent, sent, base_url)
    if not headers and url is None:
        return arguments
    changed = copy.copy(options)
    changed.headers = with_headers(options.headers, _headers_of_client(instance), headers)
    if url is not None:
        changed.url = f"{url.rstrip('/')}/{options.url.lstrip('/')}"
    return {**arguments, "options": changed}


def body(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of the request."""
    return body_of(arguments["options"])


def with_body(arguments: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The request with some of its body changed, or of what the SDK's methods take beside it."""
    return {**arguments, "options": with_changes(arguments["options"], changes)}


def capture_request(call: LLMCall, arguments: Mapping[str, Any]) -> None:
    """Prompt and tools, as they are sent."""
    _captured.capture_request(call, body_of(arguments["options"]))


def read_response(call: LLMCall, response: Any) -> None:
    """A typed answer or the JSON of a raw one, None where there is none; of a stream, nothing yet but its headers."""
    if call.facts is NO_FACTS:
        _read_headers(call, _headers_of(response))
    if not call.is_stream and (isinstance(response, Mapping) or hasattr(response, "__pydantic_fields_set__")):
        SHAPES[call.shape].read_answer(call, response)


def read_chunk(call: LLMCall, chunk: Any) -> str | None:
    """A chunk of the stream; returns the text in it."""
    return SHAPES[call.shape].read_chunk(call, chunk)


def read_error(call: LLMCall, error: BaseException) -> None:
    """What the gateway still said when the call failed; an answer that `parse` would not take was paid for all the same."""
    read_failure(call, error)
    completion = getattr(error, "completion", None)
    if completion is not None:
        read_response(call, completion)
    _read_headers(call, getattr(getattr(error, "response", None), "headers", None))


def input_text(arguments: Mapping[str, Any]) -> str:
    """The text of the prompt, for the estimate only."""
    return PROMPT(body_of(arguments["options"]))


PROMPT: Final = asked_text("messages", "prompt", "instructions", "input")


def count_messages(arguments: Mapping[str, Any]) -> int:
    """Messages of a chat, for the estimate only."""
    return _openai_shape.count_messages(body_of(arguments["options"]))


def count_tokens(text: str) -> int | None:
    """Portkey ships no encoding."""
    return None


def price(call: LLMCall) -> Decimal | None:
    """Portkey ships no calculator."""
    return None


def body_of(options: Any) -> Mapping[str, Any]:
    """What is sent, `extra_body` included, by whichever of the two HTTP clients."""
    fields = fields_of(options)
    found = [body for name in ("json_body", "json_data", "extra_json") if isinstance(body := fields.get(name), Mapping)]
    return {**found[0], **found[1]} if len(found) > 1 else found[0] if found else {}


def _headers_of(response: Any) -> Any:
    """The response headers that an answer of the SDK's own HTTP client keeps, or its stream."""
    private = getattr(response, "__pydantic_private__", None) or {}
    return private.get("_headers") or getattr(getattr(response, "response", None), "headers", None)


def _read_headers(call: LLMCall, headers: Any) -> None:
    if headers is None:
        return
    call.facts = gateway.read_headers(own_headers(headers, (gateway.PREFIX,)), call.routing)
    if call.facts.provider is not None:
        call.provider = gateway.provider_name(call.facts.provider)


def _sent_headers(instance: Any, options: Any) -> dict[str, str]:
    """The headers for Portkey that the client or this call sends, in lower case; the call's own beat the client's."""
    return sent_headers(_headers_of_client(instance), options.headers, gateway.PREFIX)


def _headers_of_client(instance: Any) -> Any:
    """What either of the two HTTP clients sends with each request."""
    return getattr(instance, "custom_headers", None) or getattr(instance, "_custom_headers", None)


@lru_cache(maxsize=64)
def _server(base_url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(base_url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
