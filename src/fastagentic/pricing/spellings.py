"""How one model is spelled by everybody: provider names to the price table's ids, and model names without what is no model.

The same model is `gpt-4o` at OpenAI, `azure/gpt-4o` in LiteLLM, `@azure-prod/gpt-4o` at Portkey, and answers as
`gpt-4o-2024-08-06`. Only what leaves the price as it is gets taken off: `eu/gpt-4o` costs more than `gpt-4o`, and stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Provider -> genai-prices' id: the conventions' names, then LiteLLM's and Portkey's spellings. A name that is not here is
# looked up as it stands, and found only where it is an id: `custom_openai` is not OpenAI.
PROVIDERS: Final = {
    "aws.bedrock": "aws",
    "azure.ai.inference": "azure",
    "azure.ai.openai": "azure",
    "gcp.gemini": "google",
    "gcp.gen_ai": "google",
    "gcp.vertex_ai": "google",
    "mistral_ai": "mistral",
    "moonshot_ai": "moonshotai",
    "x_ai": "x-ai",
    "amazon_nova": "aws",
    "anthropic_text": "anthropic",
    "azure-ai": "azure",
    "azure-openai": "azure",
    "azure_ai": "azure",
    "azure_text": "azure",
    "bedrock": "aws",
    "bedrock_converse": "aws",
    "bedrock_mantle": "aws",
    "codestral": "mistral",
    "cohere_chat": "cohere",
    "fireworks-ai": "fireworks",
    "fireworks_ai": "fireworks",
    "gemini": "google",
    "github_copilot": "github-copilot",
    "meta_llama": "meta",
    "mistral-ai": "mistral",
    "moonshot": "moonshotai",
    "novita-ai": "novita",
    "perplexity-ai": "perplexity",
    "text-completion-codestral": "mistral",
    "text-completion-openai": "openai",
    "together-ai": "together",
    "together_ai": "together",
    "vertex-ai": "google",
    "vertex_ai": "google",
    "vertex_ai_beta": "google",
    "voyage": "voyageai",
    "workers-ai": "cloudflare",
    "xai": "x-ai",
    "z-ai": "zai",
    "zhipu": "zhipuai",
}
NO_PROVIDER: Final = frozenset({"portkey", "litellm"})  # the gateway did not say whose model it was

_SLUG: Final = re.compile(r"@[^/]+/")  # a provider of the user's own name at Portkey
_DATE: Final = re.compile(r"[-@](20\d\d-?[01]\d-?[0-3]\d)$")

# Price table's id -> what its models' names begin with at some doors, for the same price.
_PREFIXES: Final = {
    "aws": re.compile(r"(converse|converse_like|invoke)/|(us-east-1|us-west-2)/|arn:aws:bedrock:(us-east-1|us-west-2):.*/"),
    "azure": re.compile(r"(global|global-standard)/"),
    "google": re.compile(r"(projects/[^/]+/locations/[^/]+/)?(publishers/[^/]+/)?models/|google/"),
}


def table_id(provider: str) -> str | None:
    """The price table's id for a provider; None when nobody said whose model it is."""
    return None if provider in NO_PROVIDER else PROVIDERS.get(provider, provider)


def spellings(provider: str, model: str) -> Iterator[str]:
    """The model as it was named, then without a gateway's prefix, then without what stands before it at its provider."""
    yield model
    bare = _SLUG.sub("", model, count=1) if model.startswith("@") else model
    first, slash, rest = bare.partition("/")
    owner = table_id(provider)
    if slash and owner is not None and table_id(first) == owner:
        bare = rest
    if bare != model:
        yield bare
    prefix = _PREFIXES.get(owner or "")
    while prefix is not None and (found := prefix.match(bare)):
        bare = bare[found.end() :]
        yield bare


def undated(model: str) -> str:
    """The model that a dated snapshot is one of.

    Example:
        >>> undated("gpt-4o-2024-08-06"), undated("claude-sonnet-4@20250514"), undated("gpt-4o")
        ('gpt-4o', 'claude-sonnet-4', 'gpt-4o')
    """
    return _DATE.sub("", model)
