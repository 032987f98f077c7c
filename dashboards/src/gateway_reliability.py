"""Gateway Reliability: what fails, what retries, fallbacks and caches rescue, how load spreads; and our own way out."""

from __future__ import annotations

from grafana_foundation_sdk.models import units

from fastagentic.core.names import CacheStatus, Outcome

from . import look, promql, series
from .board import Board, Panel
from .runbooks import CACHE, DROPPED, ERRORS, FALLBACKS, SPOOL

BOARD = Board(
    "Gateway Reliability",
    uid="fastagentic-gateway-reliability",
    about="What fails behind the gateways, what their retries, fallbacks and caches rescue, and how load spreads.",
    tags=("reliability",),
)
NOW, OUTCOMES, RESCUE = "Now", "Outcomes", "Retries and fallbacks"
BALANCE, CACHED, EXPORT = "Load balancing", "Cache", "Our own telemetry"
CALLS, REQUESTS = series.DURATION.count, series.REQUESTS
RESCUED = f'{series.OUTCOME}=~"{Outcome.RESCUED_BY_RETRY}|{Outcome.RESCUED_BY_FALLBACK}"'
HIT = f'{series.CACHE_STATUS}=~"{CacheStatus.HIT}|{CacheStatus.SEMANTIC_HIT}"'
TARGETS = (series.GATEWAY, series.TARGET)
TARGET_LEGEND = look.by(series.GATEWAY, series.TARGET)
WEIGHTS = f"max by ({', '.join(TARGETS)}) ({promql.pick(series.WEIGHT, of=promql.PROCESS)})"
SERVICES = (series.SERVICE,)


@BOARD.panel(1, "Failed calls", row=NOW, width=4, height=4, runbook=ERRORS)
def error_share() -> Panel:
    """Share of calls that ended with an error after all retries and fallbacks. The objective is below 1%."""
    failed, all_calls = promql.in_range(CALLS, promql.FAILED), promql.in_range(CALLS)
    return look.number(units.PercentUnit, promql.share(failed, all_calls), look.over(0.01, 0.05)).decimals(2)


@BOARD.panel(2, "Rescued calls", row=NOW, width=4, height=4)
def rescued() -> Panel:
    """Calls in the selected time range that a retry or a fallback of the gateway saved from failing."""
    return look.number(units.Short, promql.in_range(REQUESTS, RESCUED), ((None, look.GREEN),))


@BOARD.panel(3, "Answered by a fallback", row=NOW, width=4, height=4, runbook=FALLBACKS)
def fallback_share() -> Panel:
    """Share of gateway calls in the selected time range that a fallback answered."""
    share = promql.share(promql.in_range(series.FALLBACKS), promql.in_range(REQUESTS))
    return look.number(units.PercentUnit, share, look.over(0.05, 0.2)).decimals(1)


@BOARD.panel(4, "Retries per call", row=NOW, width=4, height=4)
def retries_per_call() -> Panel:
    """How often the gateways tried again, for each call in the selected time range."""
    share = promql.share(promql.in_range(series.RETRIES), promql.in_range(REQUESTS))
    return look.number(units.Short, share, look.over(0.2, 1)).decimals(2)


@BOARD.panel(5, "Cache hit rate", row=NOW, width=4, height=4, runbook=CACHE)
def cache_share() -> Panel:
    """Share of lookups in the selected time range that the gateways' caches answered, exactly or semantically."""
    share = promql.share(promql.in_range(series.CACHE_LOOKUPS, HIT), promql.in_range(series.CACHE_LOOKUPS))
    return look.number(units.PercentUnit, share).decimals(1)


@BOARD.panel(6, "Calls per second", row=NOW, width=4, height=4)
def call_rate() -> Panel:
    """LLM calls a second, with and without a gateway."""
    return look.number(units.RequestsPerSecond, promql.per_second(CALLS)).decimals(2)


@BOARD.panel(7, "Gateway calls by outcome", row=OUTCOMES)
def by_outcome() -> Panel:
    """Gateway calls a second: answered at once, rescued by a retry or a fallback, failed."""
    by = promql.per_second(REQUESTS, by=(series.GATEWAY, series.OUTCOME))
    return look.stacked(units.RequestsPerSecond, (by, look.by(series.GATEWAY, series.OUTCOME)))


