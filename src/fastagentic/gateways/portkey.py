"""Portkey on the wire: response headers to `GatewayFacts`, provider names to the conventions'. Any client's headers will do.

Header names and values as measured on the gateway 1.15.2; HIT and its kin come from the hosted gateway only.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from fastagentic.core.call import GatewayFacts
from fastagentic.core.names import CacheStatus

from ._values import warn_once, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "portkey"
"""As `fastagentic.gateway` spells it."""

PREFIX: Final = "x-portkey-"
"""How the name of each of its headers begins, in requests and responses."""

HOST: Final = "portkey.ai"
"""The hosted gateway answers at `api.portkey.ai` and at hosts beside it."""

TRACE_ID_HEADER: Final = "x-portkey-trace-id"
CONFIG_HEADER: Final = "x-portkey-config"
PROVIDER_HEADER: Final = "x-portkey-provider"

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


def read_headers(headers: Mapping[str, str], strategy: str | None) -> GatewayFacts:
    """What Portkey's response headers say; `strategy` is the mode of the config that was sent, None when unknown.

    A fallback is only told from a load balancer's choice by that strategy: the same headers mean nothing under
    `loadbalance`.
    """
    index = _target_index(path := headers.get("x-portkey-last-used-option-index"))
    retries = whole_number(headers, "x-portkey-retry-attempt-count", least=-1)
    return GatewayFacts(
        cache_status=_cache_status(headers.get("x-portkey-cache-status")),
        provider=headers.get(PROVIDER_HEADER) or None,
        target_index=index,
        target_path=path or None,
        retries=None if retries is not None and retries < 0 else retries,
        retries_exhausted=retries is not None and retries < 0,  # -1: the gateway gave up, and does not say after how many
        fallback_used=index > 0 if strategy == "fallback" and index is not None else None,
    )


@lru_cache(maxsize=256)
def strategy_of(config: str) -> str | None:
    """The strategy mode of a config as it is sent (JSON text); None for a config id or a config without one."""
    try:
        strategy = json.loads(config)["strategy"]["mode"]
    except (ValueError, KeyError, TypeError):
        return None
    return strategy if isinstance(strategy, str) else None


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
