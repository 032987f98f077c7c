"""The recorded traffic priced again: by another model's prices, or as if a cache had answered another part of it. Pure.

Prices come from `fastagentic.pricing`, the user's own first, as they are now. Calls of one group are taken for alike: the
rates of a long prompt are chosen by the mean size of the group's prompts, and a call that a cache answers costs the mean.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core.call import Usage
from fastagentic.pricing.entries import HUNDRED
from fastagentic.pricing.explain import LITELLM, named_call, rules

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastagentic.core.call import LLMCall
    from fastagentic.pricing import Pricing
    from fastagentic.pricing.explain import Rule
    from fastagentic.store.queries.sums import Sums
    from fastagentic.store.queries.traffic import Traffic

    Key = tuple[str | None, str | None]

ZERO: Final = Decimal(0)


class Priced(NamedTuple):
    """USD of a group, had no cache answered any of it; and the part of that which is about calls that ask a cache."""

    usd: Decimal
    of_lookups: Decimal


@dataclass(slots=True)
class Repriced:
    """The calls of one model at one provider: what was recorded, and what they would have cost. None: no price is known."""

    model: str | None
    provider: str | None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    unpriced: int = 0
    recorded: Decimal | None = None
    cost: Decimal | None = ZERO
    saved: Decimal = ZERO
    rules: set[str] = field(default_factory=set)


class Prices:
    """Prices at one time, looked up once a model."""

    def __init__(self, pricing: Pricing, at_ns: int) -> None:
        self._pricing = pricing
        self._at_ns = at_ns

    def rule(self, model: str) -> Rule | None:
        """The rule for a model that somebody names, as `model` or `provider/model`; None when nobody knows it."""
        return self._best(named_call(None, model), is_litellm=False)

    def _best(self, call: LLMCall, *, is_litellm: bool) -> Rule | None:
        found = [rule for rule in rules(self._pricing, call, self._at_ns) if any(band.quoted for band in rule.bands)]
        return next((rule for rule in found if is_litellm or rule.who != LITELLM), found[0] if found else None)


def price(rule: Rule, sums: Sums) -> Decimal | None:
    """USD for the tokens of a group by a rule; None when it charges by something that was not recorded."""
    if not sums.calls:
        return ZERO
    mean = sums.input_tokens / sums.calls
    rates = next(band.rates for band in rule.bands if mean > band.above or band.above < 0)
    usage = Usage(
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        cache_read_tokens=sums.cache_read_tokens,
        cache_write_tokens=sums.cache_write_tokens,
        reasoning_tokens=sums.reasoning_tokens,
    )
    if not rates.charges_tokens and not rates.knows(usage):
        return None
    usd = rates.price(usage) + rates.request * (sums.calls - 1)
    return usd if rule.discount is None else usd * (HUNDRED - rule.discount) / HUNDRED


def reprice(traffic: Iterable[Traffic], rule: Rule | None, hit_rate: Decimal | None) -> list[Repriced]:
    """The traffic by model and provider, dearest first as recorded.

    `rule` None keeps each call's own cost, and what a cache hit saved is what it would have cost. `hit_rate` (0 to 1) None
    keeps the hits that there were; otherwise it is the part that is answered of the calls that ask a cache, which are all
    calls where none did.
    """
    groups = list(traffic)
    asks = any(group.sums.lookups for group in groups)
    rows: dict[Key, Repriced] = {}
    full: dict[Key, list[tuple[Traffic, Priced | None]]] = defaultdict(list)
    for group in groups:
        key = (group.model, group.provider)
        _add(rows.setdefault(key, Repriced(*key)), group)
        full[key].append((group, _full(group, rule, asks=asks)))
    for key, row in rows.items():
        if rule is not None:
            row.rules.add(rule.text)
        _settle(row, full[key], hit_rate)
    return sorted(rows.values(), key=lambda row: (-(row.recorded or ZERO), -row.calls, row.model or ""))


def _add(row: Repriced, group: Traffic) -> None:
    sums = group.sums
    row.calls += sums.calls
    row.input_tokens += sums.input_tokens
    row.output_tokens += sums.output_tokens
    row.unpriced += sums.unpriced
    if sums.cost_usd is not None:
        row.recorded = (row.recorded or ZERO) + _usd(sums.cost_usd)


def _full(group: Traffic, rule: Rule | None, *, asks: bool) -> Priced | None:
    """What a group costs without a cache; None when that is unknown."""
    sums = group.sums
    if rule is not None:
        usd = price(rule, sums)
    elif group.is_hit:
        usd = _usd(sums.saved_usd)
    else:
        usd = None if sums.cost_usd is None or sums.unpriced else _usd(sums.cost_usd)
    if usd is None:
        return None
    asked = Decimal(sums.lookups) / sums.calls if asks else Decimal(1)
    return Priced(usd, usd if group.is_hit else usd * min(asked, Decimal(1)))


def _settle(row: Repriced, groups: list[tuple[Traffic, Priced | None]], hit_rate: Decimal | None) -> None:
    if any(priced is None for _, priced in groups):
        row.cost = None
        return
    cost = saved = ZERO
    for group, priced in groups:
        if priced is None:
            continue
        hits = priced.of_lookups * hit_rate if hit_rate is not None else priced.usd if group.is_hit else ZERO
        cost += priced.usd - hits
        saved += hits
    row.cost, row.saved = cost, saved


def _usd(amount: float) -> Decimal:
    return Decimal(repr(amount))
