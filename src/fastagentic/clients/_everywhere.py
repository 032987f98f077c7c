"""One function in every module that holds it, as freezegun does it with `datetime`: for functions that no attribute leads to.

`from litellm import speech` before `instrument()` is a reference of the user's own. Modules are looked through once for all
functions of a client's module. What holds a function elsewhere (`functools.partial`, a closure, a class) keeps the original.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import ModuleType


class Everywhere:
    """Wrappers around functions, in all modules that held them; on from the start."""

    def __init__(self, wrappers: Mapping[Callable[..., Any], Callable[..., Any]]) -> None:
        self._is_on = True
        self._ours = [
            (function, wrapt.FunctionWrapper(function, wrapper, self._asked)) for function, wrapper in wrappers.items()
        ]
        self._places = list(_exchange({id(function): ours for function, ours in self._ours}))

    def _asked(self) -> bool:
        """Whether the wrappers are on; asked by wrapt at every call."""
        return self._is_on

    def take_off(self) -> None:
        """Give back what was there, and in the place of names that were imported since, what they would have been."""
        self._is_on = False
        by_id = {id(ours): ours for _, ours in self._ours}
        for module, name, handle in self._places:
            with contextlib.suppress(wrapt.WrapperNotOutermostError):
                wrapt.unwrap_object(module, name, by_id[handle], missing_ok=True)
        for _ in _exchange({id(ours): function for function, ours in self._ours}):
            pass


def _exchange(by_id: Mapping[int, Any]) -> Iterator[tuple[ModuleType, str, int]]:
    """Put other objects in the place of these in all modules; where, and the id of what is there now."""
    ids = frozenset(by_id)
    for module in list(sys.modules.values()):
        namespace = getattr(module, "__dict__", None)
        # most have none of them: 100,000 names in 4 ms; a copy, as another thread may be importing into it
        if type(namespace) is not dict or ids.isdisjoint(map(id, tuple(namespace.values()))):
            continue
        for name, value in list(namespace.items()):
            other = by_id.get(id(value))
            if other is not None:
                namespace[name] = other
                yield module, name, id(other)
