"""Gateways as they were written down, read for the rules: of objects in a program, or of a config in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastagentic.core.errors import ConfigError
from fastagentic.gateways.portkey_config import PortkeyConfig, read_config

from .evidence import LiteLLMSetup, PortkeySetup

if TYPE_CHECKING:
    from collections.abc import Iterator

REFRESH_HEADER = "x-portkey-cache-force-refresh"


def read_setup(where: str, gateway: Any) -> PortkeySetup | LiteLLMSetup | None:
    """What a gateway object says; None when it is none of ours."""
    if not callable(getattr(gateway, "lend", None)):
        return None
    lent = gateway.lend(None)
    config = getattr(gateway, "config", None)
    if not hasattr(gateway, "config"):
        arguments = lent.arguments
        return LiteLLMSetup(
            where,
            fallbacks=len(arguments.get("fallbacks") or ()),
            retries=arguments.get("num_retries") or 0,
            caches=bool(arguments.get("caching")),
            base_url=arguments.get("api_base"),
        )
    return PortkeySetup(
        where,
        config=config if isinstance(config, PortkeyConfig) else None,
        is_id=isinstance(config, str),
        base_url=gateway.base_url,
        forces_refresh=lent.headers.get(REFRESH_HEADER) == "true",
    )


def read_given(text: str) -> PortkeySetup:
    """A config as JSON, or as the path of a file with it. Raises: ConfigError when it is neither."""
    source, given = ("the config", text) if text.lstrip().startswith("{") else (text, _file(text))
    try:
        config = json.loads(given)
    except ValueError as error:
        raise ConfigError(
            f"--config: {source} is no JSON ({error}); it takes Portkey's config as JSON, or a file of it"
        ) from None
    if not isinstance(config, Mapping):
        raise ConfigError(f"--config: {source} is a {type(config).__name__}; it takes a JSON object")
    try:
        return PortkeySetup(source, config=read_config(config, source))
    except ConfigError as error:
        return PortkeySetup(source, refused=str(error), keyless=tuple(_keyless("config", config)))


def _file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"--config is {path!r}, which cannot be read ({why}); it takes a file, or JSON in quotes") from None


def _keyless(path: str, config: Mapping[str, Any]) -> Iterator[str]:
    """The targets of a config that was refused which have no key, by path."""
    targets = config.get("targets")
    for at, target in enumerate(targets if isinstance(targets, list) else ()):
        if not isinstance(target, Mapping):
            continue
        yield from _keyless(f"{path}.targets[{at}]", target)
        if not target.get("targets") and not _has_key(target):
            yield f"{path}.targets[{at}]"


def _has_key(target: Mapping[str, Any]) -> bool:
    try:
        return read_config(target, "a target").has_key
    except ConfigError:  # of another fault: the config is refused for that one
        return True
