"""The OpenTelemetry context into plain threads: what `threading.Thread` and `ThreadPoolExecutor` do not carry by themselves.

As little as it takes: opentelemetry-instrumentation-threading does the same and pins another release of the conventions
than the SDK. Beside it, this does no harm: both attach the same context.
"""

from __future__ import annotations

import functools
import threading
from types import MethodType
from typing import TYPE_CHECKING, Any, Final

import wrapt
from opentelemetry import context as otel_context
from opentelemetry.context import Context

from fastagentic.core.guard import never_break
from fastagentic.core.patch import Patch

from .context import detach

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

CARRY: Final = never_break("carry the context into a thread")


class ThreadContext:
    """Carries the context into threads while it is on."""

    def __init__(self) -> None:
        self._is_on = True
        self._patches = [Patch(threading.Thread, "start", _start)]
        wrapt.register_post_import_hook(self._executor_imported, "concurrent.futures.thread")

    def take_off(self) -> None:
        """Threads are again what they were; those that run keep their context."""
        self._is_on = False
        while self._patches:
            self._patches.pop().take_off()

    def _executor_imported(self, module: ModuleType) -> None:
        if self._is_on:
            self._patches.append(Patch(module.ThreadPoolExecutor, "submit", _submit))


def _start(wrapped: Callable[..., None], instance: threading.Thread, args: Any, kwargs: Any) -> None:
    context = otel_context.get_current()
    own = instance.__dict__.get("run")
    if context:
        with CARRY:
            instance.run = _carrying(context, instance, instance.run, own)  # type: ignore[method-assign]
    try:
        return wrapped(*args, **kwargs)
    except BaseException:  # no thread could be started: leave the object as it was
        _give_back(instance, own)
        raise


def _carrying(
    context: Context, instance: threading.Thread, run: Callable[[], None], own: Callable[[], None] | None
) -> Callable[[], None]:
    """`run` in the context: a method, as others who wrap it in their turn (Sentry) take it apart and hand in the thread."""

    def carried(thread: threading.Thread) -> None:
        _give_back(thread, own)
        token = otel_context.attach(context)
        try:
            run()
        finally:
            detach(token)

    return MethodType(carried, instance)


def _give_back(thread: threading.Thread, own: Callable[[], None] | None) -> None:
    thread.__dict__.pop("run", None)
    if own is not None:
        thread.__dict__["run"] = own


def _submit(wrapped: Callable[..., Any], instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    context = otel_context.get_current()
    if not context or not args:
        return wrapped(*args, **kwargs)
    # A worker thread that is started in here must not keep the context of whoever happened to submit first.
    token = otel_context.attach(Context())
    try:
        return wrapped(functools.partial(_call, context, args[0]), *args[1:], **kwargs)
    finally:
        detach(token)


def _call(context: Context, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    token = otel_context.attach(context)
    try:
        return function(*args, **kwargs)
    finally:
        detach(token)
