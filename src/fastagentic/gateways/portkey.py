"""Portkey on the wire: response headers to `GatewayFacts`, provider names to the conventions'. Any client's headers will do.

Header names and values as measured on the gateway 1.15.2; HIT and its kin come from the hosted gateway only.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.call import NOT_TOLD, GatewayFacts, Routing
from fastagentic.core.names import CacheStatus

from ._values import warn_once, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAME: Final = "portkey"
"""As `fastagentic.gateway` spells it."""

PREFIX: Final = "x-portkey-"
"""How the name of each of its headers begins, in requests and responses."""

HOST: Final = "portkey.ai"
"""The hosted gateway answers at `api.portkey.ai` and at hosts beside it."""

TRACE_ID_HEADER: Final = "x-portkey-trace-id"
CONFIG_HEADER: Final = "x-portkey-config"
PROVIDER_HEADER: Final = "x-portkey-provider"

FIRST: Final = "config.targets[0]"
"""Where a fallback begins, as the gateway writes it."""

CACHE_STATUS: Final = {
    "HIT": CacheStatus.HIT,
    "SEMANTIC HIT": CacheStatus.SEMANTIC_HIT,
    "MISS": CacheStatus.MISS,
    "SEMANTIC MISS": CacheStatus.MISS,
    "REFRESH": CacheStatus.REFRESH,
    "DISABLED": CacheStatus.DISABLED,
}

# Portkey's spelling -> gen_ai.provider.name; a name that is not here is the same in both.
PROVIDER_NAMES: Final = {
    "azure-openai": "azure.ai.openai",
    "azure-ai": "azure.ai.inference",
    "bedrock": "aws.bedrock",
    "google": "gcp.gemini",
    "mistral-ai": "mistral_ai",
    "perplexity-ai": "perplexity",
    "vertex-ai": "gcp.vertex_ai",
    "x-ai": "x_ai",
}


def provider_name(spelling: str) -> str:
    """`gen_ai.provider.name` for Portkey's spelling of a provider (`@slug` is a hosted provider's own name)."""
    name = spelling.removeprefix("@")
    return PROVIDER_NAMES.get(name, name)


def read_headers(headers: Mapping[str, str], routing: Routing) -> GatewayFacts:
    """What Portkey's response headers say; `routing` is what the config that was sent says.

    A fallback is only told from a load balancer's choice by its mode: the same headers mean nothing under `loadbalance`.
    It begins at the first target.
    """
    index = _target_index(path := headers.get("x-portkey-last-used-option-index"))
    is_fallback = index > 0 if routing.mode == "fallback" and index is not None else None
    name = routing.names.get(path or "")
    retries = whole_number(headers, "x-portkey-retry-attempt-count", least=-1)
    return GatewayFacts(
        cache_status=_cache_status(headers.get("x-portkey-cache-status")),
        provider=headers.get(PROVIDER_HEADER) or None,
        target_index=index,
        target_path=path or None,
        target_name=name,
        retries=None if retries is not None and retries < 0 else retries,
        retries_exhausted=retries is not None and retries < 0,  # -1: the gateway gave up, and does not say after how many
        fallback_used=is_fallback,
        fallback_from=routing.names.get(FIRST, FIRST) if is_fallback else None,
        fallback_to=(name or path) if is_fallback else None,
    )


@lru_cache(maxsize=256)
def routing_of(config: str | None) -> Routing:
    """What a config says as it is sent (JSON text); nothing for a config's id, or without a config."""
    try:
        root = json.loads(config or "")
    except ValueError:
        return NOT_TOLD
    names: dict[str, str] = {}
    shares: dict[str, float] = {}
    for path, part in _parts_of("config", root):
        names |= {path: part["name"]} if isinstance(part.get("name"), str) else {}
        if _mode_of(part) == "loadbalance":
            weights = {path: _weight_of(target) for path, target in _targets_of(path, part)}
            total = sum(weights.values())
            shares |= {path: weight / total for path, weight in weights.items() if total > 0}
    return Routing(_mode_of(root), names, {names.get(path, path): share for path, share in shares.items()})


def _parts_of(path: str, part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """A config and all targets below it, each with its path as the gateway writes it."""
    if isinstance(part, dict):
        yield path, part
        for below, target in _targets_of(path, part):
            yield from _parts_of(below, target)


def _targets_of(path: str, part: dict[str, Any]) -> list[tuple[str, Any]]:
    targets = part.get("targets")
    return [(f"{path}.targets[{at}]", target) for at, target in enumerate(targets if isinstance(targets, list) else ())]


def _mode_of(part: Any) -> str | None:
    strategy = part.get("strategy") if isinstance(part, dict) else None
    mode = strategy.get("mode") if isinstance(strategy, dict) else None
    return mode if isinstance(mode, str) else None


def _weight_of(target: Any) -> float:
    """A target without a weight has 1."""
    weight = target.get("weight", 1) if isinstance(target, dict) else 0
    return max(float(weight), 0.0) if isinstance(weight, (int, float)) else 1.0


def _cache_status(text: str | None) -> CacheStatus | None:
    if text is None:
        return None
    status = CACHE_STATUS.get(text)
    if status is None:
        warn_once("x-portkey-cache-status", text)
    return status


@lru_cache(maxsize=256)
def _target_index(path: str | None) -> int | None:
    """The outermost index of `config.targets[1].targets[0]`, which is what a top-level strategy chose."""
    if not path or "[" not in path:
        return None
    header = "x-portkey-last-used-option-index"
    return whole_number({header: path.partition("[")[2].partition("]")[0]}, header)
