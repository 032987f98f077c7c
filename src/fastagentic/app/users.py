"""Who asks: the App's `authenticate`, and what the endpoint's scopes want of them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from fastagentic.context import UserInfo

from .problems import MissingScope, NotAuthenticated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    Authenticate = Callable[[Request], UserInfo | Awaitable[UserInfo | None] | None]

WHO: Final = {"WWW-Authenticate": "Bearer"}


async def user_of_request(authenticate: Authenticate | None, request: Request, scopes: tuple[str, ...]) -> UserInfo | None:
    """The user of a request. An App that authenticates serves only whom it knows.

    Raises: NotAuthenticated, MissingScope, and what `authenticate` raises.
    """
    if authenticate is None:
        if scopes:
            raise NotAuthenticated("this endpoint asks for scopes, and this application knows no users", headers=WHO)
        return None
    found: Any = authenticate(request)
    user = await found if inspect.isawaitable(found) else found
    if user is None:
        raise NotAuthenticated("nobody that this application knows", headers=WHO)
    if not isinstance(user, UserInfo):
        raise TypeError(f"authenticate returned a {type(user).__qualname__}; it returns a UserInfo, or None for nobody")
    if missing := [scope for scope in scopes if scope not in user.scopes]:
        raise MissingScope(f"the scope {missing[0]!r} is missing")
    return user
