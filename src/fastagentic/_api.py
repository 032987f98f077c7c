"""Where the halves meet: `instrument` wires clients to the observer, and the observer to a provider and its destinations.

The public functions of the same names stand here; the package exports them lazily.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import metrics as otel_metrics
from opentelemetry import trace as otel_trace

from ._settings_file import load_settings_file
from .clients import CLIENTS
from .clients._patch import Patches
from .core.config import DEFAULT, resolved, setting
from .core.environment import CAPTURE, captures_events, chosen_destinations, is_left_out, is_without_telemetry
from .core.errors import ConfigError
from .core.exit import AtExit
from .core.guard import never_break
from .core.names import Operation
from .export.chosen import Terms, choose
from .export.further import Further
from .export.pipeline import pipeline_on, side_by_side
from .export.provider import makes_provider, provider_for, tracer_of
from .export.self_metrics import SelfMetrics
from .export.signals import FlushOnTerm
from .export.trace_ids import pending_trace_id
from .hooks.dispatch import settle
from .observe.content import Content
from .observe.finished import FinishedCalls
from .observe.in_force import IN_FORCE
from .observe.observer import Observer
from .observe.run import RunScope
from .observe.spans import end_attributes, span_name, start_attributes
from .observe.threads import ThreadContext
from .pricing import Pricing

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import SpanContext, Tracer, TracerProvider

    from .core.call import LLMCall
    from .export.chosen import Chosen
    from .export.destination import Destination
    from .gateways.lent import Gateway
    from .observe.events import Events
    from .observe.logs import RunIdsOnRecords

logger = logging.getLogger("fastagentic")

NO_TELEMETRY: Final[dict[str, Any]] = {
    "destinations": (),
    "tracer_provider": otel_trace.NoOpTracerProvider(),
    "meter_provider": otel_metrics.NoOpMeterProvider(),
}
"""What `instrument()` is told where the SDK is disabled."""

AT_EXIT: Final = never_break("flush at the end of the process")

_lock = threading.RLock()
_current: Instrumentation | None = None
_has_exit_hook = False


def instrument(
    *,
    service_name: str | None = None,
    destinations: Sequence[str | Destination] | None = None,
    clients: Sequence[str] | None = None,
    capture_content: bool | None = None,
    redact: Callable[[str], str] | None = None,
    propagate: bool | None = None,
    prices: Mapping[str, object] | str | os.PathLike[str] | None = None,
    durability: str | None = None,
    logs: bool | None = None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Observe every LLM call made through Portkey or LiteLLM from here on, whatever the order of imports.

    Args:
        service_name: `service.name` of the provider that we make; `OTEL_SERVICE_NAME` beats it.
        destinations: where spans go: any of `local`, `otlp`, `otlp=<endpoint>`, `langfuse`, `console`, and objects with the
            names of `fastagentic.export.Destination`; `[]` for nowhere (calls are still priced and counted). None: what the
            environment speaks of (`FASTAGENTIC_DESTINATIONS`, else `OTEL_*` and `LANGFUSE_*`), else local.
        clients: which clients to observe, of `portkey`, `litellm` and `openai`. None: all, now or when they are imported; of
            the OpenAI SDK's calls those that a gateway answers, and all of them where `openai` is named here.
        capture_content: put prompts, answers, tool calls and tools on the span, as the conventions' JSON. None: no.
        redact: given every captured text, returns what may be kept of it.
        propagate: lend the run id to Portkey requests that carry no `x-portkey-trace-id`. None: yes.
        prices: own prices and discounts by model, `provider/model` or pattern, USD per million tokens:
            `{"gpt-4o": {"input": 2, "output": 8}, "azure/*": {"discount": 15}}`; or the path of a TOML or JSON file of the
            same. None: the file that `FASTAGENTIC_PRICES` names, if any.
        durability: `crash`: a span is on disk before the call returns, so that SIGKILL loses none. None: `normal`, which
            can lose the last second then.
        logs: put `run_id`, `trace_id` and `span_id` on log records. None: no.
        tracer_provider: make spans with this provider; None: the global one, or one of ours if there is none.
        meter_provider: record metrics with this provider; None: the global one.

    Safe to call twice and from several threads: with the same arguments nothing happens, with others one warning is
    logged and the first stay. With `OTEL_SDK_DISABLED=true` there are no spans, metrics or store; hooks and gateways work on.

    Raises: ConfigError that names an argument or variable with a value that cannot be used.

    Example:
        >>> import fastagentic
        >>> fastagentic.instrument(service_name="checkout-agent")
    """
    global _current
    arguments = {name: value for name, value in locals().items() if value is not None}
    with _lock:
        if _current is not None:
            if _current.arguments != arguments:
                logger.warning("fastagentic.instrument() was called again with other arguments; the first stay in force")
            return
        if is_left_out(os.environ):
            return
        load_settings_file()
        _current = Instrumentation(arguments)
        _register_exit_hook()


def is_instrumented() -> bool:
    """Whether `instrument` is in force. Not public."""
    return _current is not None


def uninstrument() -> None:
    """Take everything off again: the clients are exactly what they were, and what was queued has been delivered.

    Example:
        >>> import fastagentic
        >>> fastagentic.instrument()
        >>> fastagentic.uninstrument()
    """
    global _current
    with _lock:
        instrumentation, _current = _current, None
    if instrumentation is not None:
        instrumentation.take_off()


def flush(timeout: float = 5.0) -> bool:
    """Wait until every destination has acknowledged everything; at most `timeout` seconds.

    Returns: True when all is delivered (also when nothing is instrumented), False when time ran out before.

    Example:
        >>> import fastagentic
        >>> fastagentic.flush(timeout=2)
        True
    """
    instrumentation = _current
    return instrumentation is None or instrumentation.flush(timeout)


