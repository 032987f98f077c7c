"""The config that `PortkeyGateway`'s options make together: what `cache`, `retry` and `fallback` mean beside `config`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastagentic.core.errors import ConfigError
from fastagentic.gateways.portkey_config import PortkeyConfig, read_config

SOURCE: Final = "PortkeyGateway(config=...)"


def config_of(
    config: Mapping[str, Any] | PortkeyConfig | str | None,
    virtual_key: str | None,
    provider: str | None,
    *,
    cache: bool | str | Mapping[str, Any] | None,
    retry: int | Mapping[str, Any] | None,
    fallback: Sequence[str | Mapping[str, Any]] | None,
) -> PortkeyConfig | str | None:
    """What is sent as the config: all of them in one, an id as it is, None where nothing asks for one. Raises: ConfigError."""
    more = {"cache": _cache(cache), "retry": _retry(retry)}
    more = {name: value for name, value in more.items() if value is not None}
    if isinstance(config, str):
        if more or fallback is not None:
            name = next(iter([*more, "fallback"]))
            raise ConfigError(f"{SOURCE} is an id, to which {name} cannot be added; write it into that config")
        return config
    if config is not None and not isinstance(config, (Mapping, PortkeyConfig)):
        raise ConfigError(f"{SOURCE} is a {type(config).__name__}; it takes a mapping, a PortkeyConfig or the id of a config")
    given = config.as_dict() if isinstance(config, PortkeyConfig) else dict(config or {})
    for name in more:
        if given.get(name) is not None:
            raise ConfigError(f"PortkeyGateway({name}=...) is said in config, too; leave one of them out")
    for name, value in more.items():
        read_config({name: value}, f"PortkeyGateway({name}=...)")
    if fallback is not None:
        given = _with_fallback(given, virtual_key, provider, fallback)
    full = {**given, **more}
    return read_config(full, SOURCE if fallback is None else "PortkeyGateway(fallback=...)") if full else None


def _cache(cache: bool | str | Mapping[str, Any] | None) -> Any:
    if cache is True:
        return {"mode": "semantic"}
    return cache or None


def _retry(retry: int | Mapping[str, Any] | None) -> Any:
    return {"attempts": retry} if isinstance(retry, int) and not isinstance(retry, bool) else retry


def _with_fallback(
    config: dict[str, Any], virtual_key: str | None, provider: str | None, fallback: Sequence[str | Mapping[str, Any]]
) -> dict[str, Any]:
    """The call's own target first, then the fallbacks in their order."""
    if isinstance(fallback, (str, Mapping)) or not isinstance(fallback, Sequence) or not fallback:
        raise ConfigError("PortkeyGateway(fallback=...) takes a list, of models, virtual keys or targets, one or more")
    if "targets" in config or "strategy" in config:
        raise ConfigError("PortkeyGateway(fallback=...) beside a config with targets; put the fallbacks among its targets")
    own = {name: value for name, value in config.items() if name not in SHARED}
    own |= {name: value for name, value in (("virtual_key", virtual_key), ("provider", provider)) if value}
    targets = [*([own] if own else []), *(_target(one, own) for one in fallback)]
    shared = {name: value for name, value in config.items() if name in SHARED}
    return {**shared, "strategy": {"mode": "fallback"}, "targets": targets}


SHARED: Final = ("cache", "retry", "request_timeout")
"""What holds for all targets, written once beside them."""


def _target(one: str | Mapping[str, Any], own: Mapping[str, Any]) -> Any:
    if not isinstance(one, str):
        return one
    provider, slash, model = one.partition("/")
    if one.startswith("@") and slash:
        return {"provider": provider, "override_params": {"model": model}}
    return {**own, "override_params": {"model": one}} if own else {"virtual_key": one}
