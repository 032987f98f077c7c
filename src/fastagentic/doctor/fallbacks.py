"""Why fallbacks do not trigger, and why a target fails at all. One function a rule."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from fastagentic.gateways import litellm, portkey

from .finding import Told, calls_in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fastagentic.gateways.portkey_config import Target
    from fastagentic.store.queries.reliability import Group

    from .evidence import Evidence, PortkeySetup

USUAL: Final = (429, 500, 502, 503, 504)
"""Status codes that mean "not now", which a second target is there for."""
TIMED_OUT: Final = 408
"""What Portkey answers when `request_timeout` is over."""
REFUSED_KEYS: Final = (401, 403)
CLIENT_TIMEOUTS: Final = frozenset({"APITimeoutError", "Timeout"})


def config_refused(evidence: Evidence) -> Iterator[Told]:
    """The gateway would not take the config."""
    for setup in evidence.portkey:
        if setup.refused is not None and not setup.keyless:
            yield Told(
                f"{setup.where} cannot be used",
                f"Portkey's gateway would refuse it: {setup.refused}",
                "Write the field as the message says; nothing is routed by a config that is refused.",
            )


def target_without_key(evidence: Evidence) -> Iterator[Told]:
    """A target that says neither a key nor where one is kept."""
    for setup in evidence.portkey:
        for path in setup.keyless:
            yield Told(
                f"{setup.where}: {path} has no key",
                "the gateway refuses the whole config for it, so that nothing falls back to any target",
                "Give it virtual_key (and make that key in Portkey), or provider and api_key.",
            )


def code_not_listed(evidence: Evidence) -> Iterator[Told]:
    """Calls failed with a status on which their fallback strategy does not go on."""
    failed = [group for group in evidence.through(portkey.NAME) if group.fallback_used is not None and not group.is_answered]
    for setup in evidence.portkey:
        part, codes = setup.config, _codes(setup)
        if part is None or codes is None:
            continue
        last = len(part.targets or ()) - 1
        for status, calls in _by_status(group for group in failed if (group.target_index or 0) < last).items():
            if status not in codes:
                yield Told(
                    f"{setup.where}: {calls_in_words(calls)} failed with HTTP {status} and did not fall back",
                    f"strategy.on_status_codes is {codes}; on every other status the gateway hands the failure out",
                    f"Add {status} to strategy.on_status_codes, or leave the list out: then any failure goes on.",
                )


def did_not_trigger(evidence: Evidence) -> Iterator[Told]:
    """The same, where no config was given: a fallback strategy was sent, and its first target's failure came out."""
    if any(setup.config is not None for setup in evidence.portkey):
        return
    for status, calls in _by_status(_stopped(evidence)).items():
        yield Told(
            f"{calls_in_words(calls)} under a fallback strategy failed with HTTP {status} at the first target",
            f"its strategy.on_status_codes seems not to include {status}: without that list any failure goes on",
            f"Add {status} to strategy.on_status_codes. `fastagentic doctor --config FILE` reads the config too.",
        )


def exhausted(evidence: Evidence) -> Iterator[Told]:
    """Every target of a fallback failed."""
    lost = [group for group in evidence.through(portkey.NAME) if group.fallback_used and not group.is_answered]
    for status, calls in _by_status(lost).items():
        yield Told(
            f"{calls_in_words(calls)} fell back and failed all the same, with HTTP {status}",
            "the last target that was asked failed too; what a fallback gives out is the failure of that one",
            "Look at that target's key, quota and model (`override_params`): a model that the next provider does not know fails"
            " there, too.",
        )


def loadbalance_never_falls_back(evidence: Evidence) -> Iterator[Told]:
    """`on_status_codes` under loadbalance: it does nothing."""
    for setup in evidence.portkey:
        for path, part in setup.strategies():
            if part.strategy is not None and part.strategy.mode == "loadbalance" and part.strategy.on_status_codes:
                yield Told(
                    f"{setup.where}: {path}.strategy is loadbalance with on_status_codes",
                    "load balancing chooses one target by weight and never asks another one when it fails",
                    'Put it into a fallback: {"strategy": {"mode": "fallback"}, "targets": [{the loadbalance strategy and its'
                    " targets}, {another target}]}.",
                )


def loadbalance_failed(evidence: Evidence) -> Iterator[Told]:
    """Calls failed under loadbalance with nothing to fall back to."""
    for setup in evidence.portkey:
        if setup.config is None or setup.config.mode != "loadbalance":
            continue
        failed = [group for group in evidence.through(portkey.NAME) if group.target_path and not group.is_answered]
        for status, calls in _by_status(failed).items():
            yield Told(
                f"{setup.where}: {calls_in_words(calls)} failed with HTTP {status} while other targets may have been well",
                "strategy.mode is loadbalance, which never falls back",
                "Put the load balancer into a fallback, as its first target.",
            )


def single_target(evidence: Evidence) -> Iterator[Told]:
    """A fallback with nothing to fall back to."""
    for setup in evidence.portkey:
        for path, part in setup.strategies():
            if part.strategy is not None and part.strategy.mode == "fallback" and len(part.targets or ()) < 2:
                yield Told(
                    f"{setup.where}: {path}.strategy is fallback with one target",
                    "there is nothing to fall back to",
                    "Add a second target, of another provider if you can.",
                )


