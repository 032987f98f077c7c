"""Which rules know a model, in the order in which they are asked: for `fastagentic prices`. No call is priced here."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastagentic.core.call import GatewayFacts, LLMCall
from fastagentic.core.names import CostSource, Operation

from .entries import said
from .litellm_list import litellm_names, litellm_seller, litellm_tariff
from .price_list import FILE, USUAL, names_of
from .spellings import PROVIDERS, table_id
from .table import find, model_ids, sellers_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from . import Pricing
    from .entries import Entry
    from .rates import Band, Tariff

YOURS: Final = "your prices"
LITELLM: Final = "LiteLLM"
TABLE: Final = "genai-prices"

EVERY_CALL: Final = "every call"
LITELLM_CALLS: Final = "calls with LiteLLM"
OTHER_CALLS: Final = "all other calls"
NO_CALL: Final = "none"

NEAR: Final = 5
NOBODY: Final = "litellm"  # no provider: whose model it is must be told from its name


@dataclass(slots=True, frozen=True)
class Rule:
    """A rule that knows the model. `calls` says which calls it prices, the gateway having stated no cost of its own."""

    source: CostSource
    who: str
    calls: str
    bands: tuple[Band, ...]
    text: str
    starts_ns: int | None = None
    ends_ns: int | None = None
    discount: Decimal | None = None


def named_call(provider: str | None, model: str, *, spelled: str | None = None, answered: str | None = None) -> LLMCall:
    """A call as the rules look at it. Without a provider the one that the model's name says, else the table's guess.

    `spelled` is the gateway's own spelling of the provider, `answered` the model that answered.
    """
    if provider is None:
        first, slash, rest = model.partition("/")
        if slash and (first in PROVIDERS or first in PROVIDERS.values() or find(first, rest) is not None):
            provider = spelled = first
        else:
            provider = _guess(model)
    facts = GatewayFacts(provider=spelled or provider)
    return LLMCall("", None, Operation.CHAT, provider, model, response_model=answered, facts=facts)


def _guess(model: str) -> str:
    """Who sells a model of this name, by the table or LiteLLM's list, else the only one who does; empty: nobody knows."""
    found = find(NOBODY, model)
    if found is not None:
        return found.provider
    sellers = sellers_of(model)
    return litellm_seller(model) or (sellers[0] if len(sellers) == 1 else "")


def rules(pricing: Pricing, call: LLMCall, at_ns: int) -> list[Rule]:
    """The rules that know the call's model at a time, best first: the user's, LiteLLM's calculator, the price table."""
    entries = pricing.overrides.matches(call) if pricing.overrides is not None else None
    own = next((entry for entry in entries.rates if entry.holds(at_ns)), None) if entries is not None else None
    less = next((entry for entry in entries.discounts if entry.holds(at_ns)), None) if entries is not None else None
    found = [_own(own)] if own is not None else []
    calculated = _first(call, litellm_tariff)
    if calculated is not None:
        found.append(_listed(LITELLM, NO_CALL if own is not None else LITELLM_CALLS, calculated, less))
    tabled = _first(call, lambda provider, model: pricing.table.tariff(provider, model, call.service_tier, at_ns))
    if tabled is not None:
        calls = NO_CALL if own is not None else EVERY_CALL if calculated is None else OTHER_CALLS
        found.append(_listed(tabled.rule.partition(", ")[0], calls, tabled, less))
    return found


def near(pricing: Pricing, model: str, provider: str | None = None) -> list[str]:
    """Known names that look like `model`, nearest first: those around it, as `anthropic.` and `-v1:0`, before mistypings."""
    own = pricing.overrides.names() if pricing.overrides is not None else []
    sold = model_ids(None if provider is None else table_id(provider))
    names = {name.lower(): name for name in (*sold, *own, *(litellm_names() if provider is None else ()))}
    wanted = model.lower()
    around = sorted((name for name in names if wanted in name), key=len)
    alike = difflib.get_close_matches(wanted, names, n=NEAR, cutoff=0.7)
    return [names[name] for name in dict.fromkeys([*around[:NEAR], *alike])][:NEAR]


def _first(call: LLMCall, ask: Callable[[str, str], Tariff | None]) -> Tariff | None:
    """The answer for the model that answered, else for the one asked for."""
    models = [model for model in (call.response_model, call.model) if model]
    return next((tariff for model in models if (tariff := ask(call.provider, model)) is not None), None)


def _own(entry: Entry) -> Rule:
    bands = entry.tariff.bands if entry.tariff is not None else ()
    return Rule(CostSource.OVERRIDE, YOURS, EVERY_CALL, bands, entry.rule, entry.starts_ns, entry.ends_ns)


def _listed(who: str, calls: str, tariff: Tariff, less: Entry | None) -> Rule:
    if less is None:
        return Rule(CostSource.PRICE_TABLE, who, calls, tariff.bands, tariff.rule)
    text = f"{tariff.rule}, {less.rule}"
    return Rule(CostSource.PRICE_TABLE, who, calls, tariff.bands, text, less.starts_ns, less.ends_ns, less.discount)


def ended(pricing: Pricing, call: LLMCall, at_ns: int) -> str | None:
    """The rule that was the last to hold for the call's model, where none of its kind does now or will later: a price or a
    discount of the user's, or a price that the price list has from a file.
    """
    matches = pricing.overrides.matches(call) if pricing.overrides is not None else None
    for entries in (matches.rates, matches.discounts) if matches is not None else ():
        if entries and all(entry.ends_ns is not None and entry.ends_ns <= at_ns for entry in entries):
            return max(entries, key=lambda entry: entry.ends_ns or 0).rule
    prices = pricing.table.listed
    section = None if prices is None else prices.sections.get(FILE)
    if section is None or (matches is not None and matches.rates):
        return None
    for key in names_of(call.provider, call.response_model or call.model or "")[FILE]:
        history = section.models.get(key, {}).get(USUAL, ())
        if history:
            last_ns = history[-1].ends_ns
            return f"{key} until {said(last_ns)} ({section.version})" if last_ns <= at_ns else None
    return None
