"""Requests and tokens a minute of an endpoint, counted by `limits`: in this process, or in Redis for several of them.

A request is counted as it comes; its tokens when it has ended, as nobody knows them before: the request that goes over is
answered, the next one is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import limits
from limits.aio.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter
from limits.storage import storage_from_string

from fastagentic.core.errors import ConfigError
from fastagentic.core.guard import never_break

from .problems import RateLimited, retry_after

if TYPE_CHECKING:
    from starlette.requests import Request

    from fastagentic.context import UserInfo

COUNT: Final = never_break("count a request against its rate limit")
MEMORY: Final = "memory://"
REDISPY: Final = {"redis", "rediss", "redis+cluster", "redis+sentinel"}

Key = Callable[["Request", "UserInfo | None"], str]

KEYS: Final[Mapping[str, Key]] = {
    "all": lambda request, user: "all",
    "user": lambda request, user: user.id if user is not None else _host(request),
    "ip": lambda request, user: _host(request),
}


@dataclass(slots=True, frozen=True)
class RateLimit:
    """`rate_limit={"rpm": 60, "tpm": 100_000, "by": "user", "storage": "redis://..."}`.

    `by` is `all` (one limit for everybody, the default), `user` (by host where there is no user), `ip`, or a callable of
    request and user that gives a text.
    """

    rpm: int | None = None
    tpm: int | None = None
    by: str | Key = "all"
    storage: str = field(default=MEMORY, repr=False)  # a URL can hold a password


def rate_limit_of(given: Any, where: str) -> RateLimit | None:
    """What `rate_limit=` means. Raises: ConfigError."""
    if given is None or isinstance(given, RateLimit):
        limit = given
    elif isinstance(given, int) and not isinstance(given, bool):
        limit = RateLimit(rpm=given)
    elif isinstance(given, Mapping):
        known = [one.name for one in fields(RateLimit)]
        if unknown := [name for name in given if name not in known]:
            raise ConfigError(f"{where}: {unknown[0]!r} is not known; it takes {', '.join(known)}")
        limit = RateLimit(**given)
    else:
        raise ConfigError(f"{where} is {given!r}; it takes requests a minute, or {{'rpm': 60, 'tpm': 100_000}}")
    if limit is not None:
        _check(limit, where)
    return limit


def _check(limit: RateLimit, where: str) -> None:
    if limit.rpm is None and limit.tpm is None:
        raise ConfigError(f"{where} limits nothing; it takes rpm, tpm or both")
    for name, value in (("rpm", limit.rpm), ("tpm", limit.tpm)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            raise ConfigError(f"{where}: {name} is {value!r}; it takes a whole number, 1 or more")
    if not callable(limit.by) and limit.by not in KEYS:
        raise ConfigError(f"{where}: by is {limit.by!r}; it takes {', '.join(KEYS)}, or a callable of request and user")
    try:
        _counter(limit.storage)
    except limits.errors.ConfigurationError as error:
        raise ConfigError(
            f"{where}: storage cannot be used ({error}); it takes memory:// or a URL such as redis://host:6379"
        ) from None


class Allowance:
    """The limit of one endpoint, or of an App, in force."""

    def __init__(self, limit: RateLimit, name: str) -> None:
        self._key = KEYS[limit.by] if isinstance(limit.by, str) else limit.by
        self._name = name
        self._counter = _counter(limit.storage)
        self._requests = None if limit.rpm is None else limits.RateLimitItemPerMinute(limit.rpm)
        self._tokens = None if limit.tpm is None else limits.RateLimitItemPerMinute(limit.tpm)

    async def take(self, request: Request, user: UserInfo | None) -> str:
        """Count a request. Returns whom it counts for. Raises: RateLimited. A storage that is down lets it through."""
        whom = self._key(request, user)
        wait_s = None
        with COUNT:
            wait_s = await self._wait_s(whom)
        if wait_s is not None:
            raise RateLimited("over the rate limit of this endpoint", headers=retry_after(wait_s))
        return whom

    async def used(self, whom: str, tokens: int) -> None:
        """Count what a request has used."""
        if self._tokens is None or not tokens:
            return
        with COUNT:
            identity = (self._name, whom, "tokens")
            if not await self._counter.tokens.hit(self._tokens, *identity, cost=tokens):  # over it: what was left is gone
                left = (await self._counter.tokens.get_window_stats(self._tokens, *identity)).remaining
                await self._counter.tokens.hit(self._tokens, *identity, cost=max(1, left))

    async def _wait_s(self, whom: str) -> float | None:
        """None when the request may go on, and is counted; else the seconds until one may."""
        identity = (self._name, whom, "tokens")
        if self._tokens is not None and not await self._counter.tokens.test(self._tokens, *identity):
            return (await self._counter.tokens.get_window_stats(self._tokens, *identity)).reset_time - time.time()
        identity = (self._name, whom, "requests")
        if self._requests is not None and not await self._counter.requests.hit(self._requests, *identity):
            return (await self._counter.requests.get_window_stats(self._requests, *identity)).reset_time - time.time()
        return None


class Counter:
    """A storage with the two ways of counting: requests one by one, tokens by the thousand."""

    def __init__(self, url: str) -> None:
        scheme = url.partition("://")[0]
        options: dict[str, Any] = {"implementation": "redispy"} if scheme in REDISPY else {}
        storage: Any = storage_from_string(f"async+{url}", **options)
        self.requests = MovingWindowRateLimiter(storage)
        self.tokens = SlidingWindowCounterRateLimiter(storage)


def _counter(url: str) -> Counter:
    """In memory each limit counts for itself; a server is connected to once."""
    return Counter(url) if url.startswith(MEMORY) else _connected(url)


@cache
def _connected(url: str) -> Counter:
    return Counter(url)


def _host(request: Request) -> str:
    return "unknown" if request.client is None else request.client.host
