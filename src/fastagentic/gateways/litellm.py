"""LiteLLM as a gateway: the SDK's hidden fields and the proxy's response headers as `GatewayFacts`; provider names to the
conventions'. Header names and values as measured on the proxy 1.106.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.call import NOT_TOLD, GatewayFacts, Routing
from fastagentic.core.names import CacheStatus

from ._values import amount, identifier, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "litellm"
"""As `fastagentic.gateway` spells it."""

PREFIX: Final = "x-litellm-"
"""How the name of each header of the proxy's own begins; what the provider behind it sent begins with `llm_provider-`."""

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
    group = extra.get("x-litellm-model-group")
    cost = hidden.get("response_cost")
    provider = hidden.get("custom_llm_provider")
    name = hidden.get("model_id")
    call_id = hidden.get("litellm_call_id")
    return GatewayFacts(
        cache_status=_cache_status(hidden.get("cache_hit"), is_cache_on=is_cache_on),
        provider=provider if isinstance(provider, str) else None,
        target_name=name if isinstance(name, str) else None,
        retries=_integer(extra.get("x-litellm-attempted-retries")),
        fallback_used=None if fallbacks is None else fallbacks > 0,
        fallback_to=group if fallbacks and isinstance(group, str) else None,
        cost_usd=float(cost) if isinstance(cost, (int, float)) and not is_stream else None,
        call_id=call_id if isinstance(call_id, str) else None,
    )


def read_headers(headers: Mapping[str, str], *, is_stream: bool) -> GatewayFacts:
    """What the proxy's response headers say. Names in lower case.

    A cache key is sent with a hit and with nothing else: whether there is a cache at all is not said. A hit
    states what the stored answer cost. A stream's cost is not known when its headers leave.
    """
    fallbacks = whole_number(headers, "x-litellm-attempted-fallbacks")
    return GatewayFacts(
        cache_status=CacheStatus.HIT if headers.get("x-litellm-cache-key") else None,
        provider=_deployment(headers)[0],
        target_name=headers.get("x-litellm-model-id") or None,
        retries=whole_number(headers, "x-litellm-attempted-retries"),
        fallback_used=None if fallbacks is None else fallbacks > 0,
        fallback_to=headers.get("x-litellm-model-group") or None if fallbacks else None,
        cost_usd=None if is_stream else amount(headers, "x-litellm-response-cost"),
        call_id=identifier(headers, "x-litellm-call-id"),
    )


def read_models(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The model of the deployment that answered, and the name of its group, which is what the body says."""
    return _deployment(headers)[1], headers.get("x-litellm-model-group") or None


def routing_of(router: Any, group: str | None) -> Routing:
    """The shares of a group's deployments that a Router was given, where it draws one by weight (`simple-shuffle`).

    As it does, the first of weight, requests and tokens a minute that any of them states is what counts; none: all alike.
    """
    listed = getattr(router, "model_list", None) or ()
    deployments = [one for one in listed if one.get("model_name") == group]
    if getattr(router, "routing_strategy", None) != "simple-shuffle" or len(deployments) <= 1:
        return NOT_TOLD
    for stated in ("weight", "rpm", "tpm"):
        weights = [float(one["litellm_params"].get(stated) or 0) for one in deployments]
        if sum(weights) > 0:
            break
    else:
        weights = [1.0] * len(deployments)
    ids = [str((one.get("model_info") or {}).get("id")) for one in deployments]
    return Routing(shares={name: weight / sum(weights) for name, weight in zip(ids, weights, strict=True)})


def _deployment(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Provider and model of `openai/gpt-4o-mini`; (None, None) when it is not said."""
    provider, slash, model = headers.get("x-litellm-model-name", "").partition("/")
    return (provider or None, model or None) if slash else (None, provider or None)


def _cache_status(hit: object, *, is_cache_on: bool) -> CacheStatus:
    if hit is True:
        return CacheStatus.HIT
    return CacheStatus.MISS if is_cache_on else CacheStatus.DISABLED


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) else None
