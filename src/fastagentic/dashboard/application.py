"""`dashboard_app()`: pages, API and news wired together as one ASGI application, alone or mounted in another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from fastagentic._version import __version__
from fastagentic.core.errors import ConfigError

from .access import LOGIN, ByApplication, ByToken
from .answers.health import Doctor
from .api import OPENAPI, api, document
from .asking import Desk, NoStore, mark
from .gate import Gate, Hosts
from .live import Watcher
from .pages import pages
from .problems import Refused, is_api, refusal
from .query import faults
from .rendering import STATIC, page

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from .access import Access, Authenticate

QUIET: Final = {"tracing": False, "metrics": False, "logs": False}
"""FastAPI 0.165 observes by itself; looking at what was recorded is to record nothing."""


class Dashboard:
    """The dashboard as an ASGI application. It reads the store of this process's environment and writes nothing."""

    def __init__(self, hosts: Hosts, access: Access | None) -> None:
        self.desk = Desk()
        self.watcher = Watcher(mark, self.desk.news)
        self._gate = Gate(_wired(self.desk, self.watcher, access), hosts, access)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        await self._gate(scope, receive, send)

    def behind(self, authenticate: Authenticate) -> Dashboard:
        """The same for those whom an application knows, unless it was told itself who may look. `App.mount` asks for it."""
        return self if self._gate.access is not None else dashboard_app(authenticate=authenticate)


def dashboard_app(
    *,
    token: str | None = None,
    authenticate: Authenticate | None = None,
    hosts: Collection[str] | None = None,
) -> Dashboard:
    """The dashboard, to be served alone or mounted in another application, as by `app.mount("/_fastagentic", ...)`.

    Without `token` and `authenticate` it answers this machine alone. An `App` that authenticates lends its own
    `authenticate` to a dashboard that is mounted in it.

    Args:
        token: who sends it as a bearer, or logs in with it, may look; 16 characters or more.
        authenticate: called with the request, async or not; gives whoever asks, or None for nobody, which is a 401.
        hosts: names in the Host header that are answered, beside this machine's; any, unless said, where a token or
            `authenticate` decides.

    Raises: ConfigError, for a token that can be guessed, or for both ways at once.

    Example:
        >>> from fastagentic.dashboard import dashboard_app
        >>> dashboard_app(token="a-token-that-is-long-enough")
        <fastagentic.dashboard.application.Dashboard object at ...>
    """
    if token is not None and authenticate is not None:
        raise ConfigError("dashboard_app(token=..., authenticate=...): one of them says who may look, not both")
    access: Access | None = None
    if token is not None:
        access = ByToken(token)
    elif authenticate is not None:
        access = ByApplication(authenticate)
    return Dashboard(Hosts(hosts if hosts is not None or access is not None else ()), access)


def _wired(desk: Desk, watcher: Watcher, access: Access | None) -> FastAPI:
    told: dict[str, Any] = {"telemetry": QUIET}  # an older FastAPI keeps the word and does nothing
    made = FastAPI(
        title="fastagentic dashboard",
        version=__version__,
        description="What LLM calls cost, as the pages of the dashboard show it. Money is USD, times are ISO 8601 in UTC.",
        docs_url=None,
        redoc_url=None,
        openapi_url=OPENAPI,
        **told,
    )
    for kind, handler in (
        (Refused, _refused), (RequestValidationError, _unfit), (HTTPException, _http), (Exception, _failed)
    ):  # fmt: skip
        made.add_exception_handler(kind, handler)
    doctor = Doctor()
    made.include_router(api(desk, doctor))
    made.include_router(pages(desk, doctor), include_in_schema=False)
    made.router.routes.append(Route("/live", _live(watcher)))
    if isinstance(access, ByToken):
        made.router.routes.append(Route(LOGIN, access.login, methods=["GET", "POST"]))
    made.mount("/static", StaticFiles(directory=STATIC))
    document(made)
    return made


def _live(watcher: Watcher) -> Any:
    async def live(_: Request) -> Response:
        return await watcher.response()

    return live


async def _refused(request: Request, error: Any) -> Response:
    if isinstance(error, NoStore) and error.is_missing and not is_api(request):
        return page(request, "no_store.html", status=503, detail=error.detail)
    return refusal(request, error)


async def _unfit(request: Request, error: Any) -> Response:
    return refusal(request, Refused(422, faults(error), "Take it out of the address, or choose anew above."))


async def _http(request: Request, error: Any) -> Response:
    return refusal(request, Refused(error.status_code, f"there is no {request.url.path}", headers=error.headers))


async def _failed(request: Request, _: Exception) -> Response:
    return refusal(request, Refused(500, "the dashboard failed; the log of its process says where"))
