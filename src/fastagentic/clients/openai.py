"""The OpenAI SDK: how its requests, answers and chunks are read, and which of its calls are LLM calls.

Every method, raw and streamed responses, `parse` and `stream` pass one function, `request`, and what it receives passes
`_process_response`: two doors each for sync and async, and a table of paths. Which calls are observed at all is decided in
`_openai_calls.py`. The copy of the SDK that Portkey vendors is another module and is not touched.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fastagentic.core.call import NO_FACTS, LLMCall
from fastagentic.core.names import Operation
from fastagentic.gateways import litellm, portkey, recognise
from fastagentic.gateways.lent import portkey_headers, portkey_url, with_headers
from fastagentic.observe.reader import EntryPoint, Role

from . import _captured, _openai_shape
from ._changes import with_changes
from ._failures import read_failure
from ._shapes import SHAPES, asked_usage
from ._usage import fields_of
from ._wire import own_headers, sent_headers, url_text

if TYPE_CHECKING:
    from fastagentic.core.call import GatewayFacts
    from fastagentic.gateways.lent import Lent

HAS_CALCULATOR: Final = False

capture_chunk = _captured.capture_chunk

_BASE: Final = "openai._base_client"
_ARGUMENTS: Final = ("cast_to", "options")

# What a call does is said by its path, not by its door.
ENTRY_POINTS: Final = (
    EntryPoint(_BASE, "SyncAPIClient.request", None, _ARGUMENTS, shape=""),
    EntryPoint(_BASE, "AsyncAPIClient.request", None, _ARGUMENTS, shape=""),
    EntryPoint(_BASE, "SyncAPIClient._process_response", None, shape=""),
    EntryPoint(_BASE, "AsyncAPIClient._process_response", None, shape=""),
)

PATHS: Final = {
    "/chat/completions": (Operation.CHAT, "chat"),
    "/responses": (Operation.CHAT, "responses"),
    "/responses/compact": (Operation.CHAT, "responses"),
    "/completions": (Operation.TEXT_COMPLETION, "completion"),
    "/embeddings": (Operation.EMBEDDINGS, "embeddings"),
    "/images/generations": (Operation.GENERATE_CONTENT, "images"),
    "/images/edits": (Operation.GENERATE_CONTENT, "images"),
    "/images/variations": (Operation.GENERATE_CONTENT, "images"),
    "/audio/speech": (Operation.SPEECH, "speech"),
    "/audio/transcriptions": (Operation.TRANSCRIPTION, "transcription"),
    "/audio/translations": (Operation.TRANSCRIPTION, "transcription"),
    "/moderations": (Operation.MODERATION, "moderation"),
    # No methods of the SDK's: by `client.post`, to a gateway that has them.
    "/messages": (Operation.CHAT, "messages"),
    "/rerank": (Operation.RERANK, "rerank"),
}
"""Path of a POST -> what it does, and the shape of its answers. A path that is not here makes no LLM call, or none that
its answer tells of."""

UNKNOWN_PROVIDER: Final = {portkey.NAME: "portkey", litellm.NAME: "litellm"}
"""The provider's name until the gateway tells it."""

RETRY_HEADER: Final = "x-stainless-retry-count"
"""On each request: how often the SDK itself has retried."""


@dataclass(slots=True)
class SdkCall(LLMCall):
    """A call that a LiteLLM proxy may answer, which names the deployment's own model in its headers alone."""

    deployed_model: str | None = None
    model_group: str | None = None
    """What the proxy calls the deployment's group; with a fallback not the name that was asked for."""


def is_llm_call(options: Any) -> bool:
    """Whether a request is an LLM call."""
    return options.method.lower() == "post" and _path(options) in PATHS


def gateway_of(instance: Any, options: Any) -> str | None:
    """The gateway that a request is meant for, None when it does not say."""
    return recognise.by_request(url_text(instance.base_url), _sent_headers(instance, options))


def role(outer: LLMCall | None, entry: EntryPoint, arguments: Mapping[str, Any]) -> Role:
    """A request inside a call is how that call is made."""
    return Role.CALL if outer is None and is_llm_call(arguments["options"]) else Role.NOTHING


def read_request(entry: EntryPoint, instance: Any, arguments: Mapping[str, Any]) -> LLMCall:
    """The call as asked for. The provider is what the client's own settings say, until the gateway answers."""
    options = arguments["options"]
    base_url = url_text(instance.base_url)
    headers = _sent_headers(instance, options)
    gateway = recognise.by_request(base_url, headers)
    body = _body(options)
    model = body.get("model")
    address, port = _server(base_url)
    operation, shape = PATHS[_path(options)]
    return SdkCall(
        client="openai",
        gateway=gateway,
        operation=operation,
        shape=shape,
        provider=_asked_provider(gateway, headers, address),
        model=model if isinstance(model, str) else None,
        is_stream=arguments.get("stream") is True,
        server_address=address,
        server_port=port,
        parameters=_openai_shape.read_parameters(body),
        usage=asked_usage(shape, body),
        routing=portkey.routing_of(headers.get(portkey.CONFIG_HEADER)),
    )


def write_request(entry: EntryPoint, instance: Any, arguments: dict[str, Any], lent: Lent) -> dict[str, Any]:
    """Put what is lent into the headers of a request that goes to Portkey; where it goes is the client's alone."""
    options, base_url = arguments["options"], url_text(instance.base_url)
    sent = _sent_headers(instance, options)
    if recognise.by_request(base_url, sent) != portkey.NAME or portkey_url(lent, sent, base_url) is not None:
        return arguments
    headers = portkey_headers(lent, sent, base_url)
    if not headers:
        return arguments
    changed = copy.copy(options)
    changed.headers = with_headers(options.headers, instance._custom_headers, headers)
    return {**arguments, "options": changed}


