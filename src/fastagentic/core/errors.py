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


class NoGatewayError(FastagenticError, LookupError):
    """A gateway's client was asked for where no gateway is in force."""
