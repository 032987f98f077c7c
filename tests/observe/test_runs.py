"""A run: one id for everything in it, totals that are live, and a context that tasks and threads carry."""

from __future__ import annotations

import asyncio
import re
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import litellm
import pytest
from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

import fastagentic
from tests.clients.doors import MESSAGES, MODEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.spans import Memory


def ask(**more: Any) -> Any:
    return litellm.completion(model=MODEL, messages=MESSAGES, mock_response="four cents", **more)


def test_the_run_id_is_the_trace_id_of_all_its_spans(recorded: Memory) -> None:
    with fastagentic.run("report") as run:
        ask()
    assert {format(span.context.trace_id, "032x") for span in recorded.spans} == {run.run_id}
    assert {(span.attributes or {})["fastagentic.run.id"] for span in recorded.spans} == {run.run_id}


def test_the_root_span_of_a_run_is_a_true_root_with_totals_and_without_a_model(recorded: Memory) -> None:
    with fastagentic.run("report", user="u-42", session="s-7", tenant="acme", tags=["batch"]) as run:
        ask()
    name, parent, found = recorded.tree[0]
    assert (name, parent) == ("invoke_workflow report", None)
    assert found == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "report",
        "fastagentic.run.id": run.run_id,
        "fastagentic.run.calls": 1,
        "fastagentic.run.cost": run.usage.cost,
        "fastagentic.tags": ("batch",),
        "fastagentic.tenant.id": "acme",
        "session.id": "s-7",
        "user.id": "u-42",
    }


def test_whom_the_run_is_for_is_on_every_span_of_it(recorded: Memory) -> None:
    with fastagentic.run("report", user="u-42", session="s-7", tenant="acme", tags=["batch"]):
        ask()
    call = dict(recorded.spans[0].attributes or {})
    assert (call["user.id"], call["session.id"], call["fastagentic.tenant.id"], call["fastagentic.tags"]) == (
        "u-42", "s-7", "acme", ("batch",),
    )  # fmt: skip


def test_totals_are_live(recorded: Memory) -> None:
    with fastagentic.run("report") as run:
        assert run.usage.calls == 0
        answer = ask()
        assert run.usage.calls == 1
        assert run.usage.cost == answer._hidden_params["response_cost"]
        assert run.usage.total_tokens == answer.usage.total_tokens
        ask()
        assert run.usage.calls == 2


def test_who_it_is_for_may_be_said_while_it_runs(recorded: Memory) -> None:
    with fastagentic.run("report"):
        current = fastagentic.current_run()
        assert current is not None
        current.user = "late"
        current.tags.append("found-out")
        ask()
    assert fastagentic.current_run() is None
    for span in recorded.spans:
        assert (span.attributes or {})["user.id"] == "late"
        assert (span.attributes or {})["fastagentic.tags"] == ("found-out",)


@pytest.mark.parametrize(
    "given",
    [
        uuid.UUID("0190b5a2-7c1e-7abc-8def-0123456789ab"),
        "0190b5a2-7c1e-7abc-8def-0123456789ab",
        "0190b5a27c1e7abc8def0123456789ab",
    ],
)
def test_a_uuid_or_32_hex_digits_are_taken_bit_for_bit(given: Any, recorded: Memory) -> None:
    with fastagentic.run("given", run_id=given) as run:
        pass
    assert run.run_id == "0190b5a27c1e7abc8def0123456789ab"
    assert recorded.span.context.trace_id == int(run.run_id, 16)


def test_any_other_text_is_hashed_and_kept_as_the_external_id(recorded: Memory) -> None:
    with fastagentic.run("given", run_id="order-42") as run:
        pass
    # The first 16 bytes of sha256("order-42"), which is what Langfuse's create_trace_id(seed="order-42") gives.
    assert run.run_id == "3bf8b157c4238eefe5ae4a66eca81c6b"
    assert (recorded.span.attributes or {})["fastagentic.run.external_id"] == "order-42"


def test_a_given_id_is_the_next_runs_no_longer(recorded: Memory) -> None:
    with fastagentic.run("given", run_id="order-42") as first:
        pass
    with fastagentic.run("free") as second:
        pass
    assert second.run_id != first.run_id


def test_a_run_inside_a_run_shares_the_id_and_has_totals_of_its_own(recorded: Memory) -> None:
    with fastagentic.run("outer", user="u-42") as outer:
        ask()
        with fastagentic.run("inner", run_id="ignored") as inner:
            ask()
    assert inner.run_id == outer.run_id
    assert (outer.usage.calls, inner.usage.calls) == (2, 1)
    tree = [(name, parent) for name, parent, _ in recorded.tree]
    assert ("invoke_workflow inner", "invoke_workflow outer") in tree
    assert ("chat gpt-4o-mini", "invoke_workflow inner") in tree
    assert inner.user == "u-42"


def test_inside_an_incoming_trace_the_callers_trace_goes_on(recorded: Memory) -> None:
    carrier = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    token = context.attach(TraceContextTextMapPropagator().extract(carrier))
    try:
        with fastagentic.run("served", run_id="order-42") as run:
            pass
    finally:
        context.detach(token)
    assert run.run_id == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert run.external_id == "order-42"


def test_an_exception_ends_the_run_as_an_error_and_goes_on(recorded: Memory) -> None:
    with pytest.raises(LookupError, match="a secret"), fastagentic.run("failing"):
        raise LookupError("a secret")
    span = recorded.span
    assert (span.attributes or {})["error.type"] == "LookupError"
    assert span.status.status_code is trace.StatusCode.ERROR
    assert "a secret" not in repr(recorded.tree) + str(span.status.description)
    assert not span.events


