"""The store that a command reads, and what can only be done where it is a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastagentic._settings_file import load_settings_file
from fastagentic.core.errors import ConfigError
from fastagentic.store.place import read_place

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fastagentic.store.place import Place
    from fastagentic.store.queries.sql import Reader


def place() -> Place:
    """The store that is read, as the environment and the settings file say. Raises: ConfigError."""
    load_settings_file()
    return read_place()


def opened() -> AbstractContextManager[Reader]:
    """A reader of it. Raises: ConfigError, StoreError."""
    return place().open()


def only_local(what: str) -> None:
    """Raises: ConfigError where the store is none of this machine, on which `what` works."""
    found = place()
    if found.path is None:
        raise ConfigError(f"{what}, and FASTAGENTIC_STORE names {found}, which is only read; unset it here")
