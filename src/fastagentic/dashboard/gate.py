"""What stands before every request: the Host and the Origin that are accepted, who may look, and headers for the browser.

A page of another site must neither read this one (a name of its own that resolves to this machine: DNS rebinding) nor act in
it (a form sent from there). What is stored comes from users and models, so nothing but our own files runs or loads.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from .paths import route_path
from .problems import Refused, refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from .access import Access

POLICY: Final = "; ".join(
    (
        "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
        "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    )
)  # fmt: skip
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not no-referrer: with that a browser says `Origin: null` in our own form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")
STATIC: Final = "/static/"


class Hosts:
    """The values of the Host header that are answered. `names` None: any, because those who ask are asked who they are.

    Loopback is always among them. `with_addresses`: any address in digits as well, which no name resolves to.
    """

    def __init__(self, names: Collection[str] | None = (), *, with_addresses: bool = False) -> None:
        self._names = None if names is None else frozenset(name.lower().strip("[]").rstrip(".") for name in names)
        self._with_addresses = with_addresses

    def accepts(self, host: str) -> bool:
        """Whether a request to this `name:port` is answered."""
        name = host_name(host)
        if name is None:
            return False
        if self._names is None or name in self._names or is_loopback(name):
            return True
        return self._with_addresses and _address(name) is not None


class Gate:
    """An ASGI application behind the checks. `access` None: only this machine may look."""

    def __init__(self, app: ASGIApp, hosts: Hosts, access: Access | None) -> None:
        self._app = app
        self._hosts = hosts
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        protected = _protecting(send, is_static=route_path(request).startswith(STATIC))
        answer = await self._turned_away(request) or self._app
        await answer(scope, receive, protected)

    async def _turned_away(self, request: Request) -> Response | None:
        fault = self._fault(request)
        if fault is not None:
            return refusal(request, fault)
        return None if self.access is None else await self.access.turned_away(request)

    def _fault(self, request: Request) -> Refused | None:
        given = request.headers.getlist("host")
        if len(given) != 1 or not self._hosts.accepts(given[0]):
            return Refused(400, f"this dashboard does not answer to the host {', '.join(given)!r}", _HOST_FIX)
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != given[0].lower():
            return Refused(400, f"a page of {origin!r} asked; only pages of this dashboard may", _ORIGIN_FIX)
        if self.access is None and not _is_of_this_machine(request):
            return Refused(403, "only this machine may look at a dashboard without a token", _REMOTE_FIX)
        return None


_HOST_FIX: Final = "Open it at 127.0.0.1 or localhost. A name of your own is allowed by `--allow-host NAME`, or `hosts=[...]`."
_ORIGIN_FIX: Final = "Open the dashboard itself."
_REMOTE_FIX: Final = "Give `token=...` or `authenticate=...` to `dashboard_app()`, or start it with `--token`."


def host_name(host: str) -> str | None:
    """The name in `name:port`, in lower case, an IPv6 address without its brackets; None for what is no host.

    Example:
        >>> host_name("LocalHost:8765"), host_name("[::1]:80"), host_name("a b")
        ('localhost', '::1', None)
    """
    try:
        parts = urlsplit(f"//{host}")
        parts.port  # noqa: B018  # raises where there is none that can be
    except ValueError:
        return None
    if parts.netloc != host or parts.username is not None or not parts.hostname or any(mark.isspace() for mark in host):
        return None
    return parts.hostname.rstrip(".")


def is_loopback(name: str) -> bool:
    """Whether a host is this machine, and no other can call itself so.

    Example:
        >>> [is_loopback(name) for name in ("localhost", "127.0.0.1", "::1", "0.0.0.0", "example.com")]
        [True, True, True, False, False]
    """
    address = _address(name)
    return name == "localhost" if address is None else address.is_loopback


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_of_this_machine(request: Request) -> bool:
    """Whether nobody stands behind the one who asks. A Unix socket has no address: its file says who may."""
    if any(name in request.headers for name in FORWARDED):
        return False
    return request.client is None or is_loopback(request.client.host)


def _protecting(send: Send, *, is_static: bool) -> Send:
    async def protected(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=message["headers"])
            headers.update(HEADERS)
            # Our own files are asked for by what is in them; everything else is of this moment and of this person.
            headers["Cache-Control"] = "public, max-age=86400" if is_static and message["status"] == 200 else "no-store"
            message["headers"] = headers.raw
        await send(message)

    return protected
