"""The exceptions that users can meet. Each message names the thing, the value and the way out."""

from __future__ import annotations


class FastagenticError(Exception):
    """Base of every exception that fastagentic raises on purpose."""


class ConfigError(FastagenticError, ValueError):
    """A setting or argument has a value that cannot be used.

    Example:
        >>> raise ConfigError.of("keep", "30 moons", "an amount of time such as 30d, 24h or 90m", source="argument")
        Traceback (most recent call last):
        fastagentic.core.errors.ConfigError: keep (argument) is '30 moons'; it takes an amount of time such as 30d, 24h or 90m
    """

    @classmethod
    def of(cls, name: str, value: object, accepted: str, *, source: str) -> ConfigError:
        """An error that names the setting, where it came from, its value and what is accepted."""
        return cls(f"{name} ({source}) is {value!r}; it takes {accepted}")


class BadPart(ValueError):  # noqa: N818  # becomes a ConfigError where the setting and its source are known
    """A part of a setting has a value that cannot be used: its key, the value, and what it takes."""

    def __init__(self, key: str, value: object, accepted: str) -> None:
        super().__init__(f"{key} is {value!r}; it takes {accepted}")
        self.key = key
        self.value = value
        self.accepted = accepted


class StoreError(FastagenticError):
    """The local store cannot be read or written; the message says why and how to mend it."""


class StoreTooNewError(StoreError):
    """The local store was written by a newer version of fastagentic."""


class UnknownRunError(FastagenticError, LookupError):
    """No run in the store has this id."""


class HookRejected(FastagenticError):  # noqa: N818  # the name that users catch
    """A hook refused a call, a tool or what came of them: `HookResult.reject`, or `skip` before an LLM call.

    Its text is the hook's message; `event` is where the hook stood.
    """

    def __init__(self, message: str, *, event: str = "") -> None:
        super().__init__(message)
        self.event = event


class BudgetExceeded(FastagenticError):  # noqa: N818  # the name that users catch
    """A call was not made, because a budget is used up, or because the call would surely pass it.

    `scope` is `run`, `user`, `tenant`, `endpoint` or `month`, `name` the run's id, the user, the tenant or the endpoint.
    `limit_usd` and `spent_usd` are USD, and `estimate_usd` what the call might have cost, where that was why.

    Example:
        >>> raise BudgetExceeded("run 'r'", scope="run", name="a" * 32, limit_usd=0.5, spent_usd=0.5031)
        Traceback (most recent call last):
        fastagentic.core.errors.BudgetExceeded: run 'r' has used up its budget: 0.5031 of 0.5 USD spent; the call was not made
    """

    def __init__(
        self,
        label: str,
        *,
        scope: str,
        name: str,
        limit_usd: float,
        spent_usd: float,
        unpriced_calls: int = 0,
        estimate_usd: float | None = None,
    ) -> None:
        spent = f"{spent_usd:.9g} of {limit_usd:.9g} USD spent"
        if estimate_usd is not None:
            why = f"{label} has a budget with {spent}, and the call could cost {estimate_usd:.9g} USD"
        elif spent_usd < limit_usd:
            why = f"{label} has a budget, and {unpriced_calls} calls whose cost is not known ({spent} beside them)"
        else:
            why = f"{label} has used up its budget: {spent}"
        super().__init__(f"{why}; the call was not made")
        self.scope = scope
        self.name = name
        self.limit_usd = limit_usd
        self.spent_usd = spent_usd
        self.unpriced_calls = unpriced_calls
        self.estimate_usd = estimate_usd


class NoGatewayError(FastagenticError, LookupError):
    """A gateway's client was asked for where no gateway is in force."""
