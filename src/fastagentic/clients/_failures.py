"""What an exception of a client says of the HTTP answer behind it: its status, and how long it asks to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.gateways import waits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.core.call import LLMCall


def read_failure(call: LLMCall, error: BaseException) -> None:
    """Status and Retry-After of the answer that the call failed with, where there was one.

    LiteLLM writes a status on every exception, on that of a connection that was refused, too: where no headers came
    with it, and what it arose from is a failure of the transport, nobody answered.
    """
    cause = getattr(error, "original_exception", None) or error  # a stream of LiteLLM's that broke off: what broke it
    response = getattr(cause, "response", None)
    status = getattr(cause, "status_code", None) or getattr(response, "status_code", None)
    if status.__class__ is not int or not 400 <= status <= 599:
        return
    headers = _headers_of(cause, response)
    if headers or not any(map(_is_of_the_transport, _chain(cause))):
        call.status_code = status
        call.retry_after_s = waits.read_wait(headers)


UNANSWERED: Final = frozenset({"APIConnectionError", "TransportError"})
"""Base classes of what the SDKs and httpx raise when no answer came."""


def _is_of_the_transport(error: BaseException) -> bool:
    return any(kind.__name__ in UNANSWERED for kind in type(error).__mro__)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those that it arose from."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _headers_of(error: BaseException, response: Any) -> dict[str, str]:
    for headers in (getattr(response, "headers", None), getattr(error, "litellm_response_headers", None)):
        if headers:
            return {str(name).lower(): str(value) for name, value in headers.items()}
    return {}
