"""What all calls come to: spend today and lately, cache, errors and rescues, latency."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fastagentic.store.queries.overview import overview as ask_overview
from fastagentic.store.queries.overview import spend as ask_spend

from .sums import Answer, Figures, Took, figures, took

if TYPE_CHECKING:
    from fastagentic.dashboard.query import ScopeQuery
    from fastagentic.store.queries.sql import Reader


class Spend(Answer):
    """What was spent up to now, days in UTC; the filters hold, the time asked for does not."""

    today: Figures
    last_7_days: Figures = Field(description="With today")
    last_30_days: Figures
    month: Figures = Field(description="Since the first of this month")
    month_projected: float | None = Field(description="USD of the whole month, if its rest costs what the last days did a day")


class Rates(Answer):
    """Parts of 1; null of nothing."""

    error: float | None
    rescued_by_retry: float | None
    rescued_by_fallback: float | None
    cache_hit: float | None = Field(description="Of the calls that asked a gateway's cache")


class Overview(Answer):
    """The calls at a glance."""

    spend: Spend
    total: Figures
    rates: Rates
    latency: Took


def overview(connection: Reader, query: ScopeQuery, now_ns: int) -> Overview:
    """The calls of the query at a glance."""
    scope = query.scope(now_ns)
    found, spent = ask_overview(connection, scope), ask_spend(connection, scope, now_ns=now_ns)
    sums = found.sums
    return Overview(
        spend=Spend(
            today=Figures(**figures(spent.today)),
            last_7_days=Figures(**figures(spent.last_7_days)),
            last_30_days=Figures(**figures(spent.last_30_days)),
            month=Figures(**figures(spent.month)),
            month_projected=spent.month_projected_usd,
        ),
        total=Figures(**figures(sums)),
        rates=Rates(
            error=sums.error_rate,
            rescued_by_retry=sums.retry_rescue_rate,
            rescued_by_fallback=sums.fallback_rescue_rate,
            cache_hit=sums.hit_rate,
        ),
        latency=Took(**took(found.latency)),
    )
