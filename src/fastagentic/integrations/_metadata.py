"""Metadata and trace ids that the user may give as callables of the run's context: `lambda ctx: ctx.user.id`."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

logger = logging.getLogger("fastagentic")


class Resolved:
    """Values for each call: constants as they are, callables asked with the context of the run.

    One that raises (`ctx.user.id` where there is no user) or answers None is left out, with one warning a key.
    """

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self._where = where
        self._constant = {name: plain(value) for name, value in values.items() if value is not None and not callable(value)}
        self._asked: dict[str, Callable[[Any], Any]] = {name: value for name, value in values.items() if callable(value)}
        self._warned: set[str] = set()

    @property
    def constant(self) -> dict[str, Any]:
        """Those that do not depend on the run."""
        return dict(self._constant)

    def of(self, ctx: Any) -> dict[str, Any]:
        """All of them in this context; outside any run (None) the constant ones."""
        found = self.constant
        for name, ask in self._asked.items() if ctx is not None else ():
            if (value := self._answer(name, ask, ctx)) is not None:
                found[name] = plain(value)
        return found

    def _answer(self, name: str, ask: Callable[[Any], Any], ctx: Any) -> Any:
        try:
            return ask(ctx)
        except Exception as error:  # noqa: BLE001  # the user's own function, in the middle of the user's own call
            if name not in self._warned:
                self._warned.add(name)
                logger.warning("%s[%r] raised %s; calls go on without it", self._where, name, type(error).__qualname__)
            return None


def plain(value: Any) -> Any:
    """A value as JSON takes it: what is no text, number or truth value becomes its text."""
    return value if isinstance(value, (str, int, float, bool)) else str(value)
