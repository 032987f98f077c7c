"""The keys of ours in the OpenTelemetry context: the run in force, and the call that is being made right now."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context
from opentelemetry.context import (
    _SUPPRESS_INSTRUMENTATION_KEY as SUPPRESS_KEY,  # OTel's own, shared by all instrumentations
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token

    from opentelemetry.context import Context

    from fastagentic.core.run import Run

RUN_KEY: Final = otel_context.create_key("fastagentic-run")
CALL_KEY: Final = otel_context.create_key("fastagentic-call")


def current_run() -> Run | None:
    """The run in force here, or None outside any.

    Tags, user, session, tenant and metadata of it may be set while it runs.

    Example:
        >>> import fastagentic
        >>> fastagentic.current_run() is None
        True
        >>> with fastagentic.run("report"):
        ...     fastagentic.current_run().tags.append("late")
    """
    run: Run | None = otel_context.get_value(RUN_KEY)  # type: ignore[assignment]
    return run


@contextmanager
def suppress() -> Iterator[None]:
    """Calls made in here are not observed; neither by us nor by any OpenTelemetry instrumentation.

    Example:
        >>> import fastagentic
        >>> with fastagentic.suppress():
        ...     pass  # a call made here leaves no span, no cost, no row
    """
    token = otel_context.attach(otel_context.set_value(SUPPRESS_KEY, True))
    try:
        yield
    finally:
        detach(token)


def is_suppressed(context: Context) -> bool:
    """Whether OpenTelemetry's own suppression key is set; both its spellings are in use."""
    return bool(context) and bool(context.get(SUPPRESS_KEY) or context.get("suppress_instrumentation"))


def detach(token: Token[Context]) -> None:
    """Leave a context. Silent where it was entered in another one (a coroutine closed by the garbage collector)."""
    try:  # noqa: SIM105  # on the call path, where `suppress` costs ten times as much
        token.var.reset(token)
    except ValueError:
        pass
