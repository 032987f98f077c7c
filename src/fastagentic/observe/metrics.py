"""`LLMCall` to metrics: recorded on the worker's thread, and drained before every collection so that none misses a call.

A metric record costs more than the span's attributes do; the caller pays for neither. Counters are added up over a batch
first. All attributes are bounded: never a user, session, tenant or run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.metrics import Observation
from opentelemetry.trace import set_span_in_context

from fastagentic.core import names
from fastagentic.core.names import CacheStatus, CostSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opentelemetry.metrics import CallbackOptions, Meter
    from opentelemetry.trace import Span

    from fastagentic.core.call import LLMCall, Routing

    Labels = dict[str, str | int]
    Key = tuple[str | int, ...]


class Metrics:
    """The instruments of ours, and what each finished call adds to them."""

    def __init__(self, meter: Meter, drain: Callable[[], None]) -> None:
        seconds, tokens = list(names.SECONDS_BUCKETS), list(names.TOKENS_BUCKETS)
        histogram = meter.create_histogram
        self._duration = histogram(names.OPERATION_DURATION, "s", explicit_bucket_boundaries_advisory=seconds)
        self._tokens = histogram(names.TOKEN_USAGE, "{token}", explicit_bucket_boundaries_advisory=tokens)
        self._first = histogram(names.TIME_TO_FIRST_CHUNK, "s", explicit_bucket_boundaries_advisory=seconds)
        self._gap = histogram(names.TIME_PER_OUTPUT_CHUNK, "s", explicit_bucket_boundaries_advisory=seconds)
        units = {names.COST: "USD", names.COST_SAVED: "USD"}
        self._counters = {name: meter.create_counter(name, units.get(name, "")) for name in COUNTERS}
        self._drain = drain
        # The SDK runs callbacks before it collects, in the same collection: whatever is queued is recorded in time.
        meter.create_observable_gauge("fastagentic.drain", callbacks=[self._before_collection])
        self._shares: dict[tuple[str, str], float] = {}
        self._latest: Routing | None = None
        what = "The part of the requests that a target is to have, as the gateway was told."
        meter.create_observable_gauge(names.TARGET_WEIGHT, callbacks=[self._told_shares], description=what)

    def record(self, calls: Iterable[tuple[LLMCall, Span]]) -> None:
        """Record finished calls. The span is the exemplar of what is measured on it."""
        sums: dict[tuple[str, Key], float] = {}
        labels_of: dict[Key, Labels] = {}
        for call, span in calls:
            labels = call_labels(call)
            base = tuple(labels.values())
            self._measure(call, labels, span)
            self._keep_shares(call)
            for name, value, more in counts(call):
                key = (*base, *more.values())
                if key not in labels_of:
                    labels_of[key] = {**labels, **more}
                sums[name, key] = sums.get((name, key), 0) + value
        for (name, key), total in sums.items():
            self._counters[name].add(total, labels_of[key])

    def _measure(self, call: LLMCall, labels: Labels, span: Span) -> None:
        context = set_span_in_context(span)
        timed = labels if call.error_type is None else {**labels, names.ERROR_TYPE: call.error_type}
        self._duration.record(call.duration_s, timed, context)
        for kind, count in (("input", call.usage.input_tokens), ("output", call.usage.output_tokens)):
            if count is not None:
                self._tokens.record(count, {**labels, names.TOKEN_TYPE: kind}, context)
        if call.time_to_first_chunk_s is not None:
            self._first.record(call.time_to_first_chunk_s, labels, context)
        for gap in call.chunk_gaps_s:  # without an exemplar each: one span has hundreds
            self._gap.record(gap, labels)

    def _keep_shares(self, call: LLMCall) -> None:
        """What the latest request said of a target; those that came first, where a program makes names without end."""
        if call.gateway is None or call.routing is self._latest:
            return
        self._latest = call.routing
        for name, share in call.routing.shares.items():
            key = (call.gateway, name)
            if key in self._shares or len(self._shares) < MOST_TARGETS:
                self._shares = {**self._shares, key: share}  # whole: a collection may be reading the other one

    def _told_shares(self, _: CallbackOptions) -> Iterable[Observation]:
        for (gateway, name), share in self._shares.items():
            yield Observation(share, {names.GATEWAY: gateway, names.TARGET_NAME: name})

    def forget(self) -> None:
        """State no share from here on: a gauge cannot be taken off a meter."""
        self._shares = {}

    def _before_collection(self, _: CallbackOptions) -> Iterable[Observation]:
        self._drain()
        return ()


MOST_TARGETS: Final = 256
"""Of how many targets a configured share is stated."""

COUNTERS = (
    names.COST,
    names.COST_SAVED,
    names.UNPRICED_CALLS,
    names.GATEWAY_REQUESTS,
    names.GATEWAY_CACHE_LOOKUPS,
    names.GATEWAY_RETRIES,
    names.GATEWAY_FALLBACKS,
)


def call_labels(call: LLMCall) -> Labels:
    """The conventions' own attributes, the gateway with them."""
    labels: Labels = {names.OPERATION_NAME: call.operation.value, names.PROVIDER_NAME: call.provider}
    optional = (
        (names.REQUEST_MODEL, call.model),
        (names.RESPONSE_MODEL, call.response_model),
        (names.SERVER_ADDRESS, call.server_address),
        (names.SERVER_PORT, call.server_port),
        (names.GATEWAY, call.gateway),
    )
    labels.update((name, value) for name, value in optional if value is not None)
    return labels


def counts(call: LLMCall) -> list[tuple[str, float, Labels]]:
    """What a call adds to which counter, under which further attributes."""
    facts, cost = call.facts, call.cost
    found: list[tuple[str, float, Labels]] = []
    if cost is not None:
        if cost.usd is not None:
            found.append((names.COST, float(cost.usd), {}))
        if cost.saved_usd is not None:
            found.append((names.COST_SAVED, float(cost.saved_usd), {}))
        if cost.source is CostSource.UNKNOWN:
            found.append((names.UNPRICED_CALLS, 1, {}))
    if call.gateway is None:
        return found
    found.append((names.GATEWAY_REQUESTS, 1, {names.OUTCOME: call.outcome.value, **_target(call)}))
    if facts.cache_status not in (None, CacheStatus.DISABLED):
        found.append((names.GATEWAY_CACHE_LOOKUPS, 1, {names.CACHE_STATUS: str(facts.cache_status)}))
    if facts.retries:
        found.append((names.GATEWAY_RETRIES, facts.retries, {}))
    if facts.fallback_used:
        found.append((names.GATEWAY_FALLBACKS, 1, {**_target(call), **_fallback(call)}))
    return found


def _fallback(call: LLMCall) -> Labels:
    """From which target to which, in the gateway's words; from which model to which, where it names no targets."""
    failed, answered = call.facts.fallback_from or call.model, call.facts.fallback_to or call.response_model
    ends = ((names.FALLBACK_FROM, failed), (names.FALLBACK_TO, answered))
    return {name: end for name, end in ends if end is not None}


def _target(call: LLMCall) -> Labels:
    name = call.facts.target_name or call.facts.target_path
    return {} if name is None else {names.TARGET_NAME: name}
