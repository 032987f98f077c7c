"""LiteLLM as a gateway: what its hidden fields say, read into `GatewayFacts`; provider names to the conventions'."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastagentic.core.call import GatewayFacts
from fastagentic.core.names import CacheStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

# LiteLLM's spelling -> gen_ai.provider.name; a name that is not here is the same in both.
PROVIDER_NAMES: Final = {
    "azure": "azure.ai.openai",
    "azure_ai": "azure.ai.inference",
    "azure_text": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "bedrock_converse": "aws.bedrock",
    "cohere_chat": "cohere",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "text-completion-openai": "openai",
    "vertex_ai": "gcp.vertex_ai",
    "vertex_ai_beta": "gcp.vertex_ai",
    "watsonx": "ibm.watsonx.ai",
    "xai": "x_ai",
}


def provider_name(spelling: str) -> str:
    """`gen_ai.provider.name` for LiteLLM's spelling of a provider."""
    return PROVIDER_NAMES.get(spelling, spelling)


def read_hidden(hidden: Mapping[str, object], *, is_cache_on: bool, is_stream: bool) -> GatewayFacts:
    """What `response._hidden_params` says: cache, cost, deployment, retries and fallbacks that the Router made.

    The cost of a stream stands there as 0.0 whatever it was: it is left unknown.
    """
    headers = hidden.get("additional_headers")
    extra: Mapping[str, object] = headers if isinstance(headers, dict) else {}
    fallbacks = _integer(extra.get("x-litellm-attempted-fallbacks"))
    cost = hidden.get("response_cost")
    provider = hidden.get("custom_llm_provider")
    name = hidden.get("model_id")
    return GatewayFacts(
        cache_status=_cache_status(hidden.get("cache_hit"), is_cache_on=is_cache_on),
        provider=provider if isinstance(provider, str) else None,
        target_name=name if isinstance(name, str) else None,
        retries=_integer(extra.get("x-litellm-attempted-retries")),
        fallback_used=None if fallbacks is None else fallbacks > 0,
        cost_usd=float(cost) if isinstance(cost, (int, float)) and not is_stream else None,
    )


def _cache_status(hit: object, *, is_cache_on: bool) -> CacheStatus:
    if hit is True:
        return CacheStatus.HIT
    return CacheStatus.MISS if is_cache_on else CacheStatus.DISABLED


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None
