"""LiteLLM: which functions make LLM calls, and how their requests, answers and chunks are read.

LiteLLM is never imported here (that takes seconds): where its own tables are needed they are taken from the module that the
user has imported. The public functions look up the patched globals at each call, so that names imported early,
the Router and LiteLLM's own callers all come through.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.call import NOT_TOLD, LLMCall
from fastagentic.gateways import litellm as gateway
from fastagentic.gateways.lent import LITELLM_TAKES, ROUTER_TAKES, litellm_arguments
from fastagentic.pricing.rates import measure
from fastagentic.pricing.table import is_tier

from . import _captured, _openai_shape
from ._failures import read_failure
from ._litellm_doors import CHAT, is_stream, what_of
from ._litellm_doors import ENTRY_POINTS as ENTRY_POINTS  # part of this reader, written next door
from ._litellm_doors import role as role
from ._shapes import SHAPES, asked_text, asked_usage
from ._sse import Events
from ._usage import read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from fastagentic.core.call import Usage
    from fastagentic.gateways.lent import Lent
    from fastagentic.observe.reader import EntryPoint
    from fastagentic.pricing.rates import Rates

TOLD_TIERS: Final = ("flex", "priority")
"""Service tiers that LiteLLM's calculator knows by name, where its list has rates for them."""

UNKNOWN_PROVIDER: Final = "litellm"  # a Router's group name, say, until the answer names the provider

capture_request = _captured.capture_request
capture_response = _captured.capture_response
count_messages = _openai_shape.count_messages

HAS_CALCULATOR: Final = True

OF_BYTES: Final = ("messages", "google")
"""Shapes whose streams may come as bytes."""
PROMPTS: Final = tuple(asked_text(name) for name in ("messages", "prompt", "instructions", "input"))


@dataclass(slots=True)
class BytesCall(LLMCall):
    """A call whose stream comes as the bytes of the wire."""

    events: Events = field(default_factory=Events)


def read_request(entry: EntryPoint, instance: Any, arguments: Mapping[str, Any]) -> LLMCall:
    """The call as asked for, under the model name that the user wrote."""
    model = arguments.get("model")
    name = model if isinstance(model, str) else None
    provider = arguments.get("custom_llm_provider")
    operation, shape = what_of(entry, arguments) or CHAT
    return (BytesCall if shape in OF_BYTES else LLMCall)(
        client="litellm",
        gateway="litellm",
        operation=operation,
        provider=gateway.provider_name(provider if isinstance(provider, str) else _provider_of(name)),
        model=name,
        shape=shape,
        is_stream=is_stream(entry, arguments),
        parameters=_openai_shape.read_parameters(arguments),
        usage=asked_usage(shape, arguments),
        is_cache_on=_is_cache_on(arguments),
        routing=NOT_TOLD if instance is None else gateway.routing_of(instance, name),
    )


def write_request(entry: EntryPoint, instance: Any, arguments: dict[str, Any], lent: Lent) -> dict[str, Any]:
    """Put what is lent into the arguments. A run id goes with a gateway's metadata, or not at all."""
    if not lent.arguments:
        return arguments
    _, shape = what_of(entry, arguments) or CHAT
    added = lent_arguments(lent, shape, arguments, is_router=instance is not None)
    return {**arguments, **added} if added else arguments


def lent_arguments(lent: Lent, shape: str, given: Mapping[str, Any], *, is_router: bool = False) -> dict[str, Any]:
    """The arguments that a call of this shape borrows. Its own key goes to nobody that it was not given for."""
    takes = LITELLM_TAKES.get(shape, frozenset())
    added = litellm_arguments(lent, given, takes & ROUTER_TAKES if is_router else takes)
    if "fallbacks" in added and given.get("api_key"):
        safe = [one for one in added.pop("fallbacks") if _is_safe_with(given, one)]
        added |= {"fallbacks": safe} if safe else {}
    return added


