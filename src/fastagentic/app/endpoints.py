"""`agent_endpoint`: an endpoint as it was declared, and which App serves it.

An App serves the endpoints of its module, declared before it or after it; one made inside a function also those of that
function. `App.include` adds others. The decorated function stays the user's own.
"""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fastagentic.core.budget import usd_of
from fastagentic.core.errors import ConfigError

from .bodies import Answer, Body, shape_of
from .given import functions_of, hooks_of, listed
from .rate_limits import rate_limit_of
from .reliability import fallback_of, retry_of, timeout_of
from .runnables import Runner, runner_of, streams_by_itself

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType, ModuleType

    from .application import App
    from .rate_limits import RateLimit
    from .reliability import Retry

F = TypeVar("F", bound=Callable[..., Any])

MODULE_LEVEL: Final = "<module>"


@dataclass(slots=True, frozen=True, eq=False)
class Endpoint:
    """What `agent_endpoint` was told, checked. What is None is the App's to say."""

    path: str
    name: str
    description: str
    function: Callable[..., Any]
    run: Runner = field(repr=False)
    body: Body = field(repr=False)
    answer: Answer = field(repr=False)
    stream: bool
    llm_gateway: Any = None
    hooks: tuple[Any, ...] = ()
    retry: Retry | None = None
    fallback: tuple[str, ...] = ()
    rate_limit: RateLimit | None = None
    timeout_s: float | None = None
    scopes: tuple[str, ...] = ()
    budget_usd: float | None = None


_of_modules: Final[dict[str, dict[str, Endpoint]]] = {}
"""Module -> path -> endpoint: one that is declared again, in a notebook or by a reload, replaces the first."""

_of_functions: Final[weakref.WeakKeyDictionary[Callable[..., Any], Endpoint]] = weakref.WeakKeyDictionary()
_apps: Final[dict[str, weakref.ref[App]]] = {}
"""Module -> the App that was made last at its top."""


def agent_endpoint(
    path: str,
    runnable: Any = None,
    llm_gateway: Any = None,
    hooks: Sequence[Any] | None = None,
    pre_hooks: Sequence[Any] | None = None,
    post_hooks: Sequence[Any] | None = None,
    retry: Any = None,
    fallback: Sequence[str] | None = None,
    rate_limit: Any = None,
    timeout: float | None = None,
    stream: bool = False,
    name: str | None = None,
    description: str | None = None,
    input_model: Any = None,
    output_model: Any = None,
    scopes: Sequence[str] | None = None,
    budget_usd: float | None = None,
) -> Callable[[F], F]:
    """Serve a function, or the `runnable` that it stands for, as `POST path`. The function stays what it was.

    Args:
        path: where, such as `/ask`.
        runnable: what answers: a callable (async or not), a LangChain or LangGraph runnable, a PydanticAI agent, anything with
            `ainvoke`, `invoke` or `run`. None or `...`: the function itself; its annotations say what goes in and out anyway.
        llm_gateway: lent to every observed call of the endpoint; beats the App's.
        hooks: beside the App's: `Hook` objects, or functions decorated by `hook`.
        pre_hooks: functions called with the context before the endpoint runs, as hooks of `on_request` are.
        post_hooks: the same after it, as hooks of `on_response`.
        retry: attempts, or `{"attempts": 3, "wait": 0.5, "max_wait": 30}` (seconds), with exponential backoff.
        fallback: models asked in turn when the endpoint fails with its own.
        rate_limit: `{"rpm": 60, "tpm": 100_000}`, `"60/minute"`; over it: 429 with Retry-After.
        timeout: seconds that a request may take, all attempts together; over it: 504.
        stream: answer by server-sent events, an event for each piece that the function yields.
        name: of the run and its span; the function's own unless said.
        description: for the documentation of the API; the function's docstring unless said.
        input_model: type of the body, beating the annotation.
        output_model: type of the answer (of a piece of it, where it streams), beating the annotation.
        scopes: what the user must be allowed; needs `App(authenticate=...)`.
        budget_usd: what the calls of one request may cost together, USD; the next one after that is not made: 402.

    Raises: ConfigError that names the argument, its value and what is accepted.

    Example:
        >>> from fastagentic.app.endpoints import agent_endpoint
        >>> @agent_endpoint("/double", timeout=5)
        ... async def double(number: int) -> int:
        ...     return 2 * number
    """
    if not isinstance(path, str) or not path.startswith("/"):
        raise ConfigError(f"agent_endpoint(path=...) is {path!r}; it takes a path that begins with '/'")
    arguments = {key: value for key, value in locals().items() if key != "path"}

    def declare(function: F) -> F:
        frame = sys._getframe(1)
        endpoint = _endpoint(path, function, known=frame.f_locals, **arguments)
        _register(endpoint, frame)
        return function

    return declare