@BOARD.panel(8, "Failed calls by provider and error", row=OUTCOMES, runbook=ERRORS)
def errors_by_type() -> Panel:
    """Failed calls a second, by who should have answered and by the class of the exception."""
    by = promql.per_second(CALLS, promql.FAILED, by=(series.PROVIDER, series.ERROR_TYPE))
    legend = look.by(series.PROVIDER, series.ERROR_TYPE)
    return look.lines(units.RequestsPerSecond, (by, legend))


@BOARD.panel(9, "Error rate by service", row=OUTCOMES, runbook=ERRORS)
def errors_by_service() -> Panel:
    """Share of calls that failed. 14.4 times the objective's 1% over an hour raises the alert."""
    failed, calls = promql.per_second(CALLS, promql.FAILED, by=SERVICES), promql.per_second(CALLS, by=SERVICES)
    steps: look.Steps = ((None, look.GREEN), (0.01, look.ORANGE), (0.144, look.RED))
    return look.lines(units.PercentUnit, (promql.share(failed, calls), look.by(series.SERVICE)), steps=steps)


@BOARD.panel(10, "Rate-limited calls", row=OUTCOMES)
def rate_limited() -> Panel:
    """Share of calls that failed because a provider or a gateway limits their rate, by model."""
    limited = f'{series.ERROR_TYPE}=~".*RateLimit.*|429"'
    part, whole = promql.per_second(CALLS, limited, by=(series.MODEL,)), promql.per_second(CALLS, by=(series.MODEL,))
    return look.lines(units.PercentUnit, (promql.share(part, whole), look.by(series.MODEL)))


@BOARD.panel(11, "Error rate by model", row=OUTCOMES, width=16)
def errors_by_model() -> Panel:
    """Share of calls in the selected time range that failed, by model and provider."""
    by = (series.PROVIDER, series.MODEL)
    failed, calls = promql.in_range(CALLS, promql.FAILED, by=by), promql.in_range(CALLS, by=by)
    names = {series.PROVIDER: "provider", series.MODEL: "model", "Value": "failed"}
    return look.table_of_now({"failed": units.PercentUnit}, f"sort_desc({promql.share(failed, calls)})", names)


@BOARD.panel(12, "Fallbacks, from and to", row=RESCUE, runbook=FALLBACKS)
def fallback_matrix() -> Panel:
    """How many calls in the selected time range went from one target (down) to another (across)."""
    by = promql.in_range(series.FALLBACKS, by=(series.FALLBACK_FROM, series.FALLBACK_TO))
    return look.matrix_of_now(units.Short, f"round({by})", {series.FALLBACK_FROM: "from", series.FALLBACK_TO: "to"})


@BOARD.panel(13, "Fallback rate by service", row=RESCUE, runbook=FALLBACKS)
def fallbacks_by_service() -> Panel:
    """Share of gateway calls that a fallback answered. More than 20% for 5 minutes raises the alert."""
    part, whole = promql.per_second(series.FALLBACKS, by=SERVICES), promql.per_second(REQUESTS, by=SERVICES)
    steps: look.Steps = ((None, look.GREEN), (0.2, look.RED))
    return look.lines(units.PercentUnit, (promql.share(part, whole), look.by(series.SERVICE)), steps=steps)


@BOARD.panel(14, "Retries per call by model", row=RESCUE)
def retries_by_model() -> Panel:
    """How often the gateways tried again for each call: a provider that wavers shows here before calls fail."""
    part, whole = (promql.per_second(name, by=(series.MODEL,)) for name in (series.RETRIES, REQUESTS))
    return look.lines(units.Short, (promql.share(part, whole), look.by(series.MODEL)))