def body(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of the request."""
    return _body(arguments["options"])


def with_body(arguments: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The request with some of its body changed, or of what the SDK's methods take beside it."""
    return {**arguments, "options": with_changes(arguments["options"], changes)}


def read_answered_by(call: LLMCall, gateway: str | None, headers: dict[str, str], response: Any) -> None:
    """What a gateway's own headers of a response say; `gateway` answered it, None: nobody that we know."""
    call.gateway = gateway or call.gateway
    facts = NO_FACTS
    if call.gateway == portkey.NAME:
        facts = portkey.read_headers(headers, call.routing)
        call.provider = portkey.provider_name(facts.provider) if facts.provider else call.provider
    elif call.gateway == litellm.NAME:
        facts = litellm.read_headers(headers, is_stream=call.is_stream)
        call.provider = litellm.provider_name(facts.provider or litellm.NAME)
        if isinstance(call, SdkCall):
            call.deployed_model, call.model_group = litellm.read_models(headers)
    call.facts = _with_retries(facts, response)


def read_response(call: LLMCall, response: Any) -> None:
    """A parsed answer, or its JSON; of a stream, nothing yet. Speech and plain text say nothing of themselves."""
    if call.is_stream:
        return
    fields = _fields(response)
    if fields is not None:
        SHAPES[call.shape].read_answer(call, fields)
        _name_model(call)


def read_chunk(call: LLMCall, chunk: Any) -> str | None:
    """A chunk or event of a stream; returns the text in it."""
    text = SHAPES[call.shape].read_chunk(call, chunk)
    _name_model(call)
    return text


def read_error(call: LLMCall, error: BaseException) -> None:
    """An answer that `parse` would not take (cut off, filtered) was paid for all the same."""
    read_failure(call, error)
    completion = getattr(error, "completion", None)
    if completion is not None:
        read_response(call, completion)


def capture_request(call: LLMCall, arguments: Mapping[str, Any]) -> None:
    """Prompt and tools."""
    _captured.capture_request(call, _body(arguments["options"]))


def capture_response(call: LLMCall, response: Any) -> None:
    """The answer."""
    _captured.capture_response(call, _fields(response))


def input_text(arguments: Mapping[str, Any]) -> str:
    """The text of the prompt, for the estimate only."""
    options = arguments["options"]
    return SHAPES[PATHS[_path(options)][1]].input_text(_body(options))


def count_messages(arguments: Mapping[str, Any]) -> int:
    """Messages of a chat, for the estimate only."""
    return _openai_shape.count_messages(_body(arguments["options"]))


def count_tokens(text: str) -> int | None:
    """The OpenAI SDK ships no encoding."""
    return None


def price(call: LLMCall) -> Decimal | None:
    """Of a hit in its cache, the LiteLLM proxy states what the stored answer cost. Else there is no calculator."""
    stated = call.facts.cost_usd
    if not call.facts.is_cache_hit or stated is None or not math.isfinite(stated):
        return None
    return Decimal(repr(stated))


def lower(headers: Any) -> dict[str, str]:
    """A gateway's own headers of a response, in lower case."""
    return own_headers(headers, PREFIXES)


PREFIXES: Final = (portkey.PREFIX, litellm.PREFIX)


def json_of(response: Any) -> Any:
    """The JSON in the body of a response, None when it holds something else or was not read."""
    if not response.is_closed or "json" not in response.headers.get("content-type", ""):
        return None
    try:
        return response.json()
    except ValueError:
        return None


def _fields(response: Any) -> Mapping[str, Any] | None:
    """The fields of an answer: a model, its JSON, or the bare response; None when it has none."""
    if hasattr(response, "is_stream_consumed"):  # the bare response of httpx
        response = json_of(response)
    if isinstance(response, dict) or hasattr(response, "__pydantic_fields_set__"):
        return fields_of(response)
    return None


def _with_retries(facts: GatewayFacts, response: Any) -> GatewayFacts:
    """The gateway's retries, and those that the SDK made to reach it."""
    own = response.request.headers.get(RETRY_HEADER, "")
    if not own.isdecimal() or own == "0":
        return facts
    return replace(facts, retries=(facts.retries or 0) + int(own))


def _name_model(call: LLMCall) -> None:
    """The proxy writes a group's name into the body: then the deployment's own model is the one that answered."""
    if (
        isinstance(call, SdkCall)
        and call.deployed_model is not None
        and call.response_model in (None, call.model, call.model_group)
    ):
        call.response_model = call.deployed_model


def _path(options: Any) -> str:
    return "/" + str(options.url.partition("?")[0].strip("/"))


def _body(options: Any) -> Mapping[str, Any]:
    """What is sent, `extra_body` included."""
    body = options.json_data if isinstance(options.json_data, Mapping) else {}
    return {**body, **options.extra_json} if isinstance(options.extra_json, Mapping) else body


def _sent_headers(instance: Any, options: Any) -> dict[str, str]:
    """Headers for Portkey that the client or this call sends, in lower case; the call's own beat the client's."""
    return sent_headers(instance._custom_headers, options.headers, portkey.PREFIX)


def _asked_provider(gateway: str | None, headers: Mapping[str, str], address: str | None) -> str:
    asked = headers.get(portkey.PROVIDER_HEADER)
    if asked:
        return portkey.provider_name(asked)
    if gateway is not None:
        return UNKNOWN_PROVIDER[gateway]
    return "azure.ai.openai" if (address or "").endswith(".azure.com") else "openai"


@lru_cache(maxsize=64)
def _server(base_url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(base_url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
