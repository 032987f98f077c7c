"""The cells of the matrix: a row of `every_door.py`, sync or async, plain or streamed; how each is played, and what must show.

Answered, failed, or cancelled while the provider is at it: a task that is cancelled, or Ctrl-C in the main thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from tests.clients.every_door import ASKED, ROWS, Place, Row, ask, awaited, function_of
from tests.clients.expected import content_of, llm_span, nothing_is_told, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

    from fastagentic.demo.provider import StandIn
    from tests.spans import Memory

TEXT = ("chat", "text_completion")
"""Operations whose prompt and answer are text."""

GAP_S = 1.0
"""Between two chunks of a stream that is to be cancelled; a plain answer takes as long as `slow-3000ms`."""


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

    @property
    def span_name(self) -> str:
        return f"{self.row.operation} {self.row.model}".strip()

    @property
    def asked(self) -> str:
        """The text of the prompt, as far as the client is told it: of a stored prompt, the gateway has the messages."""
        given = self.row.arguments()
        return "" if "prompt_id" in given else ASKED

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


def by_operation(cell: Cell) -> object:
    """Cells that differ in the name of a method alone are of one kind."""
    return cell.row.client, cell.row.operation, cell.row.is_priced, cell.is_async, cell.is_streamed


def by_door(cell: Cell) -> object:
    """One cell for each client's doors, whatever is asked."""
    return cell.row.client, cell.is_async, cell.is_streamed


def in_tiers(cells: Iterable[Cell], kind: Callable[[Cell], object], *, is_slow: bool = False) -> Any:
    """A test for each cell; of a kind, the first is in the default tier, unless all are slow."""
    seen: set[object] = set()
    found = []
    for cell in cells:
        marks = [pytest.mark.slow] if is_slow or kind(cell) in seen else []
        found.append(pytest.param(cell, id=str(cell), marks=marks))
        seen.add(kind(cell))
    return pytest.mark.parametrize("cell", found)


def step(memory: Memory) -> Any:
    """A span of the user's own, that has nothing to say of exceptions."""
    tracer = memory.tracer_provider.get_tracer("the user's")
    return tracer.start_as_current_span("step", record_exception=False, set_status_on_exception=False)


def play(cell: Cell, place: Place, memory: Memory) -> fastagentic.Run:
    """The call below a step of the user's own in a run. What it raises is raised, and the run is over."""
    cell.need()
    try:
        with fastagentic.run("matrix") as run, step(memory):
            ask(cell.row, place, is_async=cell.is_async, more=cell.more)
    finally:
        fastagentic.flush()
    return run


def break_off(cell: Cell, place: Place, memory: Memory, provider: StandIn) -> str:
    """The same, cancelled or interrupted while the provider answers. The class of the error."""
    cell.need()
    with fastagentic.run("matrix"), step(memory):
        error = cancel(cell, place, provider)
    fastagentic.flush()
    return error.__qualname__


def is_one_call(cell: Cell, memory: Memory, *, gateway: str, prefix: str = "") -> dict[str, Any]:
    """The attributes of the one LLM span, of which parent, names and what was asked have been checked."""
    span = llm_span(memory, parent="step")
    found = dict(span.attributes or {})
    model = prefix + cell.row.model
    assert span.name == f"{cell.row.operation} {model}".strip()
    assert found["gen_ai.operation.name"] == cell.row.operation
    assert found.get("gen_ai.request.model", "") == model
    assert (found.get("gen_ai.request.stream") is True) == cell.is_streamed
    assert found["fastagentic.gateway"] == gateway
    return found


def is_content_told(cell: Cell, memory: Memory, *, is_asked_for: bool, answer: str, is_whole: bool) -> None:
    """Content where it was asked for, as far as it came, and nothing anywhere where it was not."""
    if not is_asked_for:
        nothing_is_told(memory, [answer])
        return
    found = content_of(llm_span(memory, parent="step"))
    received = said(found.get("gen_ai.output.messages", []))
    if cell.row.operation in TEXT:
        assert said(found.get("gen_ai.input.messages", [])) == cell.asked
        assert received == answer if is_whole else answer.startswith(received)


ENDS = {"CancelledError": "cancelled", "KeyboardInterrupt": "error"}


def is_broken_off(cell: Cell, found: dict[str, Any], error: str) -> None:
    """What a span says of a call that was cancelled: its error, and of a stream how it ended and that it is estimated."""
    assert found["error.type"] == error
    assert found.get("fastagentic.stream.end") == (ENDS[error] if cell.is_streamed else None)
    if cell.is_streamed and cell.row.operation in TEXT:
        assert found["fastagentic.usage.estimated"] is True
        assert ("gen_ai.usage.cost" in found) == bool(cell.asked)  # of a stored prompt the input is not known


def cancel(cell: Cell, place: Place, provider: StandIn) -> type[BaseException]:
    """Break the call off: a plain one while the provider thinks, a stream after its first chunk. What it raised."""
    provider.chunk_gap_s = GAP_S if cell.is_streamed else 0.0
    function, arguments = function_of(cell.row, place, cell.more, is_async=cell.is_async)
    if cell.is_async:
        asyncio.run(_cancelled(function, arguments, provider, is_streamed=cell.is_streamed))
        return asyncio.CancelledError
    _interrupted(function, arguments, provider, is_streamed=cell.is_streamed)
    return KeyboardInterrupt


async def _cancelled(function: Callable[..., Any], arguments: dict[str, Any], provider: StandIn, *, is_streamed: bool) -> None:
    first = asyncio.Event()

    async def read() -> None:
        if not is_streamed:
            await awaited(function, arguments)
        async for _ in await function(**arguments):
            first.set()

    task = asyncio.create_task(read())
    while not (first.is_set() if is_streamed else provider.exchanges):  # with the provider, or begun
        assert not task.done(), task
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def _interrupted(function: Callable[..., Any], arguments: dict[str, Any], provider: StandIn, *, is_streamed: bool) -> None:
    if not is_streamed:
        with pytest.raises(KeyboardInterrupt), ctrl_c(lambda: bool(provider.exchanges)):
            function(**arguments)
        return
    stream = function(**arguments)
    next(stream)
    with pytest.raises(KeyboardInterrupt), ctrl_c(lambda: True):
        list(stream)


@contextlib.contextmanager
def ctrl_c(when: Callable[[], bool]) -> Iterator[None]:
    """Ctrl-C as soon as `when()` holds and the main thread waits for the network: not a moment before or after."""
    main, is_pressed = threading.get_ident(), threading.Event()

    def interrupt(_: int, frame: FrameType | None) -> None:
        if frame is not None and "_backends.sync" in frame.f_globals["__name__"] and not is_pressed.is_set():  # httpcore
            is_pressed.set()
            raise KeyboardInterrupt

    def press() -> None:
        while not is_pressed.wait(0.002):
            if when():
                signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    thread = threading.Thread(target=press)
    thread.start()
    try:
        yield
    finally:
        is_pressed.set()
        thread.join()
        signal.signal(signal.SIGUSR1, before)