def run(
    name: str,
    *,
    user: str | None = None,
    session: str | None = None,
    tenant: str | None = None,
    tags: Sequence[str] = (),
    run_id: str | uuid.UUID | None = None,
    gateway: Gateway | None = None,
) -> RunScope:
    """A run: what its calls cost together, under one id. As `with`, `async with`, or decorator (a run per call).

    The run id is the trace id, 32 hex digits. A `run_id` that is a UUID or 32 hex digits is taken bit for bit; any other
    text is hashed, and kept as `external_id`. A run inside a run shares the id and has totals of its own. A `gateway`
    (`PortkeyGateway`, `LiteLLMGateway`) lends its configuration to every observed call of the run that has none of its own.

    Raises: TypeError when `name` is no str, or when the result is awaited.

    Example:
        >>> import fastagentic
        >>> with fastagentic.run("nightly-report", user="u-42", tags=["batch"]) as run:
        ...     pass  # calls made here, in tasks and threads started here too, belong to the run
        >>> run.usage.cost
        0.0
    """
    return RunScope(
        name,
        tracer=tracer,
        pending=pending_trace_id,
        run_id=run_id,
        gateway=gateway,
        user=user,
        session=session,
        tenant=tenant,
        tags=tuple(tags),
    )


def endpoint_run(name: str, *, run_id: str | None, gateway: Gateway | None, hooks: Sequence[Any]) -> RunScope:
    """The run of one request of an `App`: `invoke_agent {name}`. Not public."""
    return RunScope(
        name,
        tracer=tracer,
        pending=pending_trace_id,
        run_id=run_id,
        operation=Operation.INVOKE_AGENT,
        gateway=gateway,
        hooks=tuple(hooks),
        is_endpoint=True,
    )


def score(
    run_id: str | uuid.UUID,
    name: str,
    value: float | bool | str,
    *,
    comment: str | None = None,
    data_type: str | None = None,
    config_id: str | None = None,
) -> bool:
    """Judge a run, by its id, in Langfuse: also one that is over, also from another process.

    Args:
        run_id: of the run, its 32 hex digits or the text that was given to `run`.
        name: of the score, such as `quality`.
        value: a number, a truth or a text.
        data_type: `NUMERIC`, `BOOLEAN`, `CATEGORICAL` or `TEXT`; None: by the value.
        comment: why.
        config_id: of Langfuse's score configuration, if it is to be checked against one.

    Returns: True when it is queued, on disk before it is sent; False, with one warning, when no destination is a Langfuse.

    Raises: ValueError for a score that Langfuse would refuse.

    Example:
        >>> import fastagentic
        >>> fastagentic.score("order-42", "quality", 0.9, comment="as asked")
        False
    """
    from .export.scores import score_to

    deliveries = () if _current is None else _current.destinations.deliveries
    return score_to(deliveries, run_id, name, value, comment=comment, data_type=data_type, config_id=config_id)


class Instrumentation:
    """All that one `instrument()` put in place."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        if is_without_telemetry(os.environ):
            arguments = arguments | NO_TELEMETRY
        observed = _chosen("clients", arguments, tuple(CLIENTS))
        is_named = setting("clients", arguments.get("clients")) is not None
        propagate = setting("propagate", arguments.get("propagate"))
        captures = resolved("capture_content", arguments.get("capture_content"))
        has_events = captures_events(os.environ) and (captures.value or captures.source == CAPTURE)
        self.exit_timeout_s: float = setting("exit_timeout")
        prices = resolved("prices", arguments.get("prices"))
        pricing = Pricing(prices.value, source=prices.source)
        given = arguments.get("tracer_provider")
        # The last that can find fault with a value: nothing is on yet.
        self.destinations = chosen_by_settings(arguments, is_ours=makes_provider(given))
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
        observer = Observer(
            self.tracer,
            pricing,
            self._finished,
            propagate=propagate,
            content=content,
            on_unrecorded=self._store_unrecorded if self.destinations.local is not None else None,
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
        is_settled = settle(deadline - time.monotonic()) and is_settled
        targets = [self._further.flush] if self._pipeline is None else [self._pipeline.flush, self._further.flush]
        return side_by_side(targets, deadline) and is_settled

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
        deadline = time.monotonic() + self.exit_timeout_s
        self._finished.close(self.exit_timeout_s)
        closing = [self._further.close] if self._pipeline is None else [self._pipeline.close, self._further.close]
        side_by_side(closing, deadline)

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


def _chosen(name: str, arguments: Mapping[str, Any], known: tuple[str, ...]) -> tuple[str, ...]:
    """The names chosen for a setting; all of the known ones when nobody chose."""
    named = resolved(name, arguments.get(name))
    if named.value is None:
        return known
    for one in named.value:
        if one not in known:
            raise ConfigError.of(name, one, f"any of: {', '.join(known)}", source=named.source)
    return tuple(named.value)


def _events() -> Events:
    from .observe.events import Events

    return Events()


def _on_records() -> RunIdsOnRecords:
    from .observe.logs import RunIdsOnRecords

    return RunIdsOnRecords()


def tracer() -> Tracer:
    """Our tracer on the provider in force; also without `instrument()`, so that `run` always works."""
    instrumentation = _current
    return tracer_of(otel_trace.get_tracer_provider()) if instrumentation is None else instrumentation.tracer


def _register_exit_hook() -> None:
    global _has_exit_hook
    if not _has_exit_hook:
        AtExit(_at_exit)
        _has_exit_hook = True


def _at_exit() -> None:
    with AT_EXIT:
        if _current is not None and not flush(_current.exit_timeout_s):
            logger.warning("fastagentic: the process ended before everything was delivered")
