"""Why the cache does not answer, and whether it could. One function a rule."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from fastagentic.core.names import CacheStatus
from fastagentic.gateways import litellm, portkey

from .alike import alike, captured, missed_repeats, repeated
from .finding import Told, calls_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.gateways.portkey_config import Cache
    from fastagentic.store.queries.reliability import Request

    from .evidence import Evidence, PortkeySetup

ENOUGH: Final = 10
"""Calls from which "none of them" says something."""


def mode_not_set(evidence: Evidence) -> Iterator[Told]:
    """Requests repeat, and no cache is asked."""
    for setup in evidence.portkey:
        if setup.config is None or _caches(setup):
            continue
        if again := repeated(_requests(evidence)):
            yield Told(
                f"{setup.where}: no cache is asked for, and {calls_in_words(again)} asked what had been asked before",
                "the config has no cache.mode, without which Portkey caches nothing",
                'Set cache={"mode": "simple", "max_age": 3600} (hosted gateway).',
            )


def nothing_asks_a_cache(evidence: Evidence) -> Iterator[Told]:
    """No config is known here, and no call asked a cache."""
    if any(setup.config is not None or setup.is_id for setup in evidence.portkey):
        return
    statuses = _statuses(evidence)
    if set(statuses) == {CacheStatus.DISABLED.value}:
        yield Told(
            f"none of {calls_in_words(statuses.total())} through Portkey asked a cache",
            "the config that is sent has no cache.mode, or the gateway is the open-source one, which has no cache",
            'If it should: PortkeyGateway(cache={"mode": "simple", "max_age": 3600}), and the hosted gateway.',
        )


def gateway_does_not_cache(evidence: Evidence) -> Iterator[Told]:
    """The config asks for a cache and the gateway says DISABLED."""
    statuses = _statuses(evidence)
    for setup in evidence.portkey:
        if _caches(setup) and set(statuses) == {CacheStatus.DISABLED.value}:
            yield Told(
                f"{setup.where}: cache.mode is set, and the gateway answered {calls_in_words(statuses.total())} with the cache"
                " disabled",
                "the open-source gateway (npm) never caches, whatever the config says: only the hosted one does",
                "Use the hosted gateway, or a cache in the application.",
            )


def expires_too_soon(evidence: Evidence) -> Iterator[Told]:
    """`max_age` is shorter than the time after which requests come again."""
    gaps = sorted(repeat.gap_s for repeat in missed_repeats(_requests(evidence)) if not repeat.differs_in)
    for setup in evidence.portkey:
        for cache in _caches(setup):
            late = [gap for gap in gaps if cache.max_age is not None and gap > cache.max_age]
            if late:
                median = late[len(late) // 2]
                yield Told(
                    f"{setup.where}: {calls_in_words(len(late))} came again after the cached answer had expired",
                    f"cache.max_age is {cache.max_age} s; equal requests come {median:,.0f} s after one another (median)",
                    f"Set max_age above {max(late):,.0f} if an answer may be as old as that.",
                )


def parameters_differ(evidence: Evidence) -> Iterator[Told]:
    """The same prompt with other parameters."""
    repeats = [repeat for repeat in missed_repeats(_requests(evidence)) if repeat.differs_in]
    if repeats:
        differing = Counter(name for repeat in repeats for name in repeat.differs_in)
        names = ", ".join(name for name, _ in differing.most_common())
        yield Told(
            f"{calls_in_words(len(repeats))} asked the same with another {names}, and the cache did not answer",
            "a cache takes two requests for equal only when everything in them is",
            f"Send the same {names} each time.",
        )


def users_differ(evidence: Evidence) -> Iterator[Told]:
    """The same request of another user: a `user` field makes it another request."""
    repeats = [repeat for repeat in missed_repeats(_requests(evidence)) if repeat.users_differ and not repeat.differs_in]
    if repeats:
        yield Told(
            f"{calls_in_words(len(repeats))} asked the same for another user, and the cache did not answer",
            "the store does not keep the request's own `user` field; if it names the person, each has a cache of its own",
            "Leave `user` out of the request and send it as metadata (PortkeyGateway(metadata={'_user': ...})),"
            " unless answers are personal.",
        )


def is_refreshed(evidence: Evidence) -> Iterator[Told]:
    """The cache is told not to answer."""
    refreshed = _statuses(evidence)[CacheStatus.REFRESH.value]
    forcing = [setup.where for setup in evidence.portkey if setup.forces_refresh]
    if refreshed or forcing:
        yield Told(
            f"{calls_in_words(refreshed)} told the cache not to answer" if refreshed else f"{forcing[0]} forces a refresh",
            "cache_force_refresh is on: the target is asked each time, and its answer only stored",
            "Leave cache_force_refresh out, or set it on the calls that need it.",
        )


def content_unknown(evidence: Evidence) -> Iterator[Told]:
    """Misses of which nobody can say why."""
    statuses = _statuses(evidence)
    misses = statuses[CacheStatus.MISS.value]
    if misses >= 2 and not _hits(statuses) and not any(captured(evidence.requests)):
        yield Told(
            f"the cache answered none of {calls_in_words(misses)}, and whether they asked the same is not known",
            "prompts are not stored, so equal requests cannot be told from different ones",
            "Switch content on for a while (FASTAGENTIC_CAPTURE_CONTENT=true; it stays in the local store), then ask again.",
        )


def requests_differ(evidence: Evidence) -> Iterator[Told]:
    """A cache that cannot answer: no two requests are alike."""
    requests, statuses = _requests(evidence), _statuses(evidence)
    if _hits(statuses) or statuses[CacheStatus.MISS.value] < ENOUGH or repeated(requests) or alike(requests):
        return
    if known := len(list(captured(requests))):
        yield Told(
            f"no two of {calls_in_words(known)} ask the same, or nearly",
            "neither a simple nor a semantic cache has anything to answer with",
            "Take what changes (dates, ids) out of the prompt's beginning, or leave the cache off.",
        )


def semantic_would_answer(evidence: Evidence) -> Iterator[Told]:
    """Requests that are worded alike, and a cache that only knows equal ones."""
    modes = {cache.mode for setup in evidence.portkey for cache in _caches(setup)}
    if "semantic" in modes or any(setup.is_id for setup in evidence.portkey):
        return
    if pairs := alike(_requests(evidence)):
        yield Told(
            f"{pairs:,} {'pair' if pairs == 1 else 'pairs'} of prompts differ in a few words only",
            "a simple cache answers equal requests alone; told by the words they share, which is less than their meaning",
            'Consider cache={"mode": "semantic"} (hosted gateway), where an answer to nearly the same question will do.',
        )


def litellm_cache_needs_packages(evidence: Evidence) -> Iterator[Told]:
    """LiteLLM's cache raises when it first hits without the packages of its proxy."""
    is_asked = any(setup.caches for setup in evidence.litellm) or any(
        group.cache_status not in (None, CacheStatus.DISABLED) for group in evidence.through(litellm.NAME)
    )
    missing = [name for name in ("fastapi", "orjson", "soundfile") if evidence.versions.get(name, "") is None]
    if is_asked and missing and evidence.versions.get("litellm"):
        yield Told(
            f"LiteLLM's cache is on, and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed",
            "the second equal call raises ModuleNotFoundError: LiteLLM imports its proxy when the cache answers",
            "pip install 'fastagentic[litellm]'",
        )


def _caches(setup: PortkeySetup) -> list[Cache]:
    """The caches that a config sets, for all targets or for one."""
    if setup.config is None:
        return []
    return [part.cache for part in (setup.config, *(setup.config.targets or ())) if part.cache is not None]


def _requests(evidence: Evidence) -> list[Request]:
    return [request for request in evidence.requests if request.gateway == portkey.NAME]


def _statuses(evidence: Evidence) -> Counter[str]:
    counts: Counter[str] = Counter()
    for group in evidence.through(portkey.NAME):
        if group.cache_status is not None and group.is_answered:
            counts[group.cache_status] += group.calls
    return counts


def _hits(statuses: Counter[str]) -> int:
    return statuses[CacheStatus.HIT.value] + statuses[CacheStatus.SEMANTIC_HIT.value]
