"""Where latency comes from: attempts before the one that answered, weights, the way to the gateway. One function a rule."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final

from fastagentic.gateways import portkey

from .finding import Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fastagentic.store.queries.reliability import Group

    from .evidence import Evidence

OFTEN: Final = 0.05
"""Share of answered calls from which a fallback or a retry is no exception."""
SLOWER: Final = 1.5
"""Times as long as the fastest target, from which one is slow."""
ENOUGH: Final = 5
"""Calls of a target from which its mean says something."""
FAR_S: Final = 0.1


def fallbacks_add_time(evidence: Evidence) -> Iterator[Told]:
    """Calls that a later target answered waited for the first ones to fail."""
    answered = [group for group in evidence.groups if group.is_asked and group.fallback_used is not None]
    rescued = [group for group in answered if group.fallback_used]
    yield from _slower(
        rescued,
        [group for group in answered if not group.fallback_used],
        "came by a fallback",
        "each of them waited for the targets before to fail",
        "Look at why the first target fails (`fastagentic runs`), put the one that answers first, or shorten its"
        " request_timeout and retries.",
    )


def retries_add_time(evidence: Evidence) -> Iterator[Told]:
    """Calls that were answered after retries waited for them."""
    answered = [group for group in evidence.groups if group.is_asked]
    yield from _slower(
        [group for group in answered if group.was_retried],
        [group for group in answered if not group.was_retried],
        "needed retries",
        "the gateway waits longer before each retry (1 s, 2 s, 4 s ...)",
        "Set fewer retry.attempts on a target that has another one to fall back to, or raise the provider's limit.",
    )


def attempts_add_time(evidence: Evidence) -> Iterator[Told]:
    """What LiteLLM tried in vain before it had an answer."""
    for lost in evidence.lost_attempts:
        yield Told(
            f"{lost.attempts:,} attempts at {lost.model or 'a model'} failed ({lost.error_type}) before another one answered",
            f"each took {_seconds(lost.mean_s)} (mean) of the caller's time",
            "Put the model that answers first, or give the call a timeout.",
        )


def weights_favour_slow_target(evidence: Evidence) -> Iterator[Told]:
    """The target that gets most of the calls is slower than another one."""
    is_fallback = any(setup.config is not None and setup.config.mode != "loadbalance" for setup in evidence.portkey)
    if is_fallback:
        return
    targets: dict[str, list[Group]] = defaultdict(list)
    for group in evidence.through(portkey.NAME):
        if group.is_asked and group.fallback_used is None and group.target_path and "[" in group.target_path:
            targets[group.target_path].append(group)
    means = {path: _mean(groups) for path, groups in targets.items() if _count(groups) >= ENOUGH}
    if len(means) < 2:
        return
    busiest = max(means, key=lambda path: _count(targets[path]))
    fastest = min(means, key=lambda path: means[path])
    if means[busiest] >= SLOWER * means[fastest]:
        share = 100 * _count(targets[busiest]) / sum(map(_count, targets.values()))
        yield Told(
            f"{busiest} gets {share:.0f} % of the calls and takes {_seconds(means[busiest])}; {fastest} takes"
            f" {_seconds(means[fastest])}",
            "Portkey chooses by weight alone; it does not look at how fast a target is",
            f"Give {fastest} the larger weight, if its model and price suit.",
        )


def weight_is_zero(evidence: Evidence) -> Iterator[Told]:
    """A target that load balancing never asks."""
    for setup in evidence.portkey:
        for path, part in setup.strategies():
            if part.strategy is None or part.strategy.mode != "loadbalance":
                continue
            for at, target in enumerate(part.targets or ()):
                if target.weight == 0:
                    yield Told(
                        f"{setup.where}: {path}.targets[{at}] has weight 0",
                        "it is never asked: all of the load goes to the others",
                        "Give it a weight, or take it out.",
                    )


def weights_mean_nothing(evidence: Evidence) -> Iterator[Told]:
    """Weights that differ under a strategy that does not read them."""
    for setup in evidence.portkey:
        for path, part in setup.strategies():
            weights = {target.weight for target in part.targets or ()} - {None}
            if part.strategy is not None and part.strategy.mode != "loadbalance" and len(weights) > 1:
                yield Told(
                    f"{setup.where}: {path} has weights under strategy {part.strategy.mode}",
                    "weights are read by loadbalance alone; a fallback asks its targets in the order they are written",
                    "Put the fastest target first, or use strategy.mode loadbalance.",
                )


def gateway_unreachable(evidence: Evidence) -> Iterator[Told]:
    """`--network`: nobody answers where the gateway should be."""
    for reach in evidence.reaches:
        if reach.failed:
            yield Told(
                f"{reach.where}: {reach.host} cannot be reached",
                reach.failed,
                "Check base_url (PORTKEY_BASE_URL), and that this machine may connect there.",
            )


def gateway_far(evidence: Evidence) -> Iterator[Told]:
    """`--network`: connecting takes long."""
    for reach in evidence.reaches:
        if reach.seconds is not None and reach.seconds >= FAR_S:
            yield Told(
                f"{reach.where}: connecting to {reach.host} takes {_seconds(reach.seconds)}",
                "the host is far away, and every new connection pays that way several times (TCP, then TLS)",
                "Use a gateway in your region (base_url), and one client for many calls, so that connections are kept.",
            )


def _slower(some: list[Group], others: list[Group], what: str, why: str, fix: str) -> Iterator[Told]:
    calls = _count(some)
    if calls and calls >= OFTEN * (calls + _count(others)):
        beside = f", the others {_seconds(_mean(others))}" if others else ""
        yield Told(
            f"{calls:,} of {calls + _count(others):,} answered calls {what}",
            f"{why}: they took {_seconds(_mean(some))} (mean){beside}",
            fix,
        )


def _count(groups: Iterable[Group]) -> int:
    return sum(group.calls for group in groups)


def _mean(groups: Iterable[Group]) -> float:
    groups = list(groups)
    return sum(group.mean_s * group.calls for group in groups) / max(1, _count(groups))


def _seconds(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"
