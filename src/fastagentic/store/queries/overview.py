"""What a scope comes to at a glance, and what is being spent today, this week, this month. Asked by the dashboard."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from .grouped import total
from .latency import latency
from .sums import usd

if TYPE_CHECKING:
    from .latency import Latency
    from .scope import Scope
    from .sql import Reader
    from .sums import Sums

DAY_NS: Final = 86_400_000_000_000


@dataclass(slots=True, frozen=True)
class Overview:
    """The sums of a scope, with their rates, and how long its calls took."""

    sums: Sums
    latency: Latency


@dataclass(slots=True, frozen=True)
class Spend:
    """What was spent up to a moment: today, in the seven and thirty days that end with today, and this month. Days are UTC.

    `month_projected_usd` is this month's spend if the rest of it costs as much a day as the seven days before today
    did, or as many of them as there were calls in; None when nothing was spent on those days.
    """

    today: Sums
    last_7_days: Sums
    last_30_days: Sums
    month: Sums
    month_projected_usd: float | None


def overview(connection: Reader, scope: Scope) -> Overview:
    """The calls in `scope` at a glance."""
    return Overview(total(connection, scope), latency(connection, scope))


def spend(connection: Reader, scope: Scope, *, now_ns: int) -> Spend:
    """What the filters of `scope` let through up to `now_ns` (nanoseconds since the epoch); its times are left out."""
    now = datetime.fromtimestamp(now_ns / 1e9, UTC)
    today_ns = now_ns - now_ns % DAY_NS
    month_ns = today_ns - (now.day - 1) * DAY_NS

    def since(start_ns: int, end_ns: int = now_ns + 1) -> Sums:
        return total(connection, scope.between(start_ns, end_ns))

    month = since(month_ns)
    days_left = calendar.monthrange(now.year, now.month)[1] - now.day + 1 - (now_ns - today_ns) / DAY_NS
    return Spend(
        today=since(today_ns),
        last_7_days=since(today_ns - 6 * DAY_NS),
        last_30_days=since(today_ns - 29 * DAY_NS),
        month=month,
        month_projected_usd=_projected(month, _a_day(connection, scope, today_ns), days_left),
    )


def _a_day(connection: Reader, scope: Scope, today_ns: int) -> float | None:
    """What the days before today cost on average: seven, or those since the first of them with a call."""
    for days in range(7, 0, -1):
        first = total(connection, scope.between(today_ns - days * DAY_NS, today_ns - (days - 1) * DAY_NS))
        if first.calls:
            cost_usd = total(connection, scope.between(today_ns - days * DAY_NS, today_ns)).cost_usd
            return None if cost_usd is None else cost_usd / days
    return None


def _projected(month: Sums, a_day_usd: float | None, days_left: float) -> float | None:
    return None if a_day_usd is None else usd((month.cost_usd or 0.0) + a_day_usd * days_left)
