"""`RedisLedger`: what budgets were charged, shared by the processes of many machines. One round trip an exchange.

A hash an account, `fastagentic:budget:{scope}:{name}:{period}`, that Redis forgets by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.errors import ConfigError
from fastagentic.core.ledger import Account, Spent
from fastagentic.core.names import BudgetScope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FIELDS: Final = Spent._fields
PREFIX: Final = "fastagentic:budget"
RUN_KEPT_S: Final = 31 * 86_400
PERIOD_KEPT_S: Final = 62 * 86_400
TIMEOUT_S: Final = 0.5
"""For connecting and for an answer: so long a call waits for a server that is gone, and then goes on without it."""


class RedisLedger:
    """The ledger at a URL of redis-py: `redis://host:6379/0`, `rediss://`, `unix://`.

    Raises: ConfigError when redis-py is not installed, or the URL is none of its.
    """

    waits = True

    def __init__(self, url: str) -> None:
        redis = _redis()
        try:
            self._client = redis.Redis.from_url(
                url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, decode_responses=True
            )
        except ValueError:
            raise ConfigError("budget_ledger is no URL of Redis; it takes redis://host:6379/0 or the like") from None

    def exchange(self, charges: Mapping[Account, Spent], asked: Sequence[Account]) -> list[Spent]:
        """Book, then say what is spent, as one transaction. Raises: redis.RedisError."""
        with self._client.pipeline(transaction=bool(charges)) as pipeline:
            for account, spent in charges.items():
                key = key_of(account)
                for name, count in zip(FIELDS, spent, strict=True):
                    if count:
                        pipeline.hincrby(key, name, count)
                pipeline.expire(key, RUN_KEPT_S if account.scope == BudgetScope.RUN else PERIOD_KEPT_S)
            for account in asked:
                pipeline.hmget(key_of(account), FIELDS)
            answers: list[Any] = pipeline.execute()
        return [Spent(*(int(count or 0) for count in counts)) for counts in answers[len(answers) - len(asked) :]]

    def spent_in(self, periods: tuple[str, str]) -> dict[Account, Spent]:
        """What was spent by users, tenants, endpoints and all together in this day and month. Raises: redis.RedisError."""
        keys = [key for period in periods for key in self._client.scan_iter(f"{PREFIX}:*:{period}", count=1_000)]
        accounts = [account_of(key) for key in keys]
        return dict(zip(accounts, self.exchange({}, accounts), strict=True))

    def close(self) -> None:
        """Close the connections; the next exchange opens others."""
        self._client.close()


def key_of(account: Account) -> str:
    """The key of an account.

    Example:
        >>> from fastagentic.core.ledger import Account
        >>> key_of(Account("tenant", "acme", "2026-11"))
        'fastagentic:budget:tenant:acme:2026-11'
    """
    return f"{PREFIX}:{account.scope}:{account.name}:{account.period}"


def account_of(key: str) -> Account:
    """The account of a key.

    Example:
        >>> account_of("fastagentic:budget:tenant:acme:eu:2026-11")
        Account(scope='tenant', name='acme:eu', period='2026-11')
    """
    scope, _, rest = key.removeprefix(f"{PREFIX}:").partition(":")
    name, _, period = rest.rpartition(":")
    return Account(scope, name, period)


def _redis() -> Any:
    try:
        import redis
    except ImportError:
        message = "a budget_ledger in Redis needs redis, which is not installed: pip install 'fastagentic[redis]'"
        raise ConfigError(message) from None
    return redis
