"""Who may look: whoever has the token, as a bearer or by a cookie that logging in sets; or whom the application knows."""

from __future__ import annotations

import hashlib
import hmac
import inspect
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import parse_qs

from starlette.responses import RedirectResponse, Response

from fastagentic.core.errors import ConfigError

from .paths import is_local, root_path, route_path, url
from .problems import Refused, is_api, refusal
from .rendering import page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Authenticate = Callable[[Request], Any | Awaitable[Any]]

SHORTEST_TOKEN: Final = 16
COOKIE: Final = "fastagentic_dashboard"
COOKIE_DAYS: Final = 30
LOGIN: Final = "/login"
OPEN: Final = (LOGIN, "/static/")
BEARER: Final = {"WWW-Authenticate": "Bearer"}
MOST_FORM: Final = 10_000  # bytes
NOBODY: Final = "nobody that this application knows"
WRONG: Final = "no token, or another one"


class Access(Protocol):
    """Who may look."""

    async def turned_away(self, request: Request) -> Response | None:
        """None for those who may; else what they are answered."""


class ByApplication:
    """Those whom the application knows: its `authenticate` gives whoever asks, or None (or False) for nobody."""

    def __init__(self, authenticate: Authenticate) -> None:
        self._authenticate = authenticate

    async def turned_away(self, request: Request) -> Response | None:
        """None for those who may; else what they are answered."""
        found: Any = self._authenticate(request)
        user = await found if inspect.isawaitable(found) else found
        return None if user else refusal(request, Refused(401, NOBODY, "Log in to the application.", headers=BEARER))


class ByToken:
    """Those who have the token. The cookie is made of the token, holds for this dashboard, and cannot be turned back into it.

    Raises: ConfigError for a token that can be guessed.
    """

    def __init__(self, token: str) -> None:
        if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise ConfigError(
                f"the token of the dashboard can be guessed, or no header can carry it; it takes {SHORTEST_TOKEN} letters and "
                "digits or more, such as `python -c 'import secrets; print(secrets.token_urlsafe())'` prints"
            )
        self._token = token.encode()
        self._session = hmac.new(self._token, b"fastagentic dashboard session", hashlib.sha256).hexdigest()

    async def turned_away(self, request: Request) -> Response | None:
        """None for those who may; else what they are answered: a program a 401, a person the form."""
        path = route_path(request)
        if path.startswith(OPEN) or self._is_known(request):
            return None
        if is_api(request):
            return refusal(request, Refused(401, WRONG, "Send `Authorization: Bearer TOKEN`.", headers=BEARER))
        wanted = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(url(request, LOGIN, to=wanted if wanted != "/" else None), 303)

    def _is_known(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(given.strip()):
            return True
        return hmac.compare_digest(request.cookies.get(self._cookie(request), "").encode(), self._session.encode())

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token)

    @staticmethod
    def _cookie(request: Request) -> str:
        """Browsers keep cookies by host, whatever the port: two dashboards of one machine must not share one."""
        return f"{COOKIE}_{request.url.port or 0}"

    async def login(self, request: Request) -> Response:
        """The form; with the right token in it (or, once, in the URL) the way in."""
        given = request.query_params.get("token")
        if request.method == "POST":
            given = await _given_token(request)
        if given is not None and self._is_token(given):
            return self._let_in(request)
        return page(request, "login.html", status=200 if given is None else 401, is_wrong=given is not None)

    def _let_in(self, request: Request) -> Response:
        wanted = request.query_params.get("to", "/")
        answer = RedirectResponse(root_path(request) + (wanted if is_local(wanted) else "/"), 303)
        answer.set_cookie(
            self._cookie(request),
            self._session,
            max_age=COOKIE_DAYS * 86_400,
            path=root_path(request) or "/",
            secure=request.url.scheme == "https",
            httponly=True,
            samesite="strict",
        )
        return answer


async def _given_token(request: Request) -> str:
    """The token in the form. What is too long for one is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_FORM:
            return ""
    return parse_qs(body.decode("latin-1")).get("token", [""])[0].strip()
