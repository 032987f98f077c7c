"""Putting doors on the entry points of clients, whenever they are imported, and taking them off again."""

from __future__ import annotations

import importlib
import inspect
import logging
import threading
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import wrapt

from fastagentic.core.guard import never_break
from fastagentic.core.patch import Patch
from fastagentic.observe.reader import Seam

from ._doors import door_for
from ._everywhere import Everywhere
from ._versions import is_supported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from fastagentic.observe.observer import Observer
    from fastagentic.observe.reader import EntryPoint

    from . import Client

logger = logging.getLogger("fastagentic")

PATCH: Final = never_break("patch a client")


class Patches:
    """The patches of one instrumentation: those that are on, and the import hooks that wait to put more on."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._on: list[Patch | Everywhere] = []
        self._is_on = True
        self._lock = threading.RLock()
        self._gathering = threading.local()

    def wait_for(self, client: Client) -> None:
        """Patch each entry point of a client now, or when its module is imported."""
        # Hooks of modules that are imported already fire here: their functions are gathered for one look through all modules.
        gathered: dict[Any, Any] = {}
        self._gathering.functions = gathered
        for module, entries in groupby(sorted(client.reader.ENTRY_POINTS, key=IN_MODULE), key=IN_MODULE):
            wrapt.register_post_import_hook(self._hook(client, tuple(entries)), module)
        self._gathering.functions = None
        with PATCH:
            self._put_everywhere(gathered)

    def take_off(self) -> None:
        """Take every door off, last on first off. Hooks that still wait will do nothing: they cannot be unregistered."""
        with self._lock:
            self._is_on = False
            while self._on:
                with PATCH:
                    self._on.pop().take_off()

    def _hook(self, client: Client, entries: Iterable[EntryPoint]) -> Any:
        def hook(module: ModuleType) -> None:
            with PATCH:  # an exception in here would fail the user's import
                if self._is_on and is_supported(client):
                    self._put_on(client, list(_found(_whole(module), entries)))

        return hook

    def _put_on(self, client: Client, found: list[tuple[EntryPoint, object, str, Any]]) -> None:
        with self._lock:
            if not self._is_on:
                return
            everywhere: dict[Any, Any] = {}
            for entry, parent, name, function in found:
                with PATCH:  # one that cannot be put on is no reason to leave out the others
                    door = door_for(function, self._observer, client.reader, entry)
                    if entry.seam is not Seam.DOOR:
                        everywhere[function] = door
                    else:
                        self._on.append(Patch(parent, name, door))
        gathered = getattr(self._gathering, "functions", None)
        if gathered is None:
            self._put_everywhere(everywhere)
        else:
            gathered.update(everywhere)

    def _put_everywhere(self, doors: dict[Any, Any]) -> None:
        with self._lock:
            if doors and self._is_on:
                self._on.append(Everywhere(doors))


IN_MODULE: Final = attrgetter("module")


def _found(module: ModuleType, entries: Iterable[EntryPoint]) -> Iterator[tuple[EntryPoint, object, str, Any]]:
    """The entry points that are there: the object that holds each, its name there, and itself; with it, what shadows it."""
    for entry in entries:
        path, _, name = entry.attribute.rpartition(".")
        parent: object = module
        for step in filter(None, path.split(".")):
            parent = getattr(parent, step, None)
        function = getattr(parent, name, None)
        if function is None:
            logger.warning("%s.%s is not there: calls through it are not observed", entry.module, entry.attribute)
        elif inspect.getattr_static(parent, name, None) is not None:  # else served from elsewhere, by a row of its own
            yield entry, parent, name, function
            for below in dict.fromkeys(_shadows(parent, name, inspect.unwrap(function))):
                yield entry, below, name, vars(below)[name]


def _shadows(parent: object, name: str, function: Any) -> Iterator[type]:
    """The subclasses that hold a method of `parent`'s once more: what goes through them never passes the parent's attribute.

    Somebody's wrapper was put on the subclass (OpenInference: `OpenAI.request`), or left the method there when it went. A
    method of the subclass's own is none of this: it calls the parent's.
    """
    subclasses: list[type] = parent.__subclasses__() if isinstance(parent, type) else []
    for below in subclasses:
        if name in vars(below) and inspect.unwrap(vars(below)[name]) is function:
            yield below
        yield from _shadows(below, name, function)


def _whole(module: ModuleType) -> ModuleType:
    """The module once it is fully imported: another thread may be in the middle of importing it."""
    if getattr(module.__spec__, "_initializing", False):
        return importlib.import_module(module.__name__)
    return module
