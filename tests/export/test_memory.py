"""What waits for dead destinations is bounded in memory: the rest lies on disk."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING

import pytest

import fastagentic
from fastagentic.export.delivery import MEMORY_BYTES
from fastagentic.export.destination import Later
from fastagentic.export.pipeline import CROWDED

from .test_delivery import Scripted

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS = 100_000
A_SPAN_BYTES = 6_000
"""A finished span of the SDK's with its attributes, about: as many as `CROWDED` may wait to be encoded."""


class Dead(Scripted):
    """A destination that is down."""

    def __init__(self, name: str) -> None:
        super().__init__(Later("refused"))
        self.name = name
        self.endpoint = f"test:{name}"


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["normal", "crash"])
def test_a_hundred_thousand_spans_for_two_dead_destinations_stay_under_the_cap(
    durability: str, record_property: Callable[[str, object], None], capsys: pytest.CaptureFixture[str]
) -> None:
    dead = [Dead("one"), Dead("two")]
    fastagentic.instrument(destinations=dead, durability=durability)
    with fastagentic.run("warm up"):
        pass
    fastagentic.flush(0.5)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(SPANS):
            with fastagentic.run(f"{number}"):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    cap = len(dead) * MEMORY_BYTES + CROWDED * A_SPAN_BYTES
    # With crash durability a span is a record of its own, of which its place on disk is kept in mind.
    cap += len(dead) * SPANS * 400 if durability == "crash" else 0
    with capsys.disabled():
        print(f"\n{SPANS:,} spans, two dead destinations, durability={durability}: {peak / 2**20:.0f} MiB at most", end="")
    record_property("peak_bytes", peak)
    assert peak < cap
