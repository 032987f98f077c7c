"""One attribute of somebody else's with our wrapper on it, put on and taken off by identity (wrapt >= 2.4)."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    from collections.abc import Callable


class Patch:
    """A wrapper around `parent.name`, on from the start.

    Taking it off restores the identical object that was there. Where another library wrapped ours with a plain closure
    meanwhile, ours stays underneath and is silent, and theirs stays whole.
    """

    def __init__(self, parent: object, name: str, wrapper: Callable[..., Any]) -> None:
        self.parent = parent
        self.name = name
        self.is_on = True
        self.handle: object = wrapt.wrap_object(parent, name, wrapt.FunctionWrapper, (wrapper, self._is_on))

    def _is_on(self) -> bool:
        """Asked by wrapt at every call."""
        return self.is_on

    def take_off(self) -> None:
        """Give back what was there."""
        self.is_on = False
        with contextlib.suppress(wrapt.WrapperNotOutermostError):
            wrapt.unwrap_object(self.parent, self.name, self.handle, missing_ok=True)
