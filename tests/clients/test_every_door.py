"""Through every entry point, one call is one LLM span: parent, names, usage, cost, error, content; sync, async, streamed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import fastagentic
from fastagentic.gateways import recognise
from tests.clients import cells
from tests.clients.cells import CELLS, Cell, by_door, by_operation, in_tiers
from tests.clients.every_door import ask, provider_at
from tests.clients.expected import cost_of, counts_of
from tests.spans import TickingClock, tick

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

with_and_without_content = pytest.mark.parametrize(
    "content", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["without content", "with content"]
)


@pytest.fixture
def observed(content: bool, memory: Memory, monkeypatch: pytest.MonkeyPatch) -> Memory:
    """As `recorded`, with content or without."""
    fastagentic.instrument(
        destinations=[], capture_content=content, tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider
    )
    tick(monkeypatch, TickingClock())
    return memory


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    yield
    recognise.forget()


def gateway_of(cell: Cell) -> str:
    return "litellm" if cell.row.client == "litellm" else "portkey"


@with_and_without_content
@in_tiers(CELLS, by_operation)
def test_a_call_is_one_llm_span_with_the_usage_and_the_cost_of_its_answer(
    cell: Cell, content: bool, stand_in: StandIn, observed: Memory
) -> None:
    run = cells.play(cell, provider_at(stand_in.url(), cell.row), observed)
    (asked,) = stand_in.exchanges
    found = cells.is_one_call(cell, observed, gateway=gateway_of(cell))
    assert found.get("fastagentic.stream.end") == ("exhausted" if cell.is_streamed else None)
    assert "error.type" not in found
    assert "fastagentic.usage.estimated" not in found
    counted = found.get("gen_ai.usage.input_tokens"), found.get("gen_ai.usage.output_tokens")
    if cell.row.states_usage:
        stated = counts_of(asked.usage)
        assert counted == (stated.input, None if cell.row.operation == "embeddings" else stated.output)
    else:
        assert counted[1] is None
    assert run.usage.calls == 1
    if cell.row.is_priced:
        assert found["gen_ai.usage.cost"] == pytest.approx(cost_of(cell.row.client, asked.model, asked.usage), rel=1e-9)
        assert run.usage.cost == pytest.approx(found["gen_ai.usage.cost"])
    cells.is_content_told(cell, observed, is_asked_for=content, answer=asked.text, is_whole=True)


@with_and_without_content
@in_tiers(CELLS, by_operation)
def test_an_error_of_the_provider_is_one_llm_span_with_the_class_of_the_users_own_exception(
    cell: Cell, content: bool, stand_in: StandIn, observed: Memory
) -> None:
    with pytest.raises(Exception, match="400") as caught:  # each client has its own
        cells.play(cell, provider_at(stand_in.url("fail-400"), cell.row), observed)
    found = cells.is_one_call(cell, observed, gateway=gateway_of(cell))
    assert found["error.type"] == type(caught.value).__qualname__
    assert not {"gen_ai.usage.cost", "gen_ai.usage.output_tokens"} & found.keys()
    cells.is_content_told(cell, observed, is_asked_for=content, answer="", is_whole=True)


@with_and_without_content
@in_tiers(CELLS, by_door)
def test_a_call_that_is_broken_off_is_one_llm_span_that_says_so(
    cell: Cell, content: bool, stand_in: StandIn, observed: Memory
) -> None:
    place = provider_at(stand_in.url("ok" if cell.is_streamed else "slow-3000ms"), cell.row)
    error = cells.break_off(cell, place, observed, stand_in)
    (asked,) = stand_in.exchanges
    cells.is_broken_off(cell, cells.is_one_call(cell, observed, gateway=gateway_of(cell)), error)
    cells.is_content_told(cell, observed, is_asked_for=content, answer=asked.text, is_whole=False)


@pytest.mark.parametrize("content", [False])
def test_calls_of_all_kinds_at_once_do_not_mix(stand_in: StandIn, observed: Memory) -> None:
    sync = [cell for cell in CELLS if not cell.is_async and cell.row.needs is None and cell.row.stream_needs is None]
    threads = [
        threading.Thread(
            target=ask, args=(cell.row, provider_at(stand_in.url(), cell.row)), kwargs={"is_async": False, "more": cell.more}
        )
        for cell in sync
    ]
    with fastagentic.run("matrix") as run:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert run.usage.calls == len(sync)
    assert sorted(name for name, parent, _ in observed.tree if parent) == sorted(cell.span_name for cell in sync)
