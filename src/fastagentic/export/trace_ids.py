"""Given run ids as trace ids, and ratio sampling that stays fair to them.

The id of a root span comes from the provider's id generator; ours hands out a pending id once and is the generator it wraps
otherwise. So a run's root has no invented parent, its children inherit the id, and the sampler runs as ever.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from fastagentic.core import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.context import Context
    from opentelemetry.trace import Link, SpanKind, TraceState
    from opentelemetry.util.types import Attributes

_pending: ContextVar[int] = ContextVar("fastagentic-pending-trace-id", default=0)

# W3C Trace Context Level 2: the 56 bits that consistent sampling looks at. A UUID's fixed bits lie above them.
RANDOM_BITS: Final = (1 << 56) - 1


@contextmanager
def pending_trace_id(trace_id: int) -> Iterator[None]:
    """Root spans started in here get this trace id; 0 leaves it to the generator."""
    token = _pending.set(trace_id)
    try:
        yield
    finally:
        _pending.reset(token)


class RunIdGenerator(IdGenerator):
    """The pending trace id where there is one, else what the wrapped generator makes."""

    def __init__(self, inner: IdGenerator | None = None) -> None:
        self._inner = inner or RandomIdGenerator()

    def generate_span_id(self) -> int:
        """A span id."""
        return self._inner.generate_span_id()

    def generate_trace_id(self) -> int:
        """A trace id: the run's, when one was given."""
        return _pending.get() or self._inner.generate_trace_id()

    def is_trace_id_random(self) -> bool:
        """W3C's random flag; not claimed while an id is given by hand."""
        return not _pending.get() and self._inner.is_trace_id_random()


class FairRatioSampler(Sampler):
    """Samples a share of traces by the low 56 bits of the id, which are random in UUIDs and hashes too.

    The SDK's own ratio sampler compares the low 64, two of which a UUID fixes: it samples none of them below 0.5.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._bound = round(ratio * (RANDOM_BITS + 1))

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Sample when the id lies below the bound."""
        is_in = trace_id & RANDOM_BITS < self._bound
        return SamplingResult(Decision.RECORD_AND_SAMPLE if is_in else Decision.DROP, attributes, trace_state)

    def get_description(self) -> str:
        """How the sampler names itself."""
        return f"FairRatioSampler{{{self._ratio}}}"


class RecordOurs(Sampler):
    """Another sampler's decisions; but spans of ours that it drops are recorded all the same, and go no further.

    So metrics and the local store see every call, and only what leaves the process is thinned out.
    """

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The inner decision, with `DROP` turned into `RECORD_ONLY` for our spans."""
        result = self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)
        if result.decision is Decision.DROP and attributes and _is_ours(attributes):
            return SamplingResult(Decision.RECORD_ONLY, attributes, result.trace_state)
        return result

    def get_description(self) -> str:
        """How the sampler names itself."""
        return f"RecordOurs{{{self._inner.get_description()}}}"


def _is_ours(attributes: Attributes) -> bool:
    return attributes is not None and (names.OPERATION_NAME in attributes or names.ATTEMPT_NUMBER in attributes)
