"""Putting doors on the entry points of clients, whenever they are imported, and taking them off again."""

from __future__ import annotations

import importlib
import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any, Final

import wrapt

from fastagentic.core.guard import never_break
from fastagentic.core.patch import Patch

from ._doors import door_for
from ._versions import is_supported

if TYPE_CHECKING:
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
        self._on: list[Patch] = []
        self._is_on = True
        self._lock = threading.RLock()

    def wait_for(self, client: Client) -> None:
        """Patch each entry point of a client now, or when its module is imported."""
        for entry in client.reader.ENTRY_POINTS:
            wrapt.register_post_import_hook(self._hook(client, entry), entry.module)

    def take_off(self) -> None:
        """Take every door off, last on first off. Hooks that still wait will do nothing: they cannot be unregistered."""
        with self._lock:
            self._is_on = False
            while self._on:
                with PATCH:
                    self._on.pop().take_off()

    def _hook(self, client: Client, entry: EntryPoint) -> Any:
        def hook(module: ModuleType) -> None:
            with PATCH:  # an exception in here would fail the user's import
                if self._is_on and is_supported(client):
                    self._put_on(_whole(module), client, entry)

        return hook

    def _put_on(self, module: ModuleType, client: Client, entry: EntryPoint) -> None:
        path, _, name = entry.attribute.rpartition(".")
        parent: object = module
        for step in filter(None, path.split(".")):
            parent = getattr(parent, step, None)
        with self._lock:
            if not self._is_on:
                return
            function = getattr(parent, name, None)
            if function is None:
                logger.warning("%s.%s is not there: calls through it are not observed", entry.module, entry.attribute)
                return
            if inspect.getattr_static(parent, name, None) is None:  # served from elsewhere, where a row of its own finds it
                return
            self._on.append(Patch(parent, name, door_for(function, self._observer, client.reader, entry)))


def _whole(module: ModuleType) -> ModuleType:
    """The module once it is fully imported: another thread may be in the middle of importing it."""
    if getattr(module.__spec__, "_initializing", False):
        return importlib.import_module(module.__name__)
    return module