def _is_safe_with(given: Mapping[str, Any], fallback: Any) -> bool:
    """Whether LiteLLM, which hands a call's key on to its fallbacks, takes this one where that key went anyway."""
    asked = {"model": fallback} if isinstance(fallback, str) else fallback
    if asked.get("api_key"):
        return True
    if asked.get("api_base") or asked.get("base_url"):
        return False
    own = given.get("custom_llm_provider") or _provider_of(given.get("model"))
    return bool(given.get("api_base") or given.get("base_url")) or _provider_of(asked.get("model")) == own


def body(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments themselves."""
    return arguments


def with_body(arguments: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with some of them changed."""
    return {**arguments, **changes}


def read_response(call: LLMCall, response: Any) -> None:
    """An answer with its hidden fields; of a stream, the hidden fields."""
    if not call.is_stream:
        SHAPES[call.shape].read_answer(call, response)
    _read_hidden(call, _hidden_of(response))


def read_chunk(call: LLMCall, chunk: Any) -> str | None:
    """A chunk of the stream; returns the text in it."""
    read = SHAPES[call.shape].read_chunk
    if isinstance(call, BytesCall) and isinstance(chunk, (bytes, str)):
        return "".join(filter(None, [read(call, event) for event in call.events.feed(chunk)]))
    text = read(call, chunk)
    if call.finish_reasons and call.usage.input_tokens is None:
        # what the provider gave and the user did not ask to see; all zero when it gave nothing
        stated = _hidden_of(chunk).get("usage")
        if stated is not None and stated.total_tokens:
            read_usage(call.usage, stated)
    return text


def capture_chunk(call: LLMCall, chunk: Any) -> None:
    """A chunk, or the events that were complete with these bytes."""
    is_bytes = isinstance(call, BytesCall) and isinstance(chunk, (bytes, str))
    for event in call.events.latest if is_bytes and isinstance(call, BytesCall) else (chunk,):
        _captured.capture_chunk(call, event)


def read_error(call: LLMCall, error: BaseException) -> None:
    """LiteLLM's exceptions name the provider that failed."""
    read_failure(call, error)
    provider = getattr(error, "llm_provider", None)
    if provider and isinstance(provider, str):
        call.provider = gateway.provider_name(provider)


def input_text(arguments: Mapping[str, Any]) -> str:
    """The text of the prompt, for the estimate only."""
    return "".join(shape_text(arguments) for shape_text in PROMPTS)


def count_tokens(text: str) -> int | None:
    """By the encoding that LiteLLM ships on disk; never its `token_counter`, which may ask a hub over the network."""
    encoding = getattr(_litellm(), "encoding", None)
    return None if encoding is None else len(encoding.encode(text, disallowed_special=()))


def price(call: LLMCall) -> Decimal | None:
    """LiteLLM's own calculator over the final usage, as if no cache had answered; None for a model it does not know."""
    if call.usage.input_tokens is None or _litellm() is None:
        return None
    provider = call.facts.provider or _provider_of(call.model)
    for model in dict.fromkeys((call.response_model, call.model)):
        usd = _price(model, provider, call.usage, call.service_tier) if model else None
        if usd is not None:
            return usd
    return None


def _price(model: str, provider: str, usage: Usage, tier: str | None) -> Decimal | None:
    listed = sys.modules["litellm"].model_cost
    entry = listed.get(model) or listed.get(f"{provider}/{model}") or {}
    if is_tier(tier):  # where it has no rates for a tier, it would charge the usual ones
        known = tier in TOLD_TIERS and f"input_cost_per_token_{tier}" in entry
        return _calculate(model, provider, usage, tier) if known else None
    rates = _rates(model, provider, entry.get("input_cost_per_token"), entry.get("output_cost_per_token"))
    if rates is None or any(getattr(usage, count) for count in UNMEASURED):
        return _calculate(model, provider, usage)
    return rates.price(usage)


UNMEASURED: Final = (
    "input_audio_tokens", "output_audio_tokens", "input_image_tokens", "output_image_tokens", "cache_write_1h_tokens",
)  # fmt: skip
"""Parts that have rates of their own at some models, which are not measured: the calculator itself is asked."""


@lru_cache(maxsize=512)
def _rates(model: str, provider: str, *registered: float | None) -> Rates | None:
    """The rates behind LiteLLM's calculator, which takes 70 us a call; anew when the user registers other prices."""

    def calculate(usage: Usage) -> Decimal:
        usd = _calculate(model, provider, usage)
        if usd is None:
            raise LookupError(model)
        return usd

    try:
        return measure(calculate)
    except LookupError:
        return None


def _calculate(model: str, provider: str, usage: Usage, tier: str | None = None) -> Decimal | None:
    litellm = sys.modules["litellm"]
    try:
        parts = litellm.cost_per_token(
            model=model,
            custom_llm_provider=provider,
            usage_object=litellm.Usage(**_as_litellm_counts(usage)),
            **({} if tier is None else {"service_tier": tier}),
        )
    except Exception:  # noqa: BLE001  # a model that it does not know raises the bare Exception
        return None
    return sum((Decimal(repr(part)) for part in parts), Decimal(0))


def _as_litellm_counts(usage: Usage) -> dict[str, Any]:
    """Our counts as LiteLLM's `Usage` takes them."""
    asked, said, written = usage.input_tokens or 0, usage.output_tokens or 0, usage.cache_write_tokens or 0
    counts: dict[str, Any] = {
        "prompt_tokens": asked,
        "completion_tokens": said,
        "total_tokens": asked + said,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens or 0,
            "audio_tokens": usage.input_audio_tokens or 0,
            "image_tokens": usage.input_image_tokens or 0,
            "cache_creation_tokens": written,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens or 0,
            "audio_tokens": usage.output_audio_tokens or 0,
            "image_tokens": usage.output_image_tokens or 0,
        },
    }
    if hour := usage.cache_write_1h_tokens:
        by_age = {"ephemeral_1h_input_tokens": hour, "ephemeral_5m_input_tokens": written - hour}
        counts["prompt_tokens_details"]["cache_creation_token_details"] = by_age
        counts["cache_creation_input_tokens"] = written
    return counts


