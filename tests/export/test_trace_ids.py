"""Given run ids as trace ids, fair sampling, and spans that are recorded though they are sampled out."""

from __future__ import annotations

import random
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Decision

from fastagentic.core.ids import trace_id_of
from fastagentic.export.trace_ids import FairRatioSampler, RecordOurs, RunIdGenerator, pending_trace_id

if TYPE_CHECKING:
    from collections.abc import Callable

SEED = random.Random(7)

RUN_IDS: dict[str, Callable[[int], Any]] = {
    "random": lambda _: format(SEED.getrandbits(128) or 1, "032x"),
    "uuid4": lambda _: str(uuid.UUID(int=SEED.getrandbits(128), version=4)),
    "hashed": lambda number: f"order-{number}",
}


@pytest.mark.parametrize("ratio", [0.05, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("kind", RUN_IDS)
def test_ratio_sampling_is_fair_to_every_kind_of_run_id(kind: str, ratio: float) -> None:
    total = 20_000
    sampler = FairRatioSampler(ratio)
    sampled = sum(
        sampler.should_sample(None, trace_id_of(RUN_IDS[kind](number)), "run").decision is Decision.RECORD_AND_SAMPLE
        for number in range(total)
    )
    five_sigma = 5 * (ratio * (1 - ratio) * total) ** 0.5
    assert abs(sampled - ratio * total) < five_sigma


def test_a_pending_id_is_for_the_root_alone_and_reset_after() -> None:
    generator = RunIdGenerator()
    with pending_trace_id(42):
        assert generator.generate_trace_id() == 42
        assert not generator.is_trace_id_random()
    assert generator.generate_trace_id() != 42
    assert generator.is_trace_id_random()


def test_spans_of_ours_that_are_sampled_out_are_recorded_and_not_exported() -> None:
    exported = InMemorySpanExporter()
    provider = TracerProvider(sampler=RecordOurs(ALWAYS_OFF), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exported))
    tracer = provider.get_tracer("test")
    ours = tracer.start_span("chat", attributes={"gen_ai.operation.name": "chat"})
    theirs = tracer.start_span("GET /")
    assert ours.is_recording()
    assert not ours.get_span_context().trace_flags.sampled
    assert not theirs.is_recording()
    ours.end()
    assert exported.get_finished_spans() == ()
