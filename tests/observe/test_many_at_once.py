"""Ten thousand calls at once on an event loop, and 64 threads: no span lost, none in another's run, nothing kept after."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

import fastagentic
from fastagentic.core.worker import Worker
from tests.clients import doors

if TYPE_CHECKING:
    from tests.spans import Memory

pytestmark = pytest.mark.slow

RUNS, CALLS = 100, 100
THREADS, CALLS_OF_A_THREAD = 64, 50


@pytest.fixture
def canned(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """LiteLLM's own work replaced by an answer that takes one turn of the loop: ours is what is looked at.

    Returns: how many asynchronous calls are in flight `now`, and how many there were at `most`.
    """
    in_flight: Counter[str] = Counter()
    import litellm
    import litellm.chat_completions.dispatch as dispatch

    answer = litellm.ModelResponse(
        id="c-1", model=doors.MODEL, choices=[], usage={"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    )
    answer._hidden_params = {"custom_llm_provider": "openai", "response_cost": 0.5}

    async def acompletion(*_: Any, **__: Any) -> Any:
        in_flight["now"] += 1
        in_flight["most"] = max(in_flight["most"], in_flight["now"])
        await asyncio.sleep(0)
        in_flight["now"] -= 1
        return answer

    def completion(*_: Any, **__: Any) -> Any:
        return answer

    for module, names in (
        (dispatch, ("_PYTHON_COMPLETION", "_PYTHON_ACOMPLETION")),
        (litellm.main, ("completion", "acompletion")),
    ):
        for name, function in zip(names, (completion, acompletion), strict=True):
            monkeypatch.setattr(module, name, function)
    return in_flight


def runs_of(memory: Memory) -> Counter[str]:
    """LLM spans by the run that they say they belong to, having checked that trace and parent say the same."""
    roots = {span.context.span_id: span for span in memory.spans if span.parent is None}
    found: Counter[str] = Counter()
    for span in memory.spans:
        if span.parent is not None:
            run_id = str((span.attributes or {})["fastagentic.run.id"])
            assert format(span.context.trace_id, "032x") == run_id
            assert (roots[span.parent.span_id].attributes or {})["fastagentic.run.id"] == run_id
            found[run_id] += 1
    return found


async def test_ten_thousand_concurrent_calls_stay_in_their_runs(canned: Counter[str], recorded: Memory) -> None:
    import litellm

    async def one_run(number: int) -> fastagentic.Run:
        async with fastagentic.run(f"run-{number}") as run:
            await asyncio.gather(*(litellm.acompletion(model=doors.MODEL, messages=doors.MESSAGES) for _ in range(CALLS)))
        return run

    runs = await asyncio.gather(*(one_run(number) for number in range(RUNS)))
    assert canned["most"] == RUNS * CALLS
    assert fastagentic.flush(60)
    assert runs_of(recorded) == {run.run_id: CALLS for run in runs}
    assert {(run.usage.calls, run.usage.cost) for run in runs} == {(CALLS, CALLS * 0.5)}
    ((_, (counted, _)),) = recorded.metrics["gen_ai.client.operation.duration"]
    assert counted == RUNS * CALLS


def test_sixty_four_threads_stay_in_their_runs(canned: Counter[str], recorded: Memory) -> None:
    import litellm

    ids: list[str] = []

    def work() -> None:
        with fastagentic.run("threaded") as run:
            for _ in range(CALLS_OF_A_THREAD):
                litellm.completion(model=doors.MODEL, messages=doors.MESSAGES)
        assert run.usage.calls == CALLS_OF_A_THREAD
        ids.append(run.run_id)

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fastagentic.flush(60)
    assert runs_of(recorded) == dict.fromkeys(ids, CALLS_OF_A_THREAD)
    assert len(ids) == THREADS


def test_nothing_of_a_call_is_kept_when_it_is_done(
    canned: Counter[str], memory: Memory, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import litellm

    monkeypatch.setattr(memory.keeper, "on_end", lambda span: memory.keeper.open.pop(span.context.span_id, None))
    fastagentic.instrument(destinations=[], tracer_provider=memory.tracer_provider, meter_provider=memory.meter_provider)

    def some_calls() -> None:
        for _ in range(2_000):
            litellm.completion(model=doors.MODEL, messages=doors.MESSAGES)
        assert fastagentic.flush(60)
        memory.reader.get_metrics_data()
        gc.collect()

    some_calls()  # what is made once: caches, instruments
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        some_calls()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    with capsys.disabled():
        print(f"\n2,000 further calls leave {grown / 1024:.0f} KiB behind")
    assert grown < 200 * 1024
    assert not any(isinstance(item, Worker) and item._queue for item in gc.get_objects())
