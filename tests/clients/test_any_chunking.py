"""However a stream is cut, read in turns with others and left, the user receives what they would have received bare.

Real SDKs over a wire that cuts the bytes anywhere (`cut_wire.py`); each stream is one call, and ends once.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import fastagentic
from tests.clients import cut_wire
from tests.clients.cut_wire import ASYNC_STREAMS, ASYNC_WAYS, STREAMS, WAYS, Plan, Wire, chat_body, cut, end_of
from tests.spans import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Play = Callable[[Callable[[Wire], Any], Wire], list[list[object]]]

few = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # to shrink an example takes minutes: each plays nine SDKs twice
)
many = settings(few, max_examples=80)

BODIES = st.tuples(
    st.lists(st.text(min_size=1, max_size=8), max_size=6), st.booleans(), st.lists(st.integers(0, 5_000), max_size=40)
)
"""Texts, whether usage is stated, where the bytes are cut."""


def plans(ways: Sequence[str]) -> st.SearchStrategy[list[tuple[Any, Plan]]]:
    """One to three streams: what comes, and what is done with it."""
    plan = st.builds(Plan, st.integers(0, 9), st.sampled_from(ways))
    return st.lists(st.tuples(BODIES, plan), min_size=1, max_size=3)


def wire_of(name: str, streams: list[tuple[Any, Plan]], breaks: bool) -> Wire:
    body_of = cut_wire.BODIES.get(name, chat_body)
    bodies = [body_of(texts, at, states_usage=usage) for at, ((texts, usage, _), _) in enumerate(streams)]
    if breaks:
        bodies = [body[: len(body) * 2 // 3] for body in bodies]
    return Wire([cut(body, places) for body, ((_, _, places), _) in zip(bodies, streams, strict=True)], breaks)


def compared(opened: dict[str, Callable[[Wire], Any]], streams: list[tuple[Any, Plan]], breaks: bool, play: Play) -> None:
    """Play bare and observed, by each of the SDKs; compare what was received, and how each call says that it ended.

    An assertion that fails leaves it instrumented: `nothing_left_on` of `conftest.py` sees to that.
    """
    bare = {name: play(open_, wire_of(name, streams, breaks)) for name, open_ in opened.items()}
    memory = Memory()
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)
    for name, open_ in opened.items():
        memory.keeper.ended.clear()
        observed = play(open_, wire_of(name, streams, breaks))
        assert fastagentic.flush(30)
        assert observed == bare[name], name
        ends = [end_of(plan, received) for (_, plan), received in zip(streams, observed, strict=True)]
        found = [(span.attributes or {})["fastagentic.stream.end"] for span in memory.spans]
        assert Counter(found) == Counter(ends), name
        assert not memory.keeper.open
    fastagentic.uninstrument()
    memory.shutdown()


SYNC = given(plans(WAYS), st.lists(st.integers(0, 2), max_size=30), st.booleans())
ASYNC = given(plans(ASYNC_WAYS), st.booleans())


def in_turns(streams: list[tuple[Any, Plan]], turns: list[int], breaks: bool) -> None:
    compared(STREAMS, streams, breaks, lambda open_, wire: cut_wire.play(open_, wire, [plan for _, plan in streams], turns))


def in_tasks(streams: list[tuple[Any, Plan]], breaks: bool) -> None:
    def play(open_: Callable[[Wire], Any], wire: Wire) -> list[list[object]]:
        return asyncio.run(cut_wire.aplay(open_, wire, [plan for _, plan in streams]))

    compared(ASYNC_STREAMS, streams, breaks, play)


@few
@SYNC
def test_what_is_received_is_what_would_have_been_received_bare(streams: Any, turns: list[int], breaks: bool) -> None:
    in_turns(streams, turns, breaks)


@few
@ASYNC
def test_what_is_received_asynchronously_is_too(streams: Any, breaks: bool) -> None:
    in_tasks(streams, breaks)


@pytest.mark.slow
@many
@SYNC
def test_so_it_is_in_many_more_cases(streams: Any, turns: list[int], breaks: bool) -> None:
    in_turns(streams, turns, breaks)


@pytest.mark.slow
@many
@ASYNC
def test_so_it_is_in_many_more_asynchronous_cases(streams: Any, breaks: bool) -> None:
    in_tasks(streams, breaks)


READS = ("iter_bytes", "iter_text", "iter_lines")


def bytes_of(name: str, read: str, wire: Wire, stop: int) -> list[Any]:
    """The first pieces of a streaming response's body, as they come."""
    with cut_wire.STREAMING_RESPONSES[name](wire) as response:
        return list(islice(getattr(response, read)(), stop))


@settings(few, max_examples=8)
@given(st.lists(st.text(min_size=1)), st.lists(st.integers(0, 5_000), max_size=20), st.sampled_from(READS), st.integers(0, 30))
def test_the_bytes_of_a_streaming_response_are_handed_on_as_they_came(
    texts: list[str], places: list[int], read: str, stop: int
) -> None:
    body = chat_body(texts)
    bare = {name: bytes_of(name, read, Wire([cut(body, places)]), stop) for name in cut_wire.STREAMING_RESPONSES}
    memory = Memory()
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider)
    for name, pieces in bare.items():
        assert bytes_of(name, read, Wire([cut(body, places)]), stop) == pieces
    assert fastagentic.flush(30)
    fastagentic.uninstrument()
    assert [span.name for span in memory.spans] == ["chat gpt-4o-mini"] * len(bare)
    assert not memory.keeper.open
    memory.shutdown()
