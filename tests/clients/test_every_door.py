"""Through every entry point, one call is one LLM span: its parent, name, usage, cost and error, sync, async and streamed."""

from __future__ import annotations

import asyncio
import importlib.util
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from tests.clients.every_door import ROWS, Row, ask, awaited, function_of

if TYPE_CHECKING:
    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory


@dataclass(frozen=True)
class Cell:
    """A row, through one of its doors."""

    row: Row
    is_async: bool
    is_streamed: bool

    def __str__(self) -> str:
        return f"{self.row}-{'async' if self.is_async else 'sync'}-{'stream' if self.is_streamed else 'plain'}"

    @property
    def more(self) -> dict[str, Any]:
        return (self.row.streamed or {}) if self.is_streamed else {}

    def need(self) -> None:
        """Skip, and say so, where the client lacks a package that it imports for this call."""
        for package in (self.row.needs, self.row.stream_needs if self.is_streamed else None):
            if package is not None and importlib.util.find_spec(package) is None:
                pytest.skip(f"{self.row.client} imports {package} for this call, which is not installed")


CELLS = [
    Cell(row, is_async, is_streamed)
    for row in ROWS
    for is_async in (False, True)
    for is_streamed in (False, True)
    if (row.awaited if is_async else row.plain) is not None and (row.streamed is not None or not is_streamed)
]


def told_apart(cells: list[Cell]) -> list[Any]:
    """The cells as parameters: of those that differ in the name of a method alone, the first is in the default tier."""
    seen: set[object] = set()
    found = []
    for cell in cells:
        kind = (cell.row.client, cell.row.operation, cell.row.is_priced, cell.is_async, cell.is_streamed)
        found.append(pytest.param(cell, id=str(cell), marks=[pytest.mark.slow] if kind in seen else []))
        seen.add(kind)
    return found


every_cell = pytest.mark.parametrize("cell", CELLS, ids=str)
a_cell_of_each_kind = pytest.mark.parametrize("cell", told_apart(CELLS))
an_async_cell_of_each_kind = pytest.mark.parametrize("cell", told_apart([cell for cell in CELLS if cell.is_async]))


def spelled(usage: dict[str, Any]) -> tuple[int, int | None]:
    """Input and output tokens of a usage, whichever API spelled it: cached tokens are input."""
    if "prompt_tokens" in usage:
        return usage["prompt_tokens"], usage.get("completion_tokens")
    cached = usage.get("cache_read_input_tokens", 0) + usage.get("cache_creation_input_tokens", 0)
    return usage["input_tokens"] + cached, usage["output_tokens"]


@every_cell
def test_a_call_is_one_llm_span_with_what_the_provider_stated(cell: Cell, stand_in: StandIn, recorded: Memory) -> None:
    cell.need()
    with fastagentic.run("matrix") as run:
        ask(cell.row, stand_in.url(), is_async=cell.is_async, more=cell.more)
    fastagentic.flush()
    (asked,) = stand_in.exchanges
    ((root, _, _), (name, parent, found)) = recorded.tree
    assert name == f"{cell.row.operation} {cell.row.model}".strip()
    assert (parent, run.usage.calls) == (root, 1)
    assert found["gen_ai.operation.name"] == cell.row.operation
    assert (found.get("gen_ai.request.stream") is True) == cell.is_streamed
    assert found.get("fastagentic.stream.end") == ("exhausted" if cell.is_streamed else None)
    assert "error.type" not in found
    assert "fastagentic.usage.estimated" not in found
    if cell.row.states_usage:
        assert asked.usage is not None
        counted = found.get("gen_ai.usage.input_tokens"), found.get("gen_ai.usage.output_tokens")
        assert counted == spelled(asked.usage)
    else:
        assert "gen_ai.usage.input_tokens" not in found
    if cell.row.is_priced:
        assert found["gen_ai.usage.cost"] > 0
        assert run.usage.cost == pytest.approx(found["gen_ai.usage.cost"])


@a_cell_of_each_kind
def test_an_error_of_the_provider_is_one_span_with_the_users_own_exception(
    cell: Cell, stand_in: StandIn, recorded: Memory
) -> None:
    cell.need()
    with pytest.raises(Exception) as caught, fastagentic.run("matrix"):  # noqa: PT011  # each client has its own
        ask(cell.row, stand_in.url("fail-400"), is_async=cell.is_async, more=cell.more)
    fastagentic.flush()
    ((root, _, _), (name, parent, found)) = recorded.tree
    assert (name, parent) == (f"{cell.row.operation} {cell.row.model}".strip(), root)
    assert found["error.type"] == type(caught.value).__qualname__
    assert "gen_ai.usage.cost" not in found


@an_async_cell_of_each_kind
def test_a_cancelled_call_is_one_span_that_says_so(cell: Cell, stand_in: StandIn, recorded: Memory) -> None:
    cell.need()
    function, arguments = function_of(cell.row, stand_in.url("slow-3000ms"), cell.more)

    async def cancel() -> None:
        task = asyncio.create_task(awaited(function, arguments))
        while not stand_in.exchanges:  # noqa: ASYNC110  # the request is with the provider
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with fastagentic.run("matrix"):
        asyncio.run(cancel())
    fastagentic.flush()
    ((root, _, _), (name, parent, found)) = recorded.tree
    assert (name, parent) == (f"{cell.row.operation} {cell.row.model}".strip(), root)
    assert found["error.type"] == "CancelledError"


def test_calls_of_all_kinds_at_once_do_not_mix(stand_in: StandIn, recorded: Memory) -> None:
    cells = [cell for cell in CELLS if not cell.is_async and cell.row.needs is None and cell.row.stream_needs is None]
    threads = [
        threading.Thread(target=ask, args=(cell.row, stand_in.url()), kwargs={"is_async": False, "more": cell.more})
        for cell in cells
    ]
    with fastagentic.run("matrix") as run:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert run.usage.calls == len(cells)
    assert sorted(name for name, parent, _ in recorded.tree if parent) == sorted(
        f"{cell.row.operation} {cell.row.model}".strip() for cell in cells
    )
