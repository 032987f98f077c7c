"""What every call of the SDKs of OpenAI's kind asks of a client's URL and headers, at the price that a call may pay for it.

`httpx.URL` makes its text anew each time, and `httpx.Headers.items()` decodes every header to hand out a few.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

MOST: Final = 64

_texts: Final[dict[int, tuple[Any, str]]] = {}
"""Of clients' base URLs, by identity; the URL is kept with its text, for without it another one could get its id."""


def url_text(url: Any) -> str:
    """The text of a URL, which nobody changes: a client that is sent elsewhere gets another."""
    found = _texts.get(id(url))
    if found is None:
        if len(_texts) >= MOST:
            _texts.clear()
        found = _texts[id(url)] = (url, str(url))
    return found[1]


def own_headers(headers: Any, prefixes: tuple[str, ...]) -> dict[str, str]:
    """The headers of a response whose names begin so, in lower case; several of one name are joined, as HTTP has it."""
    raw = getattr(headers, "raw", None)
    if raw is None:  # not httpx's
        return {lower: value for name, value in headers.items() if (lower := name.lower()).startswith(prefixes)}
    found: dict[str, str] = {}
    for name, value in raw:
        lower = name.decode("latin-1").lower()
        if lower.startswith(prefixes):
            text = value.decode(headers.encoding)
            found[lower] = f"{found[lower]}, {text}" if lower in found else text
    return found


def sent_headers(of_client: Any, of_call: Any, prefix: str) -> dict[str, str]:
    """The headers that the client or this call sends whose names begin so, in lower case; the call's own beat the client's."""
    found = {}
    size = len(prefix)
    for headers in (of_client, of_call):
        if headers.__class__ is dict or isinstance(headers, Mapping):
            for name, value in headers.items():
                if isinstance(value, str) and name[:size].lower() == prefix:
                    found[name.lower()] = value
    return found


def sends(of_client: Any, of_call: Any, name: str) -> str | None:
    """One header of these, None where neither sends it."""
    size, found = len(name), None
    for headers in (of_client, of_call):
        if headers.__class__ is dict or isinstance(headers, Mapping):
            for one, value in headers.items():
                if len(one) == size and one.lower() == name and isinstance(value, str):
                    found = value
    return found
