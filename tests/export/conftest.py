"""Fixtures of the export half: a backend to send to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .receiver import Receiver

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A backend that takes everything; `receiver.mode = "503"` and the like change its mind."""
    with Receiver() as receiver:
        yield receiver
