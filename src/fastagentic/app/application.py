"""`App`: endpoints, hooks, a gateway and users, wired together as one ASGI application on FastAPI."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from fastagentic import _api
from fastagentic.core.config import read_size, resolved, setting
from fastagentic.core.errors import ConfigError
from fastagentic.core.guard import never_break
from fastagentic.hooks.chain import Chain
from fastagentic.hooks.dispatch import afire

from .endpoints import adopt, endpoints_in
from .given import hooks_of
from .health import add_health
from .problems import Problem, TooManyRuns, problem_of, retry_after
from .rate_limits import Allowance, rate_limit_of
from .reliability import fallback_of, retry_of, timeout_of
from .routes import add_route, document_problems
from .service import Service
from .telemetry import switch_on

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from types import FrameType

    from opentelemetry.trace import Tracer
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from fastagentic.core.budget import Budgets

    from .rate_limits import RateLimit
    from .reliability import Retry
    from .users import Authenticate

MAX_BODY: Final = 10_000_000
QUIET: Final = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI 0.165 observes by itself: a span around every run, several in it, and log records with the text of exceptions."""

FLUSH: Final = never_break("flush at the end of the application")


@dataclass(slots=True, frozen=True)
class AppConfig:
    """What an App was told. Of `retry`, `fallback`, `rate_limit` and `timeout`: for endpoints that do not say themselves."""

    title: str
    version: str
    description: str
    llm_gateway: Any
    telemetry: Mapping[str, Any] | None
    max_concurrent: int | None
    max_body_bytes: int
    retry: Retry | None
    fallback: tuple[str, ...]
    rate_limit: RateLimit | None
    timeout_s: float | None
    budgets: Budgets | None


class App:
    """An application of agents: `uvicorn module:app`, `fastagentic serve module:app`.

    It serves the endpoints of its own module, whenever they are declared; `include` adds those of others.

    Args:
        title, version, description: of the documentation that it serves at `/docs`.
        llm_gateway: lent to every observed call of every endpoint that has none of its own.
        hooks: `Hook` objects, for every endpoint.
        authenticate: called with the request, async or not; gives the `UserInfo`, or None for nobody, which is a 401.
        instrument: call `fastagentic.instrument()` on start-up.
        telemetry: its arguments, such as `{"service_name": "checkout"}`; False is `instrument=False`.
        max_concurrent: runs at once; over it: 503.
        max_body: of a request, bytes or `"10MB"`; over it: 413.
        retry, fallback, rate_limit, timeout: as `agent_endpoint` takes them, for endpoints that do not say. The rate limit
            is shared by those.
        budgets: what may be spent on each run, user, tenant or endpoint, and in a month, as `fastagentic.instrument()` takes
            it. They hold for the calls of this App's endpoints, before those of the settings; over one of them: 402.
        lifespan: what the application needs while it runs: `async with lifespan(app)` around it.

    Raises: ConfigError that names the argument, its value and what is accepted.

    Example:
        >>> from fastagentic.app.application import App
        >>> app = App(title="My Agent", instrument=False)
        >>> app.config.title
        'My Agent'
    """

    def __init__(
        self,
        title: str = "FastAgentic App",
        version: str = "1.0.0",
        description: str = "",
        *,
        llm_gateway: Any = None,
        hooks: Sequence[Any] = (),
        authenticate: Authenticate | None = None,
        instrument: bool = True,
        telemetry: Mapping[str, Any] | bool | None = None,
        max_concurrent: int | None = None,
        max_body: int | str = MAX_BODY,
        retry: Any = None,
        fallback: Sequence[str] | None = None,
        rate_limit: Any = None,
        timeout: float | None = None,
        budgets: Mapping[str, Any] | str | None = None,
        lifespan: Callable[[App], AbstractAsyncContextManager[Any]] | None = None,
    ) -> None:
        self.config = AppConfig(
            title=title,
            version=version,
            description=description,
            llm_gateway=llm_gateway,
            telemetry=_telemetry(telemetry, is_on=instrument),
            max_concurrent=_at_least_one("max_concurrent", max_concurrent),
            max_body_bytes=_bytes(max_body),
            retry=retry_of(retry, "App(retry=...)"),
            fallback=fallback_of(fallback, "App(fallback=...)"),
            rate_limit=rate_limit_of(rate_limit, "App(rate_limit=...)"),
            timeout_s=timeout_of(timeout, "App(timeout=...)"),
            budgets=None if budgets is None else resolved("budgets", budgets, source="App(budgets=...)").value,
        )
        self.hooks = list(hooks_of(hooks, "App(hooks=...)"))
        self.authenticate = authenticate
        self.allowance = None if self.config.rate_limit is None else Allowance(self.config.rate_limit, title)
        self.is_ready = False
        self._running = 0
        self._services: list[Service] = []
        self._own_lifespan = lifespan
        self._is_started = False
        told: dict[str, Any] = {"title": title, "version": version, "description": description, "telemetry": QUIET}
        self.fastapi = FastAPI(lifespan=self._lifespan, **told)  # an older one keeps the word `telemetry` and does nothing
        for kind, handler in ((HTTPException, _refused), (RequestValidationError, _unfit), (Exception, _failed)):
            self.fastapi.add_exception_handler(kind, handler)
        document_problems(self.fastapi)
        add_health(self.fastapi, self)
        self.include(*adopt(self, _maker(self)))

    def __repr__(self) -> str:
        return f"App({self.config.title!r})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if not self._is_started and scope["type"] != "lifespan":  # mounted, or called by a client that has no lifespan
            await self._start()
        await self.fastapi(scope, receive, send)

    def include(self, *endpoints: Any) -> None:
        """Serve these too: functions decorated by `agent_endpoint`, and modules that have some. Raises: ConfigError."""
        for thing in endpoints:
            for endpoint in endpoints_in(thing):
                service = Service(self, endpoint)
                self._services.append(service)
                add_route(self.fastapi, service)

    def add_hook(self, hook: Any) -> None:
        """Add a hook, for requests from now on. Raises: ConfigError."""
        self.hooks += hooks_of([hook], "App.add_hook(...)")

    def mount(self, path: str, application: ASGIApp, name: str | None = None) -> None:
        """Serve another ASGI application below a path; the dashboard, behind this App's `authenticate` where it has one."""
        if self.authenticate is not None and isinstance(application, Guardable):
            application = application.behind(self.authenticate)
        self.fastapi.mount(path, application, name)

    @property
    def tracer(self) -> Tracer:
        """Where spans are made."""
        return _api.tracer()

    @contextmanager
    def room(self) -> Iterator[None]:
        """One run's place among those of `max_concurrent`. Raises: TooManyRuns."""
        if self.config.max_concurrent is not None and self._running >= self.config.max_concurrent:
            raise TooManyRuns("as many runs as may be are going on", headers=retry_after(1))
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    @asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[Any]:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._end)
            await self._start()
            state = None if self._own_lifespan is None else await stack.enter_async_context(self._own_lifespan(self))
            yield state
            self.is_ready = False

    async def _start(self) -> None:
        self._is_started = True
        if self.config.telemetry is not None:
            budgets = {} if self.config.budgets is None else {"budgets": self.config.budgets}
            hooks = (*self.hooks, *(hook for one in self._services for hook in one.endpoint.hooks))
            switch_on({**budgets, **self.config.telemetry}, hooks)
        await afire("on_startup", self, Chain(self.hooks))
        self.is_ready = True

    async def _end(self) -> None:
        self.is_ready = False
        self._is_started = False
        await afire("on_shutdown", self, Chain(self.hooks))
        with FLUSH:
            await asyncio.to_thread(_api.flush, setting("exit_timeout"))


