"""Apps that are observed in memory, and no hooks or endpoints of another test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import fastagentic
from fastagentic.hooks import reset_hooks
from fastagentic.hooks.once import forget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.spans import Memory


@pytest.fixture(autouse=True)
def no_hooks() -> Iterator[None]:
    """Nothing registered, before and after; and every warning is said anew."""
    reset_hooks()
    forget()
    yield
    reset_hooks()


@pytest.fixture
def observed(memory: Memory) -> Memory:
    """Instrumented, with the spans in memory."""
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    return memory
