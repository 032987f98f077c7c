"""What a run's gateway lends to a call, and how it joins what the request says: the request always wins.

Plain data: a gateway (`integrations/`) makes a `Lent` for a call, the client's reader puts it into the request. Keys travel
in it, so its text names what is lent and shows no value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from .portkey import CONFIG_HEADER, PROVIDER_HEADER, TRACE_ID_HEADER

EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})

API_KEY_HEADER: Final = "x-portkey-api-key"
METADATA_HEADER: Final = "x-portkey-metadata"

PLACES: Final = (PROVIDER_HEADER, "x-portkey-virtual-key", "x-portkey-custom-host")
"""Headers that say where a request goes; one of them beside a config with targets would be two answers."""

ONLY_RUN_ID: Final = {TRACE_ID_HEADER}

HOSTED_URL: Final = "https://api.portkey.ai/v1"
UNTOLD_URLS: Final = (HOSTED_URL, "http://localhost:8787/v1")
"""Where Portkey's SDK goes when it was told nothing: with a key, and without."""

ENDPOINT: Final = ("api_base", "base_url", "api_key", "custom_llm_provider")
"""Arguments of LiteLLM's that say who is asked, and with whose key."""

LITELLM_TAKES: Final = {
    "chat": frozenset({"fallbacks", "num_retries", "timeout", "metadata", "user", "caching", "cache", "api_base", "api_key"}),
    "completion": frozenset({"timeout", "metadata", "user", "api_base", "api_key"}),
    "embeddings": frozenset({"timeout", "metadata", "user", "caching", "cache", "api_base", "api_key"}),
}
"""Shape -> the arguments that LiteLLM takes there and the provider does not; other calls are lent nothing."""
ROUTER_TAKES: Final = frozenset({"metadata", "user"})
"""A Router has fallbacks, retries, hosts and keys of its own."""


@dataclass(slots=True, frozen=True, repr=False)
class Lent:
    """What one call is lent.

    `headers` are Portkey's, names in lower case; `base_url` is where that gateway answers, None: wherever the client goes.
    `routes` says that the config in them names targets. `arguments` are keyword arguments of LiteLLM's.
    """

    headers: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    base_url: str | None = None
    routes: bool = False
    arguments: Mapping[str, Any] = field(default_factory=lambda: EMPTY)

    def __repr__(self) -> str:
        return f"Lent(headers={sorted(self.headers)}, arguments={sorted(self.arguments)})"

    def __reduce__(self) -> Any:
        raise TypeError("Lent may hold keys and is not pickled")


NOTHING: Final = Lent()


def of_run_id(run_id: str) -> Lent:
    """The run's id alone, which is lent whether the run has a gateway or not."""
    return Lent({TRACE_ID_HEADER: run_id})


class Gateway(Protocol):
    """What a run may have as its gateway."""

    def lend(self, ctx: Any) -> Lent:
        """What a call made in the run of this context is lent; `ctx` is None outside any run."""


made_by: Final[WeakKeyDictionary[Any, Gateway]] = WeakKeyDictionary()
"""Client -> the gateway whose `.client()` it is: what depends on the run is lent to each of its calls."""


def portkey_headers(lent: Lent, sent: Mapping[str, str], base_url: str) -> dict[str, str]:
    """The headers to add to a request that sends these (lower case) to this base URL.

    A client that was sent to another gateway than the run's borrows the run's id and nothing else: a config holds keys.
    Where the request says where it goes, neither a config with targets nor another place is lent; metadata join key by key.
    """
    if lent.headers.keys() == ONLY_RUN_ID:  # nearly every call: it pays for nothing else
        return {} if sent.get(TRACE_ID_HEADER) else dict(lent.headers)
    kept = _not_lent(lent, sent, base_url)
    added = {name: value for name, value in lent.headers.items() if not sent.get(name) and name not in kept}
    if METADATA_HEADER not in kept and (own := sent.get(METADATA_HEADER)) and METADATA_HEADER in lent.headers:
        added |= _joined(lent.headers[METADATA_HEADER], own)
    return added


