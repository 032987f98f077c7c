"""What holds for every test of budgets: a stand-in whose calls cost what the test says, and no ledger of another test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from fastagentic.gateways import recognise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PRICES = {"gpt-4o-mini": {"input": 0, "output": 10_000}}
"""USD per million tokens: an answer of the stand-in costs a cent for each token of its output."""


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """No test's base URLs are another's."""
    yield
    recognise.forget()


@pytest.fixture
def instrumented() -> Callable[..., None]:
    """`fastagentic.instrument()` with these budgets and prices that are easily added up."""

    def instrument(budgets: Any = None, **more: Any) -> None:
        fastagentic.instrument(**{"destinations": [], "prices": PRICES, "budgets": budgets, **more})

    return instrument


def call_cost(door: Any, stand_in: Any, **more: Any) -> float:
    """What one call through this door costs, USD: the stand-in answers the same question alike."""
    with fastagentic.run("price") as run:
        door.ask(stand_in.url(), **more)
    fastagentic.flush(5)
    return run.usage.cost
