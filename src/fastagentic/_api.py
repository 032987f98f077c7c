"""The public functions: `instrument`, `uninstrument`, `flush`, `run`, `score`. The package exports them lazily.

What `instrument` puts in place is `_instrumentation.py`.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace as otel_trace

from ._instrumentation import Instrumentation
from ._settings_file import load_settings_file
from .core.budget import NO_BUDGETS, usd_of
from .core.environment import is_left_out
from .core.exit import AtExit
from .core.guard import never_break
from .core.names import Operation
from .export.provider import tracer_of
from .export.trace_ids import pending_trace_id
from .hooks.once import warn_once
from .observe.in_force import NO_TELEMETRY
from .observe.run import RunScope

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

    from .core.budget import Budgets
    from .export.destination import Destination
    from .gateways.lent import Gateway

logger = logging.getLogger("fastagentic")

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
    budgets: Mapping[str, object] | str | None = None,
    durability: str | None = None,
    logs: bool | None = None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
) -> None:
    """Observe every LLM call made through Portkey or LiteLLM from here on, whatever the order of imports.

    Args:
        service_name: `service.name` of the provider that we make; `OTEL_SERVICE_NAME` beats it.
        destinations: where spans go: any of `local`, `otlp`, `otlp=<endpoint>`, `langfuse`, `console`, and objects with the
            names of `fastagentic.export.destination.Destination`; `[]` for nowhere (calls are still priced and counted).
            None: what the environment speaks of (`FASTAGENTIC_DESTINATIONS`, else `OTEL_*`, `LANGFUSE_*`), else local.
        clients: which clients to observe, of `portkey`, `litellm` and `openai`. None: all, now or when they are imported; of
            the OpenAI SDK's calls those that a gateway answers, and all of them where `openai` is named here.
        capture_content: put prompts, answers, tool calls and tools on the span, as the conventions' JSON. None: no.
        redact: given every captured text, returns what may be kept of it.
        propagate: lend the run id to Portkey requests that carry no `x-portkey-trace-id`. None: yes.
        prices: own prices and discounts by model, `provider/model` or pattern, USD per million tokens:
            `{"gpt-4o": {"input": 2, "output": 8}, "azure/*": {"discount": 15}}`; or the path of a TOML or JSON file of the
            same. None: the file that `FASTAGENTIC_PRICES` names, if any.
        budgets: what may be spent, USD, on each `run`, `user`, `tenant` or `endpoint`, and by all in a `month`:
            `{"run": 0.50, "month": {"usd": 500, "action": "warn"}}`, or text: `run=0.50, month=500`. None: no limits.
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
        _give_way()
        if _current is not None:
            if _current.arguments != arguments:
                logger.warning("fastagentic.instrument() was called again with other arguments; the first stay in force")
            return
        if is_left_out(os.environ):
            return
        load_settings_file()
        _current = Instrumentation(arguments)
        _register_exit_hook()


def _give_way() -> None:
    """What stands only until somebody instruments is taken off."""
    if _current is not None and _current.is_provisional:
        uninstrument()


def instrument_for_now() -> bool:
    """Observe calls as a test asks for it, until somebody instruments: no span, store, provider, id or setting of theirs.

    Returns: False where somebody has instrumented already. Not public.
    """
    global _current
    with _lock:
        if _current is not None or is_left_out(os.environ):
            return False
        load_settings_file()
        _current = Instrumentation({**NO_TELEMETRY, "propagate": False, "logs": False, "budgets": NO_BUDGETS})
        _current.is_provisional = True
        return True


def settle(timeout_s: float) -> bool:
    """Wait for calls that end on a thread of ours, and for nothing of what is delivered. Not public."""
    instrumentation = _current
    return instrumentation is None or instrumentation.settle(timeout_s)


def is_provisional() -> bool:
    """Whether it is `instrument_for_now` that is in force. Not public."""
    return _current is not None and _current.is_provisional


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
    budget_usd: float | None = None,
) -> RunScope:
    """A run: what its calls cost together, under one id. As `with`, `async with`, or decorator (a run per call).

    The run id is the trace id, 32 hex digits. A `run_id` that is a UUID or 32 hex digits is taken bit for bit; any other
    text is hashed, and kept as `external_id`. A run inside a run shares the id and has totals of its own. A `gateway`
    (`PortkeyGateway`, `LiteLLMGateway`) lends its configuration to every observed call of the run that has none of its own.
    Once its calls have cost `budget_usd` together, USD, the next one raises `BudgetExceeded` before it is made.

    Raises: TypeError when `name` is no str, or when the result is awaited; ConfigError for a budget that is no amount.

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
        budget_usd=None if budget_usd is None else _budget(budget_usd),
        user=user,
        session=session,
        tenant=tenant,
        tags=tuple(tags),
    )


def _budget(usd: float) -> float:
    """The argument of `run`, which says so once where nothing observes the calls that it is to limit. Raises: ConfigError."""
    amount = usd_of(usd, "fastagentic.run(budget_usd=...)")
    if _current is None:
        warn_once(("budget_usd",), "fastagentic.run(budget_usd=...) limits observed calls: call fastagentic.instrument() first")
    return amount


def endpoint_run(
    name: str,
    *,
    run_id: str | None,
    gateway: Gateway | None,
    hooks: Sequence[Any],
    budget_usd: float | None = None,
    budgets: Budgets | None = None,
) -> RunScope:
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
        budget_usd=budget_usd,
        budgets=budgets,
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