def portkey_url(lent: Lent, sent: Mapping[str, str], base_url: str) -> str | None:
    """The base URL to use in the place of the client's, None: its own stands. Only one that nobody chose gives way."""
    url = lent.base_url or (HOSTED_URL if lent.headers.get(API_KEY_HEADER) else None)
    if url is None or is_same_url(url, base_url) or not _is_untold(base_url) or not _has_no_own_key(lent, sent):
        return None
    return url


def with_headers(of_call: Any, of_client: Any, added: Mapping[str, str]) -> dict[str, Any]:
    """The headers of a call with these added, spelled as the client or the call spelled them: two spellings would be two."""
    own = of_call if isinstance(of_call, Mapping) else {}
    if added.keys() == ONLY_RUN_ID:
        return {**own, **added}
    theirs = of_client if isinstance(of_client, Mapping) else {}
    spelled = {name.lower(): name for headers in (own, theirs) for name in headers}
    kept = {name: value for name, value in own.items() if name.lower() not in added}
    return kept | {spelled.get(name, name): value for name, value in added.items()}


def without_untold_key(sent: Mapping[str, str]) -> Mapping[str, str]:
    """The headers without a key that nobody gave the client: Portkey's SDK takes it from the environment."""
    key = sent.get(API_KEY_HEADER)
    return {**sent, API_KEY_HEADER: ""} if key and key == os.environ.get("PORTKEY_API_KEY") else sent


def litellm_arguments(lent: Lent, given: Mapping[str, Any], takes: frozenset[str]) -> dict[str, Any]:
    """The arguments to add to a call of LiteLLM's: of those it takes, what it does not say itself. Metadata join key by key."""
    added = {name: value for name, value in lent.arguments.items() if name in takes and given.get(name) is None}
    if any(given.get(name) is not None for name in ENDPOINT):  # a key goes with the host that it is for, or not at all
        added = {name: value for name, value in added.items() if name not in ENDPOINT}
    if isinstance(own := given.get("metadata"), dict) and "metadata" in takes and "metadata" in lent.arguments:
        added["metadata"] = {**lent.arguments["metadata"], **own}
    if fallbacks := added.pop("fallbacks", None):
        others = [model for model in fallbacks if model != given.get("model")]
        added |= {"fallbacks": others} if others else {}
    return added


def is_same_url(one: str, other: str) -> bool:
    """Whether two base URLs are one."""
    return one.rstrip("/") == other.rstrip("/")


def _not_lent(lent: Lent, sent: Mapping[str, str], base_url: str) -> set[str]:
    """The headers that this request may not borrow."""
    if lent.base_url is not None and not is_same_url(lent.base_url, base_url) and portkey_url(lent, sent, base_url) is None:
        return set(lent.headers) - {TRACE_ID_HEADER}
    kept: set[str] = set()
    if any(sent.get(name) for name in PLACES):
        kept |= {*PLACES, *((CONFIG_HEADER,) if lent.routes else ())}
    if sent.get(CONFIG_HEADER):
        kept |= set(PLACES)
    if lent.base_url is None and not _is_untold(base_url):  # the hosted gateway's key is for nobody else
        kept.add(API_KEY_HEADER)
    return kept


def _is_untold(base_url: str) -> bool:
    return any(is_same_url(base_url, untold) for untold in UNTOLD_URLS)


def _has_no_own_key(lent: Lent, sent: Mapping[str, str]) -> bool:
    return sent.get(API_KEY_HEADER, "") in ("", lent.headers.get(API_KEY_HEADER))


def _joined(lent: str, own: str) -> dict[str, str]:
    try:
        both = {**json.loads(lent), **json.loads(own)}
    except (ValueError, TypeError):  # the user's own is no JSON object: it is theirs
        return {}
    return {METADATA_HEADER: json.dumps(both)}
