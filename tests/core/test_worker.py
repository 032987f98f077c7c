"""The worker: everything put is handled once and in order, or counted as dropped; `put` never waits."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastagentic.core.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sink:
    """What was handled; tells the worker to wait as often as it is told to."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.batches = 0
        self.refusals = 0
        self.gate = threading.Event()
        self.gate.set()

    def handle(self, batch: list[int]) -> float | None:
        self.gate.wait()
        self.batches += 1
        if self.refusals:
            self.refusals -= 1
            return 0.001
        self.items.extend(batch)
        return None


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def worker(sink: Sink) -> Iterator[Worker[int]]:
    worker = Worker("test-worker", sink.handle, window_s=0.01, capacity=1_000)
    yield worker
    sink.gate.set()
    worker.close(5)


def test_what_is_put_is_handled_in_order(worker: Worker[int], sink: Sink) -> None:
    for number in range(500):
        worker.put(number)
    assert worker.flush(5)
    assert sink.items == list(range(500))


def test_many_threads_lose_nothing(worker: Worker[int], sink: Sink) -> None:
    threads = [threading.Thread(target=lambda: [worker.put(1) for _ in range(100)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert worker.flush(5)
    assert len(sink.items) + worker.dropped == 800


def test_no_thread_runs_before_there_is_work(worker: Worker[int]) -> None:
    assert "test-worker" not in {thread.name for thread in threading.enumerate()}


def test_a_batch_that_must_wait_is_tried_again_and_handled_once(worker: Worker[int], sink: Sink) -> None:
    sink.refusals = 3
    worker.put(1)
    assert worker.flush(5)
    assert sink.items == [1]
    assert sink.batches == 4


def test_flush_keeps_its_deadline_and_says_false(worker: Worker[int], sink: Sink) -> None:
    sink.gate.clear()
    worker.put(1)
    assert not worker.flush(0.02)
    sink.gate.set()
    assert worker.flush(5)


def test_beyond_its_capacity_the_oldest_are_dropped_and_counted(sink: Sink) -> None:
    worker = Worker("small", sink.handle, window_s=0.01, capacity=10)
    sink.gate.clear()
    worker.put(-1)
    while worker._queue:  # until the thread has taken it, and waits at the gate
        pass
    for number in range(25):
        worker.put(number)
    sink.gate.set()
    assert worker.flush(5)
    assert worker.dropped == 15
    assert sink.items == [-1, *range(15, 25)]
    worker.close(5)


@pytest.mark.swallows_failures
def test_a_batch_that_cannot_be_handled_is_counted_and_the_next_goes_on() -> None:
    handled: list[int] = []

    def handle(batch: list[int]) -> None:
        if 13 in batch:
            raise ValueError("not this one")
        handled.extend(batch)

    worker = Worker("picky", handle, window_s=0.01)
    worker.put(13)
    assert worker.flush(5)
    worker.put(14)
    assert worker.flush(5)
    assert (handled, worker.dropped) == ([14], 1)
    worker.close(5)


def test_drain_handles_on_the_calling_thread(worker: Worker[int], sink: Sink) -> None:
    worker._window_s = 60
    worker.put(1)
    worker.drain()
    assert sink.items == [1]


def test_after_close_the_next_put_starts_again(worker: Worker[int], sink: Sink) -> None:
    worker.put(1)
    assert worker.close(5)
    worker.put(2)
    assert worker.flush(5)
    assert sink.items == [1, 2]


def test_put_from_a_finalizer_in_the_middle_of_anything_is_safe(worker: Worker[int], sink: Sink) -> None:
    class Dropped:
        pass

    for number in range(200):
        cycle: list[object] = [Dropped()]
        weakref.finalize(cycle[0], worker.put, number)
        cycle.append(cycle)
        del cycle
    gc.collect()
    assert worker.flush(5)
    assert sorted(sink.items) == list(range(200))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_handles_its_own_and_not_what_its_parent_queued(worker: Worker[int], sink: Sink) -> None:
    worker._window_s = 60
    worker.put(1)
    child = os.fork()
    if child == 0:
        worker.put(2)
        os._exit(0 if worker.flush(5) and sink.items == [2] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert worker.flush(5)
    assert sink.items == [1]


@given(st.lists(st.sampled_from(["put", "flush", "drain"]), max_size=40))
def test_any_order_of_puts_flushes_and_drains_handles_each_item_once(steps: list[str]) -> None:
    sink = Sink()
    worker = Worker("any", sink.handle, window_s=0.001)
    puts = 0
    for step in steps:
        if step == "put":
            worker.put(puts)
            puts += 1
        elif step == "flush":
            assert worker.flush(5)
        else:
            worker.drain()
    assert worker.close(5)
    assert sink.items == list(range(puts))
