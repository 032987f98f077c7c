"""The recorded traffic at other prices: another model for it, another part of it answered by a cache."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BeforeValidator, Field

from fastagentic.core.errors import ConfigError
from fastagentic.dashboard.problems import Refused
from fastagentic.dashboard.query import LONGEST_TEXT, ScopeQuery, Text, unsaid
from fastagentic.dashboard.what_if import Prices, price, reprice
from fastagentic.pricing import pricing_of_settings
from fastagentic.pricing.explain import near
from fastagentic.store.location import store_home
from fastagentic.store.queries.choices import choices
from fastagentic.store.queries.dimensions import GroupBy
from fastagentic.store.queries.grouped import total
from fastagentic.store.queries.sums import usd
from fastagentic.store.queries.traffic import traffic

from .sums import Answer

if TYPE_CHECKING:
    from fastagentic.dashboard.what_if import Repriced
    from fastagentic.pricing import Pricing
    from fastagentic.store.queries.sql import Reader
    from fastagentic.store.queries.sums import Sums

PRICE_NAMES = ("model", "provider", "calls", "input_tokens", "output_tokens", "recorded", "cost", "saved", "change", "unpriced")
ALTERNATIVES: Final = 12


class WhatIfQuery(ScopeQuery):
    """Which calls, and what would have been."""

    instead: Text = Field(None, max_length=LONGEST_TEXT, description="Price them by this model: `model` or `provider/model`")
    hit_rate: Annotated[float | None, BeforeValidator(unsaid)] = Field(
        None,
        ge=0,
        le=100,
        description="Percent of the calls that ask a gateway's cache which it answers; as recorded unless said",
    )


class RepricedModel(Answer):
    """The calls of one model: USD as recorded, and as they would have cost. Null is unknown."""

    model: str | None
    provider: str | None
    calls: int
    input_tokens: int
    output_tokens: int
    recorded: float | None
    cost: float | None
    saved: float = Field(description="What the cache would have saved")
    change: float | None = Field(description="`cost` less `recorded`; null where one is unknown")
    unpriced: int = Field(description="Calls of unknown recorded cost")


class Alternative(Answer):
    """All of these calls by one model's prices, no cache answering any."""

    model: str
    cost: float
    rule: str


class WhatIf(Answer):
    """The calls by model, and all of them: only groups count of which both sides are known."""

    instead: str | None
    rule: str | None = Field(description="Where the prices of `instead` come from")
    hit_rate: float | None = Field(description="In percent, as asked for")
    recorded_hit_rate: float | None = Field(description="In percent; null when no call asked a gateway's cache")
    rows: list[RepricedModel]
    recorded: float
    cost: float
    change: float
    left_out: int = Field(description="Calls of groups of which one side is unknown, which the three sums leave out")
    alternatives: list[Alternative] = Field(description="The models of the store by price, cheapest first")


def what_if(connection: Reader, query: WhatIfQuery, now_ns: int) -> WhatIf:
    """What the calls of the query would have cost. Raises: Refused, for a model without a price."""
    scope = query.scope(now_ns)
    pricing = _pricing()
    prices = Prices(pricing, now_ns)
    rule = None if query.instead is None else prices.rule(query.instead)
    if query.instead is not None and rule is None:
        raise Refused(422, f"instead is {query.instead!r}: no rule prices that model", _near(pricing, query.instead))
    hit_rate = None if query.hit_rate is None else Decimal(repr(query.hit_rate)) / 100
    sums = total(connection, scope)
    rows = [_row(one) for one in reprice(traffic(connection, scope), rule, hit_rate)]
    known = [row for row in rows if row.change is not None]
    recorded, cost = (sum(getattr(row, name) or 0.0 for row in known) for name in ("recorded", "cost"))
    rate = sums.hit_rate
    return WhatIf(
        instead=query.instead,
        rule=None if rule is None else rule.text,
        hit_rate=query.hit_rate,
        recorded_hit_rate=None if rate is None else rate * 100,
        rows=rows,
        recorded=usd(recorded) or 0.0,
        cost=usd(cost) or 0.0,
        change=usd(cost - recorded) or 0.0,
        left_out=sum(row.calls for row in rows) - sum(row.calls for row in known),
        alternatives=_alternatives(prices, sums, choices(connection, GroupBy.MODEL, limit=ALTERNATIVES)),
    )


def _pricing() -> Pricing:
    try:
        return pricing_of_settings(store_home())
    except ConfigError as error:
        raise Refused(503, str(error)) from error


def _near(pricing: Pricing, model: str) -> str:
    names = near(pricing, model)
    known = f"Known and near it: {', '.join(names)}. " if names else ""
    return f"{known}Prices of your own come from the file that FASTAGENTIC_PRICES names."


def _row(one: Repriced) -> RepricedModel:
    recorded, cost = (None if amount is None else float(amount) for amount in (one.recorded, one.cost))
    is_known = recorded is not None and cost is not None and not one.unpriced
    return RepricedModel(
        model=one.model,
        provider=one.provider,
        calls=one.calls,
        input_tokens=one.input_tokens,
        output_tokens=one.output_tokens,
        recorded=usd(recorded),
        cost=usd(cost),
        saved=usd(float(one.saved)) or 0.0,
        change=usd((cost or 0.0) - (recorded or 0.0)) if is_known else None,
        unpriced=one.unpriced,
    )


def _alternatives(prices: Prices, sums: Sums, models: list[str]) -> list[Alternative]:
    found = []
    for model in models:
        rule = prices.rule(model)
        cost = None if rule is None else price(rule, sums)
        if rule is not None and cost is not None:
            found.append(Alternative(model=model, cost=float(cost), rule=rule.text))
    return sorted(found, key=lambda one: (one.cost, one.model))
