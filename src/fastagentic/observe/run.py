"""`fastagentic.run(...)`: the root span of a run and the context that ties calls to it; `with`, `async with` or decorator."""

from __future__ import annotations

import functools
import inspect
import uuid
from typing import TYPE_CHECKING, Any, Final, NoReturn, ParamSpec, TypeVar

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Status, StatusCode, get_current_span, set_span_in_context

from fastagentic.core import names
from fastagentic.core.guard import never_break
from fastagentic.core.ids import format_trace_id, trace_id_of
from fastagentic.core.names import Operation
from fastagentic.core.run import Run

from .context import RUN_KEY, detach
from .spans import run_attributes

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType

    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer

P = ParamSpec("P")
R = TypeVar("R")

START: Final = never_break("start the span of a run")
END: Final = never_break("end the span of a run")
INHERITED: Final = ("user", "session", "tenant", "tags", "gateway", "hooks", "person", "is_endpoint", "budgets")
"""What a run inside a run has from the outer one, unless it says otherwise."""
NAME_OF: Final = {Operation.INVOKE_WORKFLOW: names.WORKFLOW_NAME, Operation.INVOKE_AGENT: names.AGENT_NAME}
"""Kind of run -> the attribute that carries its name."""
ERROR: Final = Status(StatusCode.ERROR)  # without a description: exception texts can echo a prompt


class RunScope:
    """One `with fastagentic.run(...)`. Entering starts the run, leaving ends it; each use is a run of its own.

    `tracer` gives the tracer in force when the run starts, and `pending` hands a given trace id to its id generator.
    """

    def __init__(
        self,
        name: str,
        *,
        tracer: Callable[[], Tracer],
        pending: Callable[[int], AbstractContextManager[None]],
        run_id: str | uuid.UUID | None = None,
        operation: Operation = Operation.INVOKE_WORKFLOW,
        **who: Any,
    ) -> None:
        if not isinstance(name, str):
            raise TypeError(
                f"fastagentic.run(name): the name is {type(name).__name__}, not a str. fastagentic.run is a context manager "
                "and decorator here; to run an agent, call it inside: with fastagentic.run('name'): agent(...)"
            )
        self._name = name
        self._run_id = str(run_id) if run_id is not None else None
        self._operation = operation
        self._who: dict[str, Any] = who
        self._tracer = tracer
        self._pending = pending
        self._open: list[tuple[Run, Span, Any]] = []

    def __enter__(self) -> Run:
        parent = otel_context.get_current()
        outer: Run | None = parent.get(RUN_KEY)  # type: ignore[assignment]
        span = self._start_span(parent, outer)
        run = self._new_run(outer, span)
        with START:
            span.set_attributes(_identity(run))
        context = otel_context.set_value(RUN_KEY, run, set_span_in_context(span, parent))
        self._open.append((run, span, otel_context.attach(context)))
        return run

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        run, span, token = self._open.pop()
        detach(token)
        with END:
            usage = run.usage
            span.set_attributes({**_identity(run), names.RUN_COST: usage.cost, names.RUN_CALLS: usage.calls})
            if kind is not None:
                span.set_attribute(names.ERROR_TYPE, kind.__qualname__)
                span.set_status(ERROR)
            span.end()

    async def __aenter__(self) -> Run:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Decorate a function, coroutine function or (async) generator function: each call of it is a run."""
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(
                f"@fastagentic.run on the generator {function.__qualname__}: between two yields the run would leak into the "
                "code that iterates. Put `with fastagentic.run(...)` around the work inside it."
            )
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: P.args, **kwargs: P.kwargs) -> Any:
                with self._again():
                    return await function(*args, **kwargs)

            return awaited  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            with self._again():
                return function(*args, **kwargs)

        return called

    def __await__(self) -> NoReturn:
        raise TypeError(
            "fastagentic.run(...) is not awaited: use `with fastagentic.run('name') as run:` (or `async with`, or as a "
            "decorator) around the calls that belong to the run"
        )

    def _again(self) -> RunScope:
        """A fresh scope for one call of a decorated function, which may run many times at once."""
        return RunScope(
            self._name,
            tracer=self._tracer,
            pending=self._pending,
            run_id=self._run_id,
            operation=self._operation,
            **self._who,
        )

    def _start_span(self, parent: Context, outer: Run | None) -> Span:
        given = None if self._run_id is None or outer is not None else trace_id_of(self._run_id)
        has_parent = get_current_span(parent).get_span_context().is_valid
        attributes = {names.OPERATION_NAME: self._operation.value, NAME_OF[self._operation]: self._name}
        if has_parent and outer is None:  # below a span that is not ours: nothing else tells it from a run inside a run
            attributes[names.TRACE_NAME] = self._name
        with self._pending(0 if has_parent else given or 0):
            return self._tracer().start_span(
                f"{self._operation} {self._name}",
                context=parent,
                kind=SpanKind.INTERNAL,
                attributes=attributes,
            )

    def _new_run(self, outer: Run | None, span: Span) -> Run:
        if outer is not None:  # a run inside a run shares the id, and inherits whom it is for
            inherited = {name: getattr(outer, name) for name in INHERITED}
            who = inherited | {name: value for name, value in self._who.items() if value or name == "budget_usd"}
            return Run(self._name, outer.run_id, parent=outer, **who)
        trace_id = span.get_span_context().trace_id
        run_id = self._run_id
        if run_id is None:  # a no-op tracer gives no id
            return Run(self._name, format_trace_id(trace_id or uuid.uuid4().int), **self._who)
        digits = format_trace_id(trace_id or trace_id_of(run_id))
        return Run(self._name, digits, external_id=None if run_id == digits else run_id, **self._who)


def _identity(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = {names.RUN_ID: run.run_id, **run_attributes(run)}
    if run.external_id is not None:
        found[names.RUN_EXTERNAL_ID] = run.external_id
    return found
