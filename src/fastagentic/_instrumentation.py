"""Where the halves meet: what one `instrument()` puts in place, from the settings to the patched clients, and takes off again.

`_api.py` has the public functions; this wires clients to the observer, and the observer to a provider and its destinations.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as otel_trace

from .budgets.chosen import choose_ledger
from .budgets.guard import Guard
from .budgets.metrics import BudgetMetrics
from .clients import CLIENTS
from .clients._patch import Patches
from .core.config import ARGUMENT, DEFAULT, resolved, setting
from .core.environment import CAPTURE, captures_events, chosen_destinations, is_without_telemetry
from .core.errors import ConfigError
from .export.chosen import Terms, choose
from .export.further import Further
from .export.pipeline import pipeline_on, side_by_side
from .export.provider import makes_provider, provider_for, tracer_of
from .export.self_metrics import SelfMetrics
from .export.signals import FlushOnTerm
from .hooks.dispatch import settle
from .observe.content import Content
from .observe.finished import FinishedCalls
from .observe.guarded import tell_passed
from .observe.in_force import IN_FORCE, NO_TELEMETRY
from .observe.observer import Observer
from .observe.spans import end_attributes, span_name, start_attributes
from .observe.threads import ThreadContext
from .pricing import LIST_NAME, Pricing
from .store.location import store_home

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import SpanContext

    from .core.call import LLMCall
    from .export.chosen import Chosen
    from .observe.events import Events
    from .observe.logs import RunIdsOnRecords
    from .store.ledger import LocalLedger


OBJECTS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "redact": (callable, "a function from text to text"),
    "tracer_provider": (lambda given: hasattr(given, "get_tracer"), "a TracerProvider of OpenTelemetry's"),
    "meter_provider": (lambda given: hasattr(given, "get_meter"), "a MeterProvider of OpenTelemetry's"),
}
"""Arguments that no variable and no file can give: how one is known, and what it is."""


class Instrumentation:
    """All that one `instrument()` put in place."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.is_provisional = False
        _check_objects(arguments)
        if is_without_telemetry(os.environ):
            arguments = arguments | NO_TELEMETRY
        observed = _chosen("clients", arguments, tuple(CLIENTS))
        is_named = setting("clients", arguments.get("clients")) is not None
        propagate = setting("propagate", arguments.get("propagate"))
        captures = resolved("capture_content", arguments.get("capture_content"))
        has_events = captures_events(os.environ) and (captures.value or captures.source == CAPTURE)
        self.exit_timeout_s: float = setting("exit_timeout")
        prices = resolved("prices", arguments.get("prices"))
        pricing = Pricing(prices.value, source=prices.source, list_path=store_home() / LIST_NAME)
        budgets = setting("budgets", arguments.get("budgets"))
        given = arguments.get("tracer_provider")
        # The last two that can find fault with a value: nothing is on yet.
        self.destinations = chosen_by_settings(arguments, is_ours=makes_provider(given))
        ledger, notice = choose_ledger(
            setting("budget_ledger"), has_store=self.destinations.local is not None, local=_local_ledger
        )
        provider = provider_for(given, setting("service_name", arguments.get("service_name")))
        self.tracer = tracer_of(provider)
        self._pipeline = pipeline_on(provider)
        is_metered = "meter_provider" not in arguments
        self._further = Further(self.destinations, provider, is_metered=is_metered, has_events=has_events)
        content = None
        if captures.value or has_events:
            content = Content(arguments.get("redact"), on_spans=captures.value, on_events=has_events)
        self._finished = FinishedCalls(arguments.get("meter_provider"), _events() if has_events else None, self._further.made)
        self._self_metrics = SelfMetrics(self._finished.meter, self.destinations)
        self._guard = Guard(budgets, ledger, tell_passed, notice)
        self._budget_metrics = BudgetMetrics(self._finished.meter, budgets, self._guard)
        observer = Observer(
            self.tracer,
            pricing,
            self._finished,
            propagate=propagate,
            content=content,
            on_unrecorded=self._store_unrecorded if self.destinations.local is not None else None,
            guard=self._guard,
        )
        if self._pipeline is not None:
            self._pipeline.open(self.destinations)
        self._on_term = FlushOnTerm(self._flush_at_end)
        self._logs = _on_records() if setting("logs", arguments.get("logs")) else None
        self._threads = ThreadContext()
        self._patches = [Patches(CLIENTS[name].observer(observer, is_named=is_named)) for name in observed]
        for name, patches in zip(observed, self._patches, strict=True):
            patches.wait_for(CLIENTS[name])
        IN_FORCE.given, IN_FORCE.content = self.tracer, content

    def flush(self, timeout_s: float) -> bool:
        """Deliver what is queued, within the time."""
        deadline = time.monotonic() + timeout_s
        is_settled = self._finished.flush(timeout_s)  # first: it may still end spans, and fire hooks
        is_settled = self._guard.flush(deadline - time.monotonic()) and is_settled
        is_settled = settle(deadline - time.monotonic()) and is_settled
        targets = [self._further.flush] if self._pipeline is None else [self._pipeline.flush, self._further.flush]
        return side_by_side(targets, deadline) and is_settled

    def settle(self, timeout_s: float) -> bool:
        """Wait for calls that end on a thread of ours."""
        return self._finished.flush(timeout_s)

    def take_off(self) -> None:
        """Give everything back, then deliver what is queued."""
        IN_FORCE.take_back()
        for patches in reversed(self._patches):
            patches.take_off()
        self._threads.take_off()
        self._on_term.take_off()
        if self._logs is not None:
            self._logs.take_off()
        self._self_metrics.take_off()
        self._budget_metrics.take_off()
        deadline = time.monotonic() + self.exit_timeout_s
        self._finished.close(self.exit_timeout_s)
        self._guard.close(deadline - time.monotonic())
        closing = [self._further.close] if self._pipeline is None else [self._pipeline.close, self._further.close]
        side_by_side(closing, deadline)
        self._finished.forget()

    def _flush_at_end(self) -> None:
        """What the end of the process waits for, and no longer than it was told to."""
        self.flush(self.exit_timeout_s)

    def _store_unrecorded(self, call: LLMCall, context: SpanContext, parent: Context) -> None:
        """A foreign provider has sampled the span out and recorded nothing: the local store still sees the call."""
        from .store.rows import StoredSpan

        outer = otel_trace.get_current_span(parent).get_span_context()
        span = StoredSpan(
            trace_id=otel_trace.format_trace_id(context.trace_id),
            span_id=otel_trace.format_span_id(context.span_id),
            parent_span_id=otel_trace.format_span_id(outer.span_id) if outer.is_valid else None,
            name=span_name(call),
            started_ns=call.started_ns,
            ended_ns=call.started_ns + int(call.duration_s * 1e9),
            status="unset" if call.error_type is None else "error",
            attributes={**start_attributes(call), **end_attributes(call)},
        )
        if self.destinations.local is not None:
            self.destinations.local.store(span)


