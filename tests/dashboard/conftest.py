"""A store with a bit of everything, for the pages and the API; made once, and copied for each test."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from fastagentic.store.location import store_path
from tests.cli.conftest import OTHER_RUN, cli, fill

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["OTHER_RUN", "cli"]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the command line's tests."""
    return fill(tmp_path_factory.mktemp("made") / "store.db")


@pytest.fixture
def filled(made_once: Path, own_environment: Path) -> Path:
    """The same, for one test."""
    return copied(made_once)


def copied(made: Path) -> Path:
    """A store that was made once, as the store of one test."""
    store_path().parent.mkdir()
    shutil.copy(made, store_path())
    return store_path()
