"""What holds for every test here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fastagentic.gateways import _values, recognise

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """No test's warnings and base URLs are another's."""
    yield
    _values.warned.clear()
    recognise.forget()
