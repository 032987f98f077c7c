"""One model under everybody's names: providers of both gateways, regions, snapshots, fine-tuned models, tiers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from genai_prices.data_snapshot import get_snapshot

from fastagentic.core.call import Usage
from fastagentic.gateways import litellm, portkey
from fastagentic.pricing import Pricing
from fastagentic.pricing.entries import read_moment
from fastagentic.pricing.spellings import NO_PROVIDER, PROVIDERS, spellings, table_id
from fastagentic.pricing.table import NO_AUDIO_RATES

from .calls import call, no_calculator

SELLERS = {provider.id for provider in get_snapshot().providers}

# Providers of Portkey's gateway (src/globals.ts, 2026) that genai-prices does not list.
PORTKEY_ALONE = (
    "302ai", "ai21", "anyscale", "bytez", "cometapi", "cortex", "dashscope", "deepbricks", "deepinfra", "featherless-ai",
    "github", "huggingface", "hyperbolic", "inference-net", "jina", "kluster-ai", "krutrim", "lambda", "lemonfox-ai",
    "lepton", "lingyi", "matterai", "meshy", "milvus", "monsterapi", "ncompass", "nebius", "nextbit", "nomic", "nscale",
    "ollama", "palm", "predibase", "qdrant", "recraft-ai", "reka-ai", "replicate", "sagemaker", "sambanova", "segmind",
    "siliconflow", "stability-ai", "triton", "tripo3d", "upstage",
)  # fmt: skip
PORTKEY_TOO = (
    "anthropic", "azure-ai", "azure-openai", "bedrock", "cerebras", "cohere", "deepseek", "fireworks-ai", "google", "groq",
    "mistral-ai", "modal", "moonshot", "novita-ai", "openai", "openrouter", "perplexity-ai", "together-ai", "vertex-ai",
    "voyage", "workers-ai", "x-ai", "z-ai", "zhipu",
)  # fmt: skip
CONVENTIONS = (
    "aws.bedrock",
    "azure.ai.inference",
    "azure.ai.openai",
    "gcp.gemini",
    "gcp.gen_ai",
    "gcp.vertex_ai",
    "mistral_ai",
    "moonshot_ai",
    "x_ai",
)


def test_every_mapping_leads_to_a_provider_of_the_table() -> None:
    assert not {name: known for name, known in PROVIDERS.items() if known not in SELLERS}


def test_no_provider_of_the_table_is_mapped_to_another() -> None:
    assert not [name for name in PROVIDERS if name in SELLERS]


@pytest.mark.parametrize("spelling", [*PORTKEY_TOO, *CONVENTIONS])
def test_a_provider_that_the_table_lists_is_found_under_the_gateways_name(spelling: str) -> None:
    assert table_id(spelling) in SELLERS
    assert table_id(portkey.provider_name(spelling)) in SELLERS


@pytest.mark.parametrize("spelling", PORTKEY_ALONE)
def test_a_provider_that_the_table_does_not_list_is_not_taken_for_another(spelling: str) -> None:
    assert table_id(portkey.provider_name(spelling)) not in SELLERS


def test_what_the_gateways_say_is_found_as_well_as_what_the_conventions_say() -> None:
    for module in (litellm, portkey):
        for spelling, name in module.PROVIDER_NAMES.items():
            assert table_id(spelling) == table_id(name) or table_id(name) not in SELLERS


# Of LiteLLM's 160 providers, those that are an id of the table or sell under another name there.
LITELLM_TOO = {
    "amazon_nova", "anthropic", "anthropic_text", "azure", "azure_ai", "azure_text", "baseten", "bedrock", "bedrock_mantle",
    "cerebras", "cloudflare", "codestral", "cohere", "cohere_chat", "cursor", "databricks", "deepseek", "elevenlabs",
    "fireworks_ai", "gemini", "github_copilot", "groq", "meta", "meta_llama", "minimax", "mistral", "moonshot", "novita",
    "openai", "openrouter", "ovhcloud", "perplexity", "text-completion-codestral", "text-completion-openai", "together_ai",
    "typesafe", "vertex_ai", "vertex_ai_beta", "voyage", "xai", "zai",
}  # fmt: skip


def test_litellms_providers_are_found_where_the_table_lists_them() -> None:
    import litellm as library

    names = {str(getattr(one, "value", one)) for one in library.provider_list}

    assert {name for name in names if table_id(name) in SELLERS} == LITELLM_TOO & names


@pytest.mark.parametrize(
    ("provider", "model", "found"),
    [
        ("azure.ai.openai", "azure/global/gpt-4o", "gpt-4o"),
        ("azure.ai.openai", "azure/eu/gpt-4o", "eu/gpt-4o"),
        ("aws.bedrock", "bedrock/us-east-1/anthropic.claude-v2:1", "anthropic.claude-v2:1"),
        ("aws.bedrock", "bedrock/ap-northeast-1/anthropic.claude-v2:1", "ap-northeast-1/anthropic.claude-v2:1"),
        ("gcp.vertex_ai", "vertex_ai/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gcp.vertex_ai", "projects/p-1/locations/global/publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gcp.gemini", "gemini/gemini-2.5-pro", "gemini-2.5-pro"),
        ("together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "meta-llama/Llama-3.3-70B-Instruct-Turbo"),
        ("openai", "@prod/gpt-4o", "gpt-4o"),
        ("openai", "openai/gpt-4o", "gpt-4o"),
    ],
)
def test_what_is_no_part_of_the_model_is_taken_off_where_it_changes_no_price(provider: str, model: str, found: str) -> None:
    assert list(spellings(provider, model))[-1] == found


@pytest.mark.parametrize("provider", sorted(NO_PROVIDER))
@pytest.mark.parametrize(
    ("model", "usd"), [("gpt-4o", "0.0045"), ("claude-haiku-4-5", "0.002"), ("ft:gpt-4o-mini-2024-07-18:acme::x", "0.00054")]
)
def test_whose_model_it_is_can_be_told_from_its_name(provider: str, model: str, usd: str) -> None:
    cost = Pricing().price(call(model, provider=provider), no_calculator)

    assert cost is not None
    assert cost.usd == Decimal(usd)


@pytest.mark.parametrize("name", ["ft:gpt-9:acme::x", "gpt-4o-but-not-really", "our-deployment"])
def test_a_model_is_not_taken_for_one_whose_name_it_begins_with(name: str) -> None:
    cost = Pricing().price(call(name), no_calculator)

    assert cost is not None
    assert cost.usd is None


@pytest.mark.parametrize("tier", [None, "default", "auto", "standard", "on_demand", "STANDARD", "a-word-of-tomorrow"])
def test_a_tier_that_is_none_is_charged_as_usual(tier: str | None) -> None:
    cost = Pricing().price(call(service_tier=tier), no_calculator)

    assert cost is not None
    assert cost.usd == Decimal("0.00027")


@pytest.mark.parametrize(
    ("provider", "model", "tier"),
    [
        ("azure.ai.openai", "gpt-4o", "priority"),
        ("groq", "llama-3.1-8b-instant", "flex"),
        ("anthropic", "claude-haiku-4-5", "priority"),
    ],
)
def test_a_tier_without_rates_is_unknown_and_not_the_usual_price(provider: str, model: str, tier: str) -> None:
    cost = Pricing().price(call(model, provider=provider, service_tier=tier), no_calculator)

    assert cost is not None
    assert cost.usd is None


def test_a_tier_is_part_of_the_rule() -> None:
    cost = Pricing().price(call("gpt-4o", service_tier="batch"), no_calculator)

    assert cost is not None
    assert cost.rule == "genai-prices, openai/gpt-4o, batch tier"


def test_a_price_that_changed_is_that_of_the_time_of_the_call() -> None:
    """o3 was 10 and 40 USD until 10 June 2025, and 2 and 8 since."""
    pricing = Pricing()
    found = [pricing.price(call("o3", started_ns=read_moment(at) or 0), no_calculator) for at in ("2025-06-09", "2025-06-10")]

    assert [cost.usd for cost in found if cost is not None] == [Decimal("0.018"), Decimal("0.0036")]


def test_a_price_that_changes_by_the_hour_is_that_of_the_hour() -> None:
    pricing = Pricing()
    found = [
        pricing.price(
            call("deepseek-chat", provider="deepseek", started_ns=read_moment(f"2026-11-23T{at}Z") or 0), no_calculator
        )
        for at in ("16:29:59", "16:30:00")
    ]

    assert [cost.usd for cost in found if cost is not None] == [Decimal("0.00049"), Decimal("0.000245")]


def test_the_models_whose_audio_has_no_rate_are_the_ones_that_are_named() -> None:
    """Of the models that hear or speak by their name, those that the table charges by the token and as if it were text."""
    silent = {
        model.id
        for provider in get_snapshot().providers
        for model in provider.models
        if "audio" in model.id
        and not isinstance(model.prices, list)
        and model.prices.input_mtok is not None
        and model.prices.input_audio_mtok is None
    }

    assert silent == NO_AUDIO_RATES


def test_audio_that_has_no_rate_is_unknown_and_text_beside_it_is_not() -> None:
    spoken = Usage(input_tokens=10, output_tokens=10, output_audio_tokens=5)
    costs = [Pricing().price(call("gpt-4o-audio-preview", usage=usage), no_calculator) for usage in (spoken, None)]

    assert [cost.usd for cost in costs if cost is not None] == [None, Decimal("0.0045")]