def chosen_by_settings(arguments: Mapping[str, Any], *, is_ours: bool = True) -> Chosen:
    """The destinations that were named, else those that the environment speaks of; `is_ours`: on a provider that we make.

    Raises: ConfigError.
    """
    named = resolved("destinations", arguments.get("destinations"))
    asked = chosen_destinations(os.environ, is_ours=is_ours).names if named.source == DEFAULT else named.value
    terms = Terms(
        only_ours=not is_ours,
        is_durable=setting("durability", arguments.get("durability")) == "crash",
        request_timeout_s=setting("export_timeout"),
        spool_bytes=setting("spool_max_size"),
        spool_age_s=setting("spool_max_age"),
        keep_s=setting("keep"),
    )
    return choose(asked, terms, named.source)


def _check_objects(arguments: Mapping[str, Any]) -> None:
    """Raises: ConfigError that names the argument: found later, it would be a failure in every call."""
    for name, (is_one, accepted) in OBJECTS.items():
        given = arguments.get(name)
        if given is not None and not is_one(given):
            raise ConfigError.of(name, given, accepted, source=ARGUMENT)


def _chosen(name: str, arguments: Mapping[str, Any], known: tuple[str, ...]) -> tuple[str, ...]:
    """The names chosen for a setting; all of the known ones when nobody chose."""
    named = resolved(name, arguments.get(name))
    if named.value is None:
        return known
    for one in named.value:
        if one not in known:
            raise ConfigError.of(name, one, f"any of: {', '.join(known)}", source=named.source)
    return tuple(named.value)


def _local_ledger() -> LocalLedger:
    from .store.ledger import LEDGER_NAME, LocalLedger
    from .store.location import store_path

    return LocalLedger(store_home() / LEDGER_NAME, store_path())


def _events() -> Events:
    from .observe.events import Events

    return Events()


def _on_records() -> RunIdsOnRecords:
    from .observe.logs import RunIdsOnRecords

    return RunIdsOnRecords()
