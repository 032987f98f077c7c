"""`@fastagentic.tool`: a function that a model may call, as a span, with the hooks that stand before and after it."""

from __future__ import annotations

import functools
import inspect
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from inspect import BoundArguments, Parameter, Signature
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, overload

from opentelemetry import context as otel_context
from opentelemetry.trace import SpanKind, Status, StatusCode, set_span_in_context

from fastagentic.context import UsageInfo, user_of
from fastagentic.core import names
from fastagentic.core.guard import never_break
from fastagentic.core.names import Operation
from fastagentic.hooks.base import HookContext
from fastagentic.hooks.chain import Chain
from fastagentic.hooks.dispatch import MODIFY, REJECT, RETRY, SKIP, rejection
from fastagentic.hooks.once import warn_once

from .context import RUN_KEY, detach
from .in_force import IN_FORCE
from .moments import NOTHING, Moment, aplay, has_hooks, play
from .spans import run_attributes, run_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.trace import Span

    from fastagentic.core.run import Run

    from .moments import Moments

P = ParamSpec("P")
R = TypeVar("R")

SPAN: Final = never_break("write the span of a tool")
ERROR: Final = Status(StatusCode.ERROR)  # without a description: exception texts can echo a prompt
OWNERS: Final = ("self", "cls")
MARK: Final = "_fastagentic_tool"


@overload
def tool(
    function: Callable[P, R], *, name: str | None = None, description: str | None = None, call_id: str | None = None
) -> Callable[P, R]: ...


@overload
def tool(
    function: None = None, *, name: str | None = None, description: str | None = None, call_id: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


def tool(function: Any = None, *, name: str | None = None, description: str | None = None, call_id: str | None = None) -> Any:
    """A tool: each call of the function is an `execute_tool` span, and fires `on_tool_call` and `on_tool_result`.

    Args:
        function: sync or async; it keeps its signature. None: a decorator.
        name: of the tool; None: the function's.
        description: what the tool does; None: the first line of the function's docstring.
        call_id: the id that the model gave its call, for one call: `tool(weather, call_id=call.id)(city="Paris")`.

    Raises: TypeError for what is no function, and for a generator, whose work is done while others iterate.

    Example:
        >>> import fastagentic
        >>> @fastagentic.tool
        ... def add(one: int, other: int) -> int:
        ...     "Add two numbers."
        ...     return one + other
        >>> add(1, other=2)
        3
    """
    if function is None:
        return functools.partial(tool, name=name, description=description, call_id=call_id)
    known: Tool | None = getattr(function, MARK, None)
    if known is not None:
        told = {"name": name, "description": description, "call_id": call_id}
        given: dict[str, Any] = {key: value for key, value in told.items() if value is not None}
        return _wrapped(replace(known, **given))
    if not callable(function) or inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"fastagentic.tool: {function!r} is no function that gives its result in one piece; use it as @fastagentic.tool or "
            "@fastagentic.tool(name=..., description=...) on a function or coroutine function"
        )
    said = (inspect.getdoc(function) or "").partition("\n")[0]
    return _wrapped(Tool(function, name or str(getattr(function, "__name__", "tool")), description or said, call_id))


@dataclass(slots=True, frozen=True)
class Tool:
    """A function that is a tool, and how it is called."""

    function: Callable[..., Any]
    name: str
    description: str
    call_id: str | None = None

    @contextmanager
    def span(self) -> Iterator[Span]:
        """The span of one call, current while it runs."""
        parent = otel_context.get_current()
        run: Run | None = parent.get(RUN_KEY)  # type: ignore[assignment]
        told = {names.TOOL_DESCRIPTION: self.description or None, names.TOOL_CALL_ID: self.call_id}
        attributes = {
            names.OPERATION_NAME: Operation.EXECUTE_TOOL.value,
            names.TOOL_NAME: self.name,
            names.TOOL_TYPE: "function",
            **{name: value for name, value in told.items() if value is not None},
            **({} if run is None else {names.RUN_ID: run.run_id, **run_attributes(run)}),
        }
        span = IN_FORCE.tracer.start_span(f"{Operation.EXECUTE_TOOL} {self.name}", parent, SpanKind.INTERNAL, attributes)
        token = otel_context.attach(set_span_in_context(span, parent))
        try:
            yield span
        except BaseException as error:  # cancellation and Ctrl-C end it too
            span.set_attribute(names.ERROR_TYPE, type(error).__qualname__)
            span.set_status(ERROR)
            raise
        finally:
            detach(token)
            span.end()


def _wrapped(tool: Tool) -> Any:
    function = tool.function
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await _acall(tool, args, kwargs)

        setattr(awaited, MARK, tool)
        return awaited

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        return _call(tool, args, kwargs)

    setattr(called, MARK, tool)
    return called