def get_endpoints() -> dict[str, tuple[Endpoint, Callable[..., Any]]]:
    """Every endpoint that was declared at the top of a module: path -> (definition, function).

    Example:
        >>> from fastagentic.app.endpoints import get_endpoints
        >>> isinstance(get_endpoints(), dict)
        True
    """
    return {path: (one, one.function) for endpoints in _of_modules.values() for path, one in endpoints.items()}


def endpoints_in(thing: Callable[..., Any] | ModuleType | Endpoint) -> list[Endpoint]:
    """The endpoints that `App.include` was given: a decorated function, or a module with some. Raises: ConfigError."""
    if isinstance(thing, Endpoint):
        return [thing]
    if inspect.ismodule(thing):
        return list(_of_modules.get(thing.__name__, {}).values())
    found = _of_functions.get(thing) if inspect.isroutine(thing) or callable(thing) else None
    if found is None:
        raise ConfigError(f"App.include({thing!r}): no endpoint; it takes functions decorated by agent_endpoint, and modules")
    return [found]


def adopt(app: App, frame: FrameType) -> list[Endpoint]:
    """The endpoints that an App made in this frame serves from the start; at the top of a module it gets the later ones too."""
    module = frame.f_globals.get("__name__", "")
    declared = list(_of_modules.get(module, {}).values())
    if frame.f_code.co_name == MODULE_LEVEL:
        _apps[module] = weakref.ref(app)
        return declared
    local = (_endpoint_of(value) for value in list(frame.f_locals.values()))
    return [*declared, *(one for one in local if one is not None)]


def _register(endpoint: Endpoint, frame: FrameType) -> None:
    _of_functions[endpoint.function] = endpoint
    module = frame.f_globals.get("__name__", "")
    if frame.f_code.co_name == MODULE_LEVEL:
        _of_modules.setdefault(module, {})[endpoint.path] = endpoint
    for app in _apps_for(module, frame):
        app.include(endpoint)


def _apps_for(module: str, frame: FrameType) -> list[App]:
    """Those made in the same function, else the module's own."""
    from .application import App

    if frame.f_code.co_name != MODULE_LEVEL:
        made_here = [value for value in list(frame.f_locals.values()) if isinstance(value, App)]
        if made_here:
            return made_here
    of_module = _apps.get(module)
    app = None if of_module is None else of_module()
    return [] if app is None else [app]


def _endpoint_of(value: Any) -> Endpoint | None:
    return _of_functions.get(value) if inspect.isfunction(value) else None


def _endpoint(path: str, function: Callable[..., Any], *, known: Any, **told: Any) -> Endpoint:
    own_name = getattr(function, "__name__", path.strip("/") or "root")
    name = told["name"] or own_name
    shape = shape_of(function, known)
    answers = function if told["runnable"] in (None, ...) else told["runnable"]
    if not told["stream"] and streams_by_itself(answers):
        raise ConfigError(f"agent_endpoint({path!r}): {name} yields its answer; say stream=True")
    return Endpoint(
        path=path,
        name=name,
        description=told["description"] or inspect.getdoc(function) or "",
        function=function,
        run=runner_of(path, answers, function, shape, streams=told["stream"]),
        body=Body(path, own_name, shape, told["input_model"]),
        answer=Answer(path, shape, told["output_model"]),
        stream=told["stream"],
        llm_gateway=told["llm_gateway"],
        hooks=_hooks(path, told),
        retry=retry_of(told["retry"], f"agent_endpoint({path!r}, retry=...)"),
        fallback=fallback_of(told["fallback"], f"agent_endpoint({path!r}, fallback=...)"),
        rate_limit=rate_limit_of(told["rate_limit"], f"agent_endpoint({path!r}, rate_limit=...)"),
        timeout_s=timeout_of(told["timeout"], f"agent_endpoint({path!r}, timeout=...)"),
        scopes=listed(told["scopes"], f"agent_endpoint({path!r}, scopes=...)"),
        budget_usd=_budget(path, told["budget_usd"]),
    )


def _budget(path: str, given: Any) -> float | None:
    return None if given is None else usd_of(given, f"agent_endpoint({path!r}, budget_usd=...)")


def _hooks(path: str, told: Mapping[str, Any]) -> tuple[Any, ...]:
    return (
        *hooks_of(told["hooks"], f"agent_endpoint({path!r}, hooks=...)"),
        *functions_of(told["pre_hooks"], f"agent_endpoint({path!r}, pre_hooks=...)", "on_request"),
        *functions_of(told["post_hooks"], f"agent_endpoint({path!r}, post_hooks=...)", "on_response"),
    )
