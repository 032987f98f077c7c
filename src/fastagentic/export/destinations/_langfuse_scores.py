"""Where scores go: Langfuse's own endpoint for them, as a destination beside the one for spans, with a spool of its own.

A score comes as a span with one attribute that holds its JSON: so it is written ahead, retried, taken over and counted as
spans are. Langfuse knows a score by its id and time, which were made when it was given: sending it twice changes nothing.
"""

from __future__ import annotations

import json
import os
import time
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, Any, Final

from fastagentic.export.destination import Accepted, Later, Malformed, Partly
from fastagentic.export.otlp_settings import HTTP, read_settings
from fastagentic.export.record import SCORE

from ._answers import answer_of_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opentelemetry.sdk.trace import ReadableSpan

    from fastagentic.export.destination import Answer, Payload

    from ._http import HTTPTransport
    from .langfuse import LangfuseDestination

MAX_BYTES: Final = 900_000
"""Of one request: Langfuse takes a million."""
SOME_REJECTED: Final = 207


class LangfuseScores:
    """The scores of a project that a `LangfuseDestination` sends spans to."""

    carries = "scores"

    def __init__(self, spans: LangfuseDestination) -> None:
        self.spans = spans
        self.name = f"{spans.name}-scores"
        self._settings = read_settings(
            endpoint=spans.settings.scores_url,
            protocol=HTTP,
            compression="none",
            headers={**spans.settings.headers, "content-type": "application/json"},
            timeout_s=spans.settings.timeout_s,
        )
        self.endpoint = self._settings.address
        self.identity = spans.identity
        self._takes_lists = True
        self._http: HTTPTransport | None = None
        self._pid = 0

    def wants(self, span: ReadableSpan) -> bool:
        """No span: scores are put here by `fastagentic.score`."""
        return False

    def dress(self, span: ReadableSpan) -> None:
        """Nothing."""

    def send(self, payload: Payload, timeout_s: float) -> Answer:
        """Post the scores that are in a batch; what Langfuse finds wrong with one does not keep the others."""
        deadline = time.monotonic() + min(timeout_s, self._settings.timeout_s)
        rejected = 0
        for scores in in_requests(scores_of(payload.body)):
            answer = self._post(scores, deadline)
            if isinstance(answer, Later):
                return answer
            rejected += answer.rejected if isinstance(answer, Partly) else 0
        return Partly(rejected, "not valid for Langfuse") if rejected else Accepted()

    def close(self) -> None:
        """Give connections back."""
        if self._http is not None and self._pid == os.getpid():
            self._http.close()
        self._http = None

    def _post(self, scores: Sequence[dict[str, Any]], deadline: float) -> Accepted | Later | Partly:
        """A list at once, where the server takes lists: those before Langfuse 4 take one score after the other."""
        answer = self._once(scores, deadline) if self._takes_lists else Malformed("a list")
        if not isinstance(answer, Malformed):
            return answer
        rejected = 0
        for score in scores:
            answer = self._once(score, deadline)
            if isinstance(answer, Later):
                return answer
            rejected += isinstance(answer, Malformed)
            self._takes_lists &= isinstance(answer, Malformed)
        return Partly(rejected, "not valid for Langfuse") if rejected else Accepted()

    def _once(self, content: Any, deadline: float) -> Answer:
        from ._http import HTTPTransport
        from .langfuse import hinted

        if self._http is None or self._pid != os.getpid():  # a forked child's connections are its parent's
            self._http, self._pid = HTTPTransport(self._settings, answer_of_scores), os.getpid()
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            return Later("timeout")
        return hinted(self._http.send(json.dumps(content).encode(), left_s))


def answer_of_scores(status: int, body: bytes, retry_after: str | None) -> Answer:
    """As for spans, but for the answer that says how many scores of a list were not taken."""
    if status != SOME_REJECTED:
        return answer_of_status(status, b"", retry_after)
    try:
        rejected = int(json.loads(body)["rejected"])
    except (ValueError, KeyError, TypeError):
        rejected = 0
    return Partly(rejected, "not valid for Langfuse") if rejected > 0 else Accepted()


def scores_of(body: bytes) -> list[dict[str, Any]]:
    """The scores in an `ExportTraceServiceRequest` of them."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    spans = (
        span
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    )
    return [json.loads(pair.value.string_value) for span in spans for pair in span.attributes if pair.key == SCORE]


def in_requests(scores: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """The scores in lists that Langfuse takes in one request."""
    ends = accumulate(len(json.dumps(score)) + 2 for score in scores)
    for _, together in groupby(zip(ends, scores, strict=True), key=lambda pair: pair[0] // MAX_BYTES):
        yield [score for _, score in together]