def _call(tool: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with tool.span() as span:
        use = Use.of(tool, args, kwargs, span)
        is_wanted = play(use.start())
        while is_wanted:
            use.output = tool.function(*use.args, **use.kwargs)
            is_wanted = play(use.ended())
        return use.output


async def _acall(tool: Tool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with tool.span() as span:
        use = Use.of(tool, args, kwargs, span)
        is_wanted = await aplay(use.start())
        while is_wanted:
            use.output = await tool.function(*use.args, **use.kwargs)
            is_wanted = await aplay(use.ended())
        return use.output


@dataclass(slots=True)
class Use:
    """One call of a tool."""

    tool: Tool
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    span: Span
    context: Context
    output: Any = None
    _ctx: HookContext | None = None
    """None where there are no hooks."""
    _chain: Chain = field(default_factory=Chain)
    _started: float = 0.0

    @classmethod
    def of(cls, tool: Tool, args: tuple[Any, ...], kwargs: dict[str, Any], span: Span) -> Use:
        """A call that is about to be made, in the context of its span."""
        context = otel_context.get_current()
        use = cls(tool, args, kwargs, span, context)
        if has_hooks(context):
            run: Run | None = context.get(RUN_KEY)  # type: ignore[assignment]
            use._chain = Chain(() if run is None else run.hooks)
            use._ctx = _context_of(tool.name, run, span)
            use._ctx.tool_input = use.by_name()
        use._started = time.perf_counter()
        return use

    def start(self) -> Moments[bool]:
        """Before the tool runs; False when it is not to run. Raises what a hook refuses with."""
        self._capture(names.TOOL_CALL_ARGUMENTS, self.by_name)
        if self._ctx is None:
            return True
        result = yield self._moment("on_tool_call")
        if result.action is REJECT:
            raise rejection("on_tool_call", result)
        if result.action is MODIFY:
            self._take(result.data)
            self._capture(names.TOOL_CALL_ARGUMENTS, self.by_name)
        if result.action is SKIP:
            self.output = self._ctx.tool_output
        return result.action is not SKIP

    def ended(self) -> Moments[bool]:
        """After it has run; True when it is to run again."""
        ctx = self._ctx
        if ctx is not None:
            ctx.tool_output, ctx.duration_ms = self.output, (time.perf_counter() - self._started) * 1000
            result = yield self._moment("on_tool_result")
            if result.action is REJECT:
                raise rejection("on_tool_result", result)
            if result.action is RETRY:
                ctx.retry_count += 1
                self.span.set_attribute(names.RETRIES, ctx.retry_count)
                yield self._moment("on_retry")
                return True
            if result.action is MODIFY:
                self.output = result.data
        self._capture(names.TOOL_CALL_RESULT, lambda: self.output)
        return False

    def by_name(self) -> dict[str, Any]:
        """The arguments by name, without the object that the tool is a method of."""
        bound = self._bound()
        found = self.kwargs if bound is None else dict(bound.arguments)
        return {name: value for name, value in found.items() if name not in OWNERS}

    def _bound(self) -> BoundArguments | None:
        try:
            return inspect.signature(self.tool.function).bind(*self.args, **self.kwargs)
        except (TypeError, ValueError):  # the tool itself will say what is wrong with them
            return None

    def _take(self, data: Any) -> None:
        """Run with other arguments, if the tool can."""
        bound, signature = self._bound(), inspect.signature(self.tool.function)
        changed = None if bound is None else _bound_to(signature, bound, data)
        if changed is not None:
            self.args, self.kwargs = changed.args, changed.kwargs
            return
        kind = (self.tool.name, "on_tool_call", "modify")
        warn_once(kind, "on_tool_call: a hook gave %s what its arguments cannot be; it runs as it was called", self.tool.name)

    def _moment(self, event: str) -> Moment:
        assert self._ctx is not None
        return Moment(event, self._ctx, self._chain, NOTHING if event == "on_retry" else None, self.context)

    def _capture(self, attribute: str, value: Callable[[], Any]) -> None:
        if IN_FORCE.content is not None and self.span.is_recording():
            with SPAN:
                if (written := IN_FORCE.content.one(value())) is not None:
                    captured = getattr(self.span, "attributes", None) or {}
                    kept = dict.fromkeys((*captured.get(names.CONTENT, ()), attribute))
                    self.span.set_attributes({attribute: written, names.CONTENT: tuple(kept)})


def _context_of(name: str, run: Run | None, span: Span) -> HookContext:
    return HookContext(
        run_id=run_id_of(span) if run is None else run.run_id,
        endpoint="" if run is None else run.name,
        tool_name=name,
        user=user_of(run),
        usage=None if run is None else UsageInfo.of(run.usage),
        metadata={} if run is None else run.metadata,
        tenant=None if run is None else run.tenant,
        started_at=time.time(),
    )


def _bound_to(signature: Signature, before: BoundArguments, data: Any) -> BoundArguments | None:
    """These arguments, with the object that the tool is a method of; None when it does not take them."""
    if not isinstance(data, dict):
        return None
    owner = {name: value for name, value in before.arguments.items() if name in OWNERS}
    extra = next((name for name, one in signature.parameters.items() if one.kind is Parameter.VAR_KEYWORD), None)
    known = {name: (owner | data)[name] for name in signature.parameters if name in (owner | data)}
    if further := {name: value for name, value in data.items() if name not in signature.parameters}:
        if extra is None:
            return None
        known[extra] = {**_mapping(known.get(extra)), **further}
    try:
        bound = BoundArguments(signature, known)
        return signature.bind(*bound.args, **bound.kwargs)
    except (TypeError, ValueError):
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value or {}
