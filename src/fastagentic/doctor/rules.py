"""The table of rules, and the one pass over it. A new finding is a function, a row here, and a line in the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from . import budgets, cache, delivery, environment, fallbacks, latency
from .finding import DOCS, Finding, Rule, Severity, Symptom, calls_in_words

if TYPE_CHECKING:
    from .evidence import Evidence

PROBLEM, WARNING, ADVICE = Severity.PROBLEM, Severity.WARNING, Severity.ADVICE
FALLBACKS, CACHE, LATENCY = Symptom.FALLBACKS, Symptom.CACHE, Symptom.LATENCY
COST, DELIVERY, ENVIRONMENT = Symptom.COST, Symptom.DELIVERY, Symptom.ENVIRONMENT

RULES: Final = (
    Rule("config-refused", PROBLEM, FALLBACKS, fallbacks.config_refused),
    Rule("target-without-key", PROBLEM, FALLBACKS, fallbacks.target_without_key),
    Rule("fallback-code-not-listed", PROBLEM, FALLBACKS, fallbacks.code_not_listed),
    Rule("fallback-did-not-trigger", PROBLEM, FALLBACKS, fallbacks.did_not_trigger),
    Rule("fallback-exhausted", PROBLEM, FALLBACKS, fallbacks.exhausted),
    Rule("loadbalance-never-falls-back", WARNING, FALLBACKS, fallbacks.loadbalance_never_falls_back),
    Rule("loadbalance-failed", PROBLEM, FALLBACKS, fallbacks.loadbalance_failed),
    Rule("fallback-single-target", WARNING, FALLBACKS, fallbacks.single_target),
    Rule("fallback-codes-narrow", ADVICE, FALLBACKS, fallbacks.codes_are_narrow),
    Rule("fallback-timeout-not-listed", WARNING, FALLBACKS, fallbacks.timeout_not_listed),
    Rule("client-gave-up-first", WARNING, FALLBACKS, fallbacks.client_gave_up),
    Rule("key-refused", PROBLEM, FALLBACKS, fallbacks.key_refused),
    Rule("gateway-refused", PROBLEM, FALLBACKS, fallbacks.gateway_refused),
    Rule("litellm-without-fallbacks", ADVICE, FALLBACKS, fallbacks.litellm_has_no_fallback),
    Rule("cache-mode-not-set", WARNING, CACHE, cache.mode_not_set),
    Rule("cache-not-asked", ADVICE, CACHE, cache.nothing_asks_a_cache),
    Rule("gateway-does-not-cache", PROBLEM, CACHE, cache.gateway_does_not_cache),
    Rule("cache-expires-too-soon", WARNING, CACHE, cache.expires_too_soon),
    Rule("cache-parameters-differ", WARNING, CACHE, cache.parameters_differ),
    Rule("cache-users-differ", WARNING, CACHE, cache.users_differ),
    Rule("cache-refresh-forced", WARNING, CACHE, cache.is_refreshed),
    Rule("cache-content-unknown", ADVICE, CACHE, cache.content_unknown),
    Rule("cache-requests-differ", ADVICE, CACHE, cache.requests_differ),
    Rule("cache-semantic-would-answer", ADVICE, CACHE, cache.semantic_would_answer),
    Rule("litellm-cache-packages", PROBLEM, CACHE, cache.litellm_cache_needs_packages),
    Rule("latency-of-fallbacks", WARNING, LATENCY, latency.fallbacks_add_time),
    Rule("latency-of-retries", WARNING, LATENCY, latency.retries_add_time),
    Rule("latency-of-attempts", WARNING, LATENCY, latency.attempts_add_time),
    Rule("weights-favour-slow-target", WARNING, LATENCY, latency.weights_favour_slow_target),
    Rule("weight-zero", ADVICE, LATENCY, latency.weight_is_zero),
    Rule("weights-not-read", ADVICE, LATENCY, latency.weights_mean_nothing),
    Rule("gateway-unreachable", PROBLEM, LATENCY, latency.gateway_unreachable),
    Rule("gateway-far", ADVICE, LATENCY, latency.gateway_far),
    Rule("models-unpriced", WARNING, COST, delivery.models_unpriced),
    Rule("budget-ledger-per-process", WARNING, COST, budgets.ledger_of_each_process),
    Rule("budget-refused-calls", WARNING, COST, budgets.calls_refused),
    Rule("budget-misses-unpriced", WARNING, COST, budgets.unpriced_calls_pass),
    Rule("store-fault", PROBLEM, DELIVERY, delivery.store_problem),
    Rule("store-lost-spans", PROBLEM, DELIVERY, delivery.store_lost),
    Rule("spans-lost", PROBLEM, DELIVERY, delivery.spans_lost),
    Rule("spans-refused", PROBLEM, DELIVERY, delivery.spans_refused),
    Rule("spans-wait", WARNING, DELIVERY, delivery.spans_wait),
    Rule("spool-nearly-full", WARNING, DELIVERY, delivery.spool_fills),
    Rule("metrics-not-sent", ADVICE, DELIVERY, delivery.metrics_stay),
    Rule("store-large", ADVICE, DELIVERY, delivery.store_is_large),
    Rule("langfuse-keys", PROBLEM, DELIVERY, delivery.langfuse_keys),
    Rule("langfuse-refuses", PROBLEM, DELIVERY, delivery.langfuse_refuses),
    Rule("nothing-observed", ADVICE, DELIVERY, delivery.nothing_observed),
    Rule("gateway-not-used", WARNING, DELIVERY, delivery.gateway_not_seen),
    Rule("settings-wrong", PROBLEM, ENVIRONMENT, environment.settings_wrong),
    Rule("switched-off", WARNING, ENVIRONMENT, environment.switched_off),
    Rule("no-client-installed", ADVICE, ENVIRONMENT, environment.no_client),
    Rule("litellm-compromised", PROBLEM, ENVIRONMENT, environment.litellm_compromised),
    Rule("litellm-responses-need-mcp", ADVICE, ENVIRONMENT, environment.litellm_responses_need_mcp),
)


def diagnose(evidence: Evidence) -> list[Finding]:
    """Everything that is found, by symptom, the worst first; of a symptom without a finding, that it is ok."""
    found = [finding for rule in RULES for finding in rule.findings(evidence)]
    report: list[Finding] = []
    for symptom in Symptom:
        of_it = [finding for finding in found if finding.symptom is symptom]
        report += sorted(of_it, key=lambda finding: _ORDER[finding.severity]) or [_ok(symptom, evidence)]
    return report


_ORDER: Final = {severity: at for at, severity in enumerate(reversed(Severity))}


def _ok(symptom: Symptom, evidence: Evidence) -> Finding:
    """Nothing was found; how much there was to find it in."""
    setups = [setup.where for setup in evidence.portkey] + [setup.where for setup in evidence.litellm]
    hosts = [reach.host + _took(reach.seconds) for reach in evidence.reaches]
    what = "nothing found" if evidence.calls or setups or symptom is Symptom.ENVIRONMENT else "nothing to look at"
    why = f"looked at: {', '.join([calls_in_words(evidence.calls), *setups, *hosts])}"
    return Finding(symptom.value, Severity.OK, what, why, "", f"{DOCS}#{symptom.value}", symptom)


def _took(seconds: float | None) -> str:
    return "" if seconds is None else f" (connects in {seconds * 1e3:.0f} ms)"
