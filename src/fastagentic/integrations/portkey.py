"""`PortkeyGateway`: how calls reach Portkey, written down once. A run that has one lends it to every call made in it."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import ConfigError
from fastagentic.gateways import lent, recognise
from fastagentic.gateways.lent import API_KEY_HEADER, METADATA_HEADER, Lent
from fastagentic.gateways.portkey import CONFIG_HEADER, NAME, PROVIDER_HEADER, TRACE_ID_HEADER

from ._metadata import Resolved
from ._portkey_config import config_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastagentic.gateways.portkey_config import PortkeyConfig

API_KEY_VARIABLE: Final = "PORTKEY_API_KEY"
BASE_URL_VARIABLES: Final = ("PORTKEY_BASE_URL", "PORTKEY_GATEWAY_URL", "PORTKEY_PROXY")
"""The first that is set counts; the last is the one that Portkey's Python SDK reads."""

HEADERS: Final = {
    "virtual_key": "x-portkey-virtual-key",
    "provider": PROVIDER_HEADER,
    "custom_host": "x-portkey-custom-host",
    "cache_namespace": "x-portkey-cache-namespace",
    "cache_force_refresh": "x-portkey-cache-force-refresh",
    "forward_headers": "x-portkey-forward-headers",
}
"""Option -> the header that says it; the SDK's own option has the same name."""