def share_of_targets() -> str:
    """Each target's part of the requests that the gateway spreads over targets whose weight it was told."""
    by_target = promql.per_second(REQUESTS, by=TARGETS)
    answered = f"({by_target} and {WEIGHTS})"
    all_of_them = f"sum by ({series.GATEWAY}) ({answered})"
    # A target that answers nothing at all has no series, and is the one to see.
    return f"({answered} or 0 * {WEIGHTS}) / on ({series.GATEWAY}) group_left {all_of_them}"


@BOARD.panel(15, "Load by target", row=BALANCE)
def load_by_target() -> Panel:
    """Gateway calls a second by the target that answered, by its name or its place in the gateway's config."""
    return look.stacked(units.RequestsPerSecond, (promql.per_second(REQUESTS, by=TARGETS), TARGET_LEGEND))


@BOARD.panel(16, "Load against configured weight", row=BALANCE)
def load_against_weight() -> Panel:
    """What each target answered of the balanced calls (solid), and the part its weight says it is to have."""
    return look.lines(
        units.PercentUnit, (share_of_targets(), f"{TARGET_LEGEND}"), (WEIGHTS, f"{TARGET_LEGEND}, configured")
    ).override_by_regexp("/, configured$/", look.dashed())


@BOARD.panel(17, "Drift from configured weight", row=BALANCE)
def drift_from_weight() -> Panel:
    """A target's share of the balanced calls less its configured one. Drift that lasts: a target fails or is left out."""
    drift = f"({share_of_targets()}) - {WEIGHTS}"
    return look.lines(units.PercentUnit, (drift, TARGET_LEGEND)).axis_centered_zero(True)


@BOARD.panel(18, "Cache hit rate by model", row=CACHED, width=12, runbook=CACHE)
def hits_by_model() -> Panel:
    """Share of lookups that the gateways' caches answered. Half of what it was at this hour yesterday raises the alert."""
    part, whole = (promql.per_second(series.CACHE_LOOKUPS, *where, by=(series.MODEL,)) for where in ((HIT,), ()))
    return look.lines(units.PercentUnit, (promql.share(part, whole), look.by(series.MODEL))).max(1)


@BOARD.panel(19, "Cache lookups by status", row=CACHED, width=12)
def lookups_by_status() -> Panel:
    """Lookups a second: hit, semantic hit, miss, and refreshed by the caller's wish."""
    by = promql.per_second(series.CACHE_LOOKUPS, by=(series.CACHE_STATUS,))
    return look.stacked(units.RequestsPerSecond, (by, look.by(series.CACHE_STATUS)))


@BOARD.panel(20, "Spans delivered", row=EXPORT, width=6)
def delivered() -> Panel:
    """Spans a second that each destination acknowledged."""
    return look.lines(units.CountsPerSecond, (_exported(series.DELIVERED), look.by(series.DESTINATION)))


@BOARD.panel(21, "Spans waiting", row=EXPORT, width=6, runbook=SPOOL)
def waiting() -> Panel:
    """Spans that are neither delivered nor lost yet, on disk too. Growing: a destination is down, slow, or refuses our key."""
    held = f"sum by ({series.DESTINATION}) ({promql.pick(series.WAITING, of=promql.PROCESS)})"
    return look.lines(units.Short, (held, look.by(series.DESTINATION)))


@BOARD.panel(23, "Spans spooled", row=EXPORT, width=6, runbook=SPOOL)
def spooled() -> Panel:
    """Spans a second that a destination did not take at first, and that were put on disk for it."""
    return look.lines(units.CountsPerSecond, (_exported(series.SPOOLED), look.by(series.DESTINATION)))


@BOARD.panel(22, "Spans dropped", row=EXPORT, width=6, runbook=DROPPED)
def dropped() -> Panel:
    """Spans in the selected time range that were lost on their way. Every one is missing from traces and from ClickHouse."""
    lost = promql.in_range(series.DROPPED, by=(series.SERVICE, series.DESTINATION), of=promql.PROCESS)
    legend = look.by(series.SERVICE, series.DESTINATION)
    return look.bars(units.Short, f"round({lost})", legend, ((None, look.GREEN), (1, look.RED)))


def _exported(name: series.Counter) -> str:
    return promql.per_second(name, by=(series.DESTINATION,), of=promql.PROCESS)