def codes_are_narrow(evidence: Evidence) -> Iterator[Told]:
    """`on_status_codes` leaves out failures that another target could mend."""
    for setup, path, _, codes in _fallbacks(evidence):
        missing = [code for code in USUAL if code not in codes]
        if missing:
            yield Told(
                f"{setup.where}: {path}.strategy.on_status_codes leaves out {_listed(missing)}",
                f"it is {codes}; on every other status the failure is handed out and no other target is asked",
                f"Add {_listed(missing)}, or leave the list out: then any failure goes on to the next target.",
            )


def timeout_not_listed(evidence: Evidence) -> Iterator[Told]:
    """A request timeout that ends the call instead of asking the next target."""
    for setup, path, part, codes in _fallbacks(evidence):
        outer = setup.config
        is_timed = any(one is not None and one.request_timeout for one in (outer, part, *(part.targets or ())))
        if is_timed and TIMED_OUT not in codes:
            yield Told(
                f"{setup.where}: {path} has a request_timeout, and on_status_codes no {TIMED_OUT}",
                f"a target that takes too long is answered by the gateway with HTTP {TIMED_OUT}",
                f"Add {TIMED_OUT} to {path}.strategy.on_status_codes.",
            )


def client_gave_up(evidence: Evidence) -> Iterator[Told]:
    """The client stopped waiting before the gateway could ask another target."""
    late = [group for group in evidence.through(portkey.NAME) if group.error_type in CLIENT_TIMEOUTS and not group.status_code]
    if late:
        yield Told(
            f"{calls_in_words(sum(group.calls for group in late))} timed out in the client before the gateway answered",
            "fallbacks and retries happen in the gateway, inside the time that the client waits",
            "Set request_timeout (milliseconds) in the config, well below the client's timeout.",
        )


def key_refused(evidence: Evidence) -> Iterator[Told]:
    """A key that does not hold."""
    failed = [group for group in evidence.groups if group.status_code in REFUSED_KEYS]
    counts: Counter[tuple[str, int]] = Counter()
    for group in failed:
        counts[_place(group), group.status_code or 0] += group.calls
    for (place, status), calls in counts.items():
        yield Told(
            f"{place} refused {calls_in_words(calls)} with HTTP {status}",
            "the key is missing, wrong or may not use that model",
            "Check the key there; a virtual key must exist in Portkey, in the workspace of PORTKEY_API_KEY.",
        )


def gateway_refused(evidence: Evidence) -> Iterator[Told]:
    """Portkey itself answered 400: no target was asked."""
    refused = [group for group in evidence.through(portkey.NAME) if group.status_code == 400 and not group.target_path]
    if refused:
        yield Told(
            f"Portkey's gateway refused {calls_in_words(sum(group.calls for group in refused))} with HTTP 400",
            "no target was asked: the config names something that this gateway does not have, such as a virtual key that is not"
            " in Portkey, or is itself wrong",
            "Check that every virtual key exists. The open-source gateway has no virtual keys, config ids, @slug providers:"
            " give it provider and api_key. `fastagentic doctor --config FILE` checks the config itself.",
        )


def litellm_has_no_fallback(evidence: Evidence) -> Iterator[Told]:
    """LiteLLM calls failed, and nothing was to be asked next."""
    failed = sum(group.calls for group in evidence.through(litellm.NAME) if not group.is_answered)
    for setup in evidence.litellm:
        if failed and not setup.fallbacks:
            yield Told(
                f"{setup.where}: {calls_in_words(failed)} of LiteLLM's failed, and there is no fallback",
                "LiteLLMGateway has no fallback_models",
                'Give it some: LiteLLMGateway(fallback_models=["gpt-4o", "claude-3-sonnet"], num_retries=2).',
            )


def _stopped(evidence: Evidence) -> list[Group]:
    """Calls that failed under a fallback strategy without going on from the target that failed."""
    return [
        group
        for group in evidence.through(portkey.NAME)
        if group.fallback_used is False and not group.is_answered and group.status_code is not None
    ]


def _codes(setup: PortkeySetup) -> list[int] | None:
    """The status codes on which the outermost strategy goes on; None: it is no fallback, or any failure will do."""
    strategy = None if setup.config is None else setup.config.strategy
    return None if strategy is None or strategy.mode != "fallback" else strategy.on_status_codes


def _fallbacks(evidence: Evidence) -> Iterator[tuple[PortkeySetup, str, Target, list[int]]]:
    for setup in evidence.portkey:
        for path, part in setup.strategies():
            if part.strategy is not None and part.strategy.mode == "fallback" and part.strategy.on_status_codes:
                yield setup, path, part, part.strategy.on_status_codes


def _by_status(groups: Iterable[Group]) -> Counter[int]:
    counts: Counter[int] = Counter()
    for group in groups:
        if group.status_code is not None:
            counts[group.status_code] += group.calls
    return counts


def _place(group: Group) -> str:
    said = [group.target_provider or group.server or group.gateway or "the provider"]
    return " ".join([*said, *([f"({group.target_path})"] if group.target_path else [])])


def _listed(codes: Iterable[int]) -> str:
    return ", ".join(map(str, codes))