async def test_an_async_run_is_the_same_run(recorded: Memory) -> None:
    async with fastagentic.run("awaited") as run:
        await litellm.acompletion(model=MODEL, messages=MESSAGES, mock_response="four cents")
    assert run.usage.calls == 1


def test_a_decorated_function_is_a_run_a_call(recorded: Memory) -> None:
    @fastagentic.run("decorated", user="u-42")
    def work(times: int) -> str:
        """Works."""
        for _ in range(times):
            ask()
        run = fastagentic.current_run()
        assert run is not None
        assert run.usage.calls == times
        return run.run_id

    assert work.__name__ == "work"
    assert work.__doc__ == "Works."
    assert work(1) != work(2)


async def test_a_decorated_coroutine_function_may_run_many_times_at_once(recorded: Memory) -> None:
    @fastagentic.run("decorated")
    async def work() -> tuple[str, int]:
        await litellm.acompletion(model=MODEL, messages=MESSAGES, mock_response="four cents")
        run = fastagentic.current_run()
        assert run is not None
        return run.run_id, run.usage.calls

    found = await asyncio.gather(*(work() for _ in range(20)))
    assert len({run_id for run_id, _ in found}) == 20
    assert {calls for _, calls in found} == {1}


def test_a_decorated_generator_is_refused_with_the_way_out() -> None:
    with pytest.raises(TypeError, match=r"with fastagentic\.run"):

        @fastagentic.run("streamed")
        def work() -> Any:
            yield 1


async def test_awaiting_a_run_says_what_it_is() -> None:
    with pytest.raises(TypeError, match="is not awaited"):
        await fastagentic.run("agent")


def test_calling_it_with_an_agent_says_what_it_is() -> None:
    with pytest.raises(TypeError, match=re.escape("with fastagentic.run('name'): agent(...)")):
        fastagentic.run(object())  # type: ignore[arg-type]


async def _gathered(work: Callable[[], Any]) -> None:
    async def one() -> None:
        work()

    await asyncio.gather(one(), one())


async def _grouped(work: Callable[[], Any]) -> None:
    async def one() -> None:
        work()

    async with asyncio.TaskGroup() as group:
        group.create_task(one())
        group.create_task(one())


async def _in_executor(work: Callable[[], Any]) -> None:
    loop = asyncio.get_running_loop()
    await asyncio.gather(loop.run_in_executor(None, work), loop.run_in_executor(None, work))


async def _to_thread(work: Callable[[], Any]) -> None:
    await asyncio.gather(asyncio.to_thread(work), asyncio.to_thread(work))


async def _threads(work: Callable[[], Any]) -> None:
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


async def _pool(work: Callable[[], Any]) -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: work(), range(2)))


@pytest.mark.parametrize("spread", [_gathered, _grouped, _in_executor, _to_thread, _threads, _pool])
async def test_calls_spread_over_tasks_and_threads_belong_to_the_run(spread: Any, recorded: Memory) -> None:
    with fastagentic.run("spread") as run:
        await spread(ask)
    assert run.usage.calls == 2
    assert {format(span.context.trace_id, "032x") for span in recorded.spans} == {run.run_id}


def test_a_worker_thread_started_in_one_run_does_not_keep_it_for_the_next(recorded: Memory) -> None:
    with ThreadPoolExecutor(1) as pool:
        with fastagentic.run("first") as first:
            pool.submit(ask).result()
        pool.submit(ask).result()
        with fastagentic.run("second") as second:
            pool.submit(ask).result()
    assert (first.usage.calls, second.usage.calls) == (1, 1)


def test_a_thread_subclass_with_its_own_run_carries_it_too(recorded: Memory) -> None:
    class Work(threading.Thread):
        def run(self) -> None:
            ask()

    with fastagentic.run("subclassed") as run:
        thread = Work()
        thread.start()
        thread.join()
    assert run.usage.calls == 1
    assert "run" not in vars(thread)


def test_a_thread_with_a_run_of_its_own_on_the_instance_keeps_it(recorded: Memory) -> None:
    thread = threading.Thread()
    thread.run = ask  # type: ignore[method-assign]
    with fastagentic.run("replaced") as run:
        thread.start()
        thread.join()
    assert run.usage.calls == 1
    assert vars(thread)["run"] is ask


@pytest.mark.swallows_failures
def test_a_thread_that_refuses_to_be_touched_starts_all_the_same(recorded: Memory) -> None:
    ran = threading.Event()

    class Fixed(threading.Thread):
        @property
        def run(self) -> Any:  # type: ignore[override]
            return ran.set

    with fastagentic.run("refused"):
        thread = Fixed()
        thread.start()
        thread.join()
    assert ran.is_set()


def test_parallel_runs_do_not_mix(recorded: Memory) -> None:
    def work(number: int) -> tuple[int, int]:
        with fastagentic.run(f"run-{number}", user=f"u-{number}") as run:
            for _ in range(number):
                ask()
        return number, run.usage.calls

    with ThreadPoolExecutor(8) as pool:
        assert all(number == calls for number, calls in pool.map(work, range(1, 9)))
    for span in recorded.spans:
        if span.name.startswith("chat"):
            assert span.parent is not None


def test_a_run_without_instrument_has_an_id_and_no_totals() -> None:
    with fastagentic.run("bare") as run:
        ask()
    assert re.fullmatch(r"[0-9a-f]{32}", run.run_id)
    assert run.usage.calls == 0
