"""Who answers a request of a client that speaks to anybody (the OpenAI SDK): a gateway that we know, or somebody else.

The request says it, or the response does; what a response said of a base URL is remembered, so that the next call
to it, answered or not, is known from its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from . import litellm, portkey

if TYPE_CHECKING:
    from collections.abc import Iterable

KEEP: Final = 256

RESPONSES: Final = ((portkey.NAME, portkey.PREFIX), (litellm.NAME, litellm.PREFIX))
"""Gateway -> how its headers begin, nearest to the client first."""

_answering: Final[dict[str, str]] = {}
"""Base URL -> the gateway that answered there."""


def by_request(base_url: str, headers: Iterable[str]) -> str | None:
    """The gateway that a request is meant for, by its header names (any case) and its base URL; None when it does not say."""
    if any(name.lower().startswith(portkey.PREFIX) for name in headers):
        return portkey.NAME
    host = urlsplit(base_url).hostname or ""
    if host == portkey.HOST or host.endswith(f".{portkey.HOST}"):
        return portkey.NAME
    return _answering.get(base_url.rstrip("/"))


def by_response(base_url: str, headers: Iterable[str]) -> str | None:
    """The gateway that answered, by its response's header names in lower case, and remembered for this base URL.

    Portkey in front of a LiteLLM proxy hands on the headers of both; LiteLLM renames those of what is behind it.
    """
    names = list(headers)
    for gateway, prefix in RESPONSES:
        if any(name.startswith(prefix) for name in names):
            remember(base_url, gateway)
            return gateway
    return None


def forget() -> None:
    """Forget what was remembered of base URLs."""
    _answering.clear()


def remember(base_url: str, gateway: str) -> None:
    """Who answers at a base URL, because it did or the user said so."""
    base_url = base_url.rstrip("/")
    if len(_answering) >= KEEP and base_url not in _answering:
        _answering.clear()
    _answering[base_url] = gateway
