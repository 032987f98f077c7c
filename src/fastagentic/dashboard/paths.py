"""Addresses of the dashboard's own pages, wherever it is mounted."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request


def root_path(request: Request) -> str:
    """Where the dashboard is mounted; empty at the top."""
    return str(request.scope.get("root_path", "")).rstrip("/")


def route_path(request: Request) -> str:
    """The path of a request below that, whichever of the two ways of saying it the server has."""
    path, root = str(request.scope["path"]), root_path(request)
    return (path[len(root) :] or "/") if root and (path + "/").startswith(root + "/") else path


def url(request: Request, path: str, parameters: Mapping[str, object] | None = None, /, **more: object) -> str:
    """The address of a path of ours with these parameters; those that are None are left out, lists are repeated."""
    given = {name: value for name, value in {**(parameters or {}), **more}.items() if value is not None and value != ""}
    query = urlencode(given, doseq=True, errors="replace")
    return root_path(request) + quote(path, errors="replace") + (f"?{query}" if query else "")


def is_local(path: str) -> bool:
    """Whether a path that came from outside stays here.

    Example:
        >>> is_local("/runs?since=7d"), is_local("//elsewhere"), is_local("https://elsewhere")
        (True, False, False)
    """
    return path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