class PortkeyGateway:
    """Portkey's gateway, hosted or your own, as an `App`, an endpoint or a run uses it.

    Inside the run every call of an observed client borrows from it what the request does not set itself: config, metadata,
    run id and, where the client was told of none, key and base URL. `client()` and `async_client()` give Portkey's own.

    Args:
        api_key: Portkey's key; None: `PORTKEY_API_KEY`, read when the first call is made.
        virtual_key: the virtual key that calls go to.
        config: a config of Portkey's schema (a mapping, or a `PortkeyConfig`), or the id of one kept there (`pc-...`).
        cache: `True` or `"semantic"`, `"simple"`, or `{"mode": ..., "max_age": seconds}`.
        retry: attempts, or `{"attempts": 3, "on_status_codes": [429, ...], "use_retry_after_header": True}`.
        fallback: what is asked in turn when the call's own target fails. A text is a model there (`virtual_key`, or a
            config of one target, says where), or a model of any provider (`"@slug/model"`); without a place of its own
            it is a virtual key. A mapping is a target.
        metadata: what is sent with each call. A value may be a callable of the run's context: `lambda ctx: ctx.user.id`.
            One that raises is left out, with one warning.
        trace_id: a text, or a callable of the run's context. None: the run's id.
        base_url: a gateway of your own. None: `PORTKEY_BASE_URL`, `PORTKEY_GATEWAY_URL` or `PORTKEY_PROXY`, else Portkey's.
        provider: a provider (`"@slug"`, or one whose key the client sends).
        custom_host: where the provider answers, if not where Portkey thinks.
        cache_namespace: calls of other namespaces do not share the cache.
        cache_force_refresh: ask the target even if the cache could answer.
        forward_headers: names of the client's headers that go on to the provider.

    Raises: ConfigError that names the field with a mistake, its value and the way out.

    Example:
        >>> gateway = PortkeyGateway(api_key="...", config={"targets": [{"virtual_key": "openai-key"}]}, retry=3)
        >>> gateway
        PortkeyGateway(single, 1 target, retry)
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        virtual_key: str | None = None,
        config: Mapping[str, Any] | PortkeyConfig | str | None = None,
        cache: bool | str | Mapping[str, Any] | None = None,
        retry: int | Mapping[str, Any] | None = None,
        fallback: Sequence[str | Mapping[str, Any]] | None = None,
        metadata: Mapping[str, Any] | None = None,
        trace_id: str | Callable[[Any], Any] | None = None,
        base_url: str | None = None,
        provider: str | None = None,
        custom_host: str | None = None,
        cache_namespace: str | None = None,
        cache_force_refresh: bool | None = None,
        forward_headers: Sequence[str] | None = None,
    ) -> None:
        self._api_key = api_key
        self._base_url = base_url
        self._config = config_of(config, virtual_key, provider, cache=cache, retry=retry, fallback=fallback)
        is_target = fallback is not None  # the first of the config's targets, then
        self._options = _said(
            virtual_key=None if is_target else virtual_key,
            provider=None if is_target else provider,
            custom_host=custom_host,
            cache_namespace=cache_namespace,
            cache_force_refresh=cache_force_refresh,
            forward_headers=None if forward_headers is None else list(forward_headers),
        )
        self._metadata = Resolved("PortkeyGateway(metadata=...)", _mapping("metadata", metadata))
        self._trace_id = Resolved("PortkeyGateway(...)", _said(trace_id=trace_id))
        self._headers = {HEADERS[name]: _header(value) for name, value in self._options.items()}
        if self._config is not None:
            self._headers[CONFIG_HEADER] = self._config if isinstance(self._config, str) else self._config.as_json()
        if self.base_url is not None:  # so that the OpenAI SDK's calls to it are known from their start
            recognise.remember(self.base_url, NAME)

    def __repr__(self) -> str:
        said = [] if self._config is None else ["config id"] if isinstance(self._config, str) else _described(self._config)
        return f"{type(self).__name__}({', '.join([*said, *self._options])})"

    def __reduce__(self) -> Any:
        raise TypeError("PortkeyGateway holds keys and is not pickled; make it in the process that uses it")

    def __copy__(self) -> PortkeyGateway:
        return self  # it does not change

    def __deepcopy__(self, _: Any) -> PortkeyGateway:
        return self

    @property
    def config(self) -> PortkeyConfig | str | None:
        """The config as it is sent, short forms written out, options joined; its id; None where there is none."""
        return self._config

    @property
    def base_url(self) -> str | None:
        """Where this gateway answers; None: where Portkey does."""
        found = (os.environ.get(name, "").strip() for name in BASE_URL_VARIABLES)
        return self._base_url or next(filter(None, found), None)

    def lend(self, ctx: Any) -> Lent:
        """What a call in the run of this context is lent."""
        headers = dict(self._headers)
        if key := self._key():
            headers[API_KEY_HEADER] = key
        if metadata := self._metadata.of(ctx):
            headers[METADATA_HEADER] = json.dumps(metadata)
        if trace_id := self._trace_id.of(ctx).get("trace_id"):
            headers[TRACE_ID_HEADER] = str(trace_id)
        return Lent(headers, self.base_url, routes=self._routes)

    def client(self, **options: Any) -> Any:
        """Portkey's own client, `portkey_ai.Portkey`, told all of this; `options` are the client's and win.

        Raises: ConfigError without a key for the hosted gateway; ImportError that names the extra to install.
        """
        return self._made("Portkey", options)

    def async_client(self, **options: Any) -> Any:
        """The same as `portkey_ai.AsyncPortkey`."""
        return self._made("AsyncPortkey", options)

    @property
    def _routes(self) -> bool:
        return self._config is not None and (isinstance(self._config, str) or self._config.routes)

    def _key(self) -> str | None:
        return self._api_key or os.environ.get(API_KEY_VARIABLE) or None

    def _made(self, kind: str, options: dict[str, Any]) -> Any:
        settings = {**self._settings(), **options}
        if settings["api_key"] is None and settings["base_url"] is None:
            raise ConfigError(
                f"PortkeyGateway: api_key is missing and {API_KEY_VARIABLE} is not set; give one of them, or base_url for a "
                "gateway of your own"
            )
        client = getattr(_sdk(), kind)(**_said(**settings))
        for called in (client, client.openai_client):  # the two that go to the wire
            lent.made_by[called] = self
        return client

    def _settings(self) -> dict[str, Any]:
        """What the client's constructor takes; what depends on the run is lent to each call instead."""
        config = self._config
        return {
            "api_key": self._key(),
            "base_url": self.base_url,
            "config": config if config is None or isinstance(config, str) else config.as_dict(),
            "metadata": self._metadata.constant or None,
            "trace_id": self._trace_id.constant.get("trace_id"),
            **self._options,
        }


def _said(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if value is not None and not isinstance(value, Mapping):
        raise ConfigError(f"PortkeyGateway({name}=...) is a {type(value).__name__}; it takes a mapping")
    return value or {}


def _header(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(value) if isinstance(value, list) else str(value)


def _described(config: PortkeyConfig) -> list[str]:
    """A config in a few words that hold no key and no name."""
    targets = len(config.targets or ())
    found = [config.mode or "", f"{targets} target{'s' if targets > 1 else ''}" if targets else ""]
    return [word for word in (*found, *(name for name in ("cache", "retry") if getattr(config, name))) if word]


def _sdk() -> Any:
    try:
        return importlib.import_module("portkey_ai")
    except ImportError as error:
        message = "PortkeyGateway's clients need portkey_ai, which is not installed: pip install 'fastagentic[portkey]'"
        raise ImportError(message) from error