@runtime_checkable
class Guardable(Protocol):
    """An ASGI application that lets in whom another one knows."""

    def behind(self, authenticate: Authenticate) -> ASGIApp:
        """The same application behind `authenticate`."""
        ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""


def _maker(app: App) -> FrameType:
    """The frame of whoever makes the App; the `__init__` of a class derived from it is not who."""
    frame = sys._getframe(2)
    while frame.f_code.co_name == "__init__" and frame.f_locals.get("self") is app and frame.f_back is not None:
        frame = frame.f_back
    return frame


async def _refused(_: Request, error: Any) -> Response:
    return problem_of(error).response()


async def _unfit(_: Request, error: Any) -> Response:
    found = [{name: one[name] for name in ("loc", "msg", "type")} for one in error.errors()]
    return Problem(422, "the request does not fit", errors=found).response()


async def _failed(_: Request, error: Exception) -> Response:
    return Problem(500, "the application failed; the log of the server says where").response()


def _telemetry(given: Mapping[str, Any] | bool | None, *, is_on: bool) -> Mapping[str, Any] | None:
    """The arguments of `instrument()`; None: it is not called. Raises: ConfigError."""
    if not is_on or given is False:
        return None
    if given is not None and given is not True and not isinstance(given, Mapping):
        raise ConfigError(f"App(telemetry=...) is {given!r}; it takes the arguments of fastagentic.instrument() as a mapping")
    return dict(given) if isinstance(given, Mapping) else {}


def _at_least_one(name: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise ConfigError(f"App({name}=...) is {value!r}; it takes a whole number, 1 or more")
    return value


def _bytes(given: int | str) -> int:
    try:
        return read_size(str(given))
    except ValueError:
        raise ConfigError(f"App(max_body=...) is {given!r}; it takes bytes, or a size such as 10MB") from None
