"""The Portkey SDK: which methods make LLM calls, and how its requests, answers and chunks are read.

Nothing of the SDK is imported: its objects are handed in by the doors. What the gateway's headers mean is written
in `gateways/portkey.py`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from fastagentic.core.call import LLMCall
from fastagentic.core.names import Operation
from fastagentic.gateways import portkey as gateway
from fastagentic.observe.reader import EntryPoint

from . import _openai_shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    class Headers(Protocol):
        """The response headers of httpx."""

        @property
        def raw(self) -> list[tuple[bytes, bytes]]: ...


read_chunk = _openai_shape.read_chunk

UNKNOWN_PROVIDER: Final = "portkey"  # until the gateway names the target's

PREFIX: Final = b"x-portkey-"
PREFIX_LENGTH: Final = len(PREFIX)

HAS_CALCULATOR: Final = False

_CHAT: Final = "portkey_ai.api_resources.apis.chat_complete"

ENTRY_POINTS: Final = (
    EntryPoint(_CHAT, "Completions.create", Operation.CHAT),
    EntryPoint(_CHAT, "AsyncCompletions.create", Operation.CHAT),
)


def read_request(entry: EntryPoint, instance: Any, arguments: Mapping[str, Any]) -> LLMCall:
    """The call as asked for. The provider is what the client's own settings say, until the gateway answers."""
    client = instance._client
    address, port = _server(str(client.base_url))
    provider = client.custom_headers.get(gateway.PROVIDER_HEADER)
    model = arguments.get("model")
    return LLMCall(
        client="portkey",
        gateway="portkey",
        operation=entry.operation,
        provider=gateway.provider_name(provider) if isinstance(provider, str) else UNKNOWN_PROVIDER,
        model=model if isinstance(model, str) else None,
        is_stream=arguments.get("stream") is True,
        server_address=address,
        server_port=port,
        parameters=_openai_shape.read_parameters(arguments),
        strategy=_strategy(client.custom_headers, arguments.get("extra_headers")),
    )


def write_request(instance: Any, kwargs: dict[str, Any], trace_id: str) -> dict[str, Any]:
    """Lend the run id as `x-portkey-trace-id`, unless the client or this call has one."""
    headers = kwargs.get("extra_headers") or {}
    if gateway.TRACE_ID_HEADER in instance._client.custom_headers or any(
        name.lower() == gateway.TRACE_ID_HEADER for name in headers
    ):
        return kwargs
    return {**kwargs, "extra_headers": {**headers, gateway.TRACE_ID_HEADER: trace_id}}


def read_response(call: LLMCall, response: Any) -> None:
    """An answer with its headers; of a stream, the headers."""
    if call.is_stream:
        _read_headers(call, response.response.headers)
        return
    _openai_shape.read_completion(call, response)
    _read_headers(call, response.__pydantic_private__["_headers"])


def read_error(call: LLMCall, error: BaseException) -> None:
    """What the gateway still said when the call failed."""
    response = getattr(error, "response", None)
    if response is not None:
        _read_headers(call, response.headers)


def input_text(arguments: Mapping[str, Any]) -> str:
    """The text of the prompt, for the estimate only."""
    return _openai_shape.prompt_text(arguments)


def count_tokens(text: str) -> int | None:
    """Portkey ships no encoding."""
    return None


def price(call: LLMCall) -> Decimal | None:
    """Portkey ships no calculator."""
    return None


def _read_headers(call: LLMCall, headers: Headers) -> None:
    call.facts = gateway.read_headers(_of_portkey(headers), call.strategy)
    if call.facts.provider is not None:
        call.provider = gateway.provider_name(call.facts.provider)


def _of_portkey(headers: Headers) -> dict[str, str]:
    """Portkey's own headers, in one pass: each look-up by name walks the whole list."""
    return {
        name.decode("ascii").lower(): value.decode("latin-1")
        for name, value in headers.raw
        if name[:PREFIX_LENGTH].lower() == PREFIX
    }


def _strategy(headers: Mapping[str, str], own: Mapping[str, str] | None) -> str | None:
    """The mode of the config that this call is sent with; the call's own header beats the client's."""
    config = (own or {}).get(gateway.CONFIG_HEADER) or headers.get(gateway.CONFIG_HEADER)
    return None if config is None else gateway.strategy_of(config)


@lru_cache(maxsize=64)
def _server(base_url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(base_url)
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