def _hidden_of(response: Any) -> Mapping[str, Any]:
    """What LiteLLM says beside the answer: an attribute of its objects, an entry where the answer is a dict."""
    hidden = response.get("_hidden_params") if isinstance(response, dict) else getattr(response, "_hidden_params", None)
    return hidden if isinstance(hidden, dict) else {}


def _read_hidden(call: LLMCall, hidden: Mapping[str, Any]) -> None:
    call.facts = gateway.read_hidden(hidden, is_cache_on=call.is_cache_on, is_stream=call.is_stream)
    if call.facts.provider is not None:
        call.provider = gateway.provider_name(call.facts.provider)


def _is_cache_on(arguments: Mapping[str, Any]) -> bool:
    """Whether LiteLLM will look into its response cache for this call."""
    if getattr(_litellm(), "cache", None) is None or arguments.get("caching") is False:
        return False
    own = arguments.get("cache")
    return not (isinstance(own, dict) and own.get("no-cache"))


@lru_cache(maxsize=512)
def _provider_of(model: str | None) -> str:
    """The provider that a model name says, as LiteLLM spells it, asked once a name; its answer will say it in any case.

    Read from LiteLLM's tables: its own `get_llm_provider` prints to the user's stdout when it does not know a name.
    """
    litellm = _litellm()
    if model is None or litellm is None:
        return UNKNOWN_PROVIDER
    prefix, slash, _ = model.partition("/")
    if slash and prefix in litellm.provider_list:
        return prefix
    known = (litellm.model_cost.get(model) or {}).get("litellm_provider")
    return str(known).partition("-")[0] if str(known).startswith("vertex_ai-") else str(known or UNKNOWN_PROVIDER)


def _litellm() -> ModuleType | None:
    """The module that the user has imported."""
    return sys.modules.get("litellm")
