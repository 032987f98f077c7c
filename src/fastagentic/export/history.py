"""What lies in the store, sent by OTLP as if it were made now: for a team that outgrows the file on a laptop.

Spans keep their ids, times and attributes. A span that the destination has acknowledged counts as exported, and none before.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from fastagentic._version import __version__
from fastagentic.core import names
from fastagentic.core.errors import StoreError
from fastagentic.store.projection import SpanKind as Told
from fastagentic.store.projection import kind_of

from .delivery import FIRST_WAIT_S, LAST_WAIT_S, MAX_BYTES
from .destination import Accepted, Later, Partly
from .encode import encode_span, frame_of, request
from .record import Record

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from opentelemetry.sdk.resources import Resource

    from fastagentic.store.carried.tables import Row, Table

    from .destination import Answer, Destination, Payload

    Costs = Mapping[tuple[object, object], Mapping[str, object]]

STATUSES: Final = {"unset": StatusCode.UNSET, "ok": StatusCode.OK, "error": StatusCode.ERROR}
_COSTS: Final = "SELECT trace_id, span_id, cost_usd, cost_source, saved_usd FROM calls WHERE (trace_id, span_id) IN (VALUES {})"
_MONEY: Final = (names.USAGE_COST, names.COST_SOURCE, names.COST_SAVED)


class History:
    """An output of the store's export that sends spans to a destination and waits for each answer.

    `give_up_s` is how long the destination may refuse before `write` gives up. Calls bear the cost that the store knows
    today. `refused` counts spans that the destination will never take, by its words: they are not sent again.
    """

    CHUNK = 500

    def __init__(
        self,
        destination: Destination,
        connection: sqlite3.Connection,
        resource: Resource,
        *,
        give_up_s: float,
        request_timeout_s: float = 10.0,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.refused: Counter[str] = Counter()
        self._destination = destination
        self._connection = connection
        self._resource = resource
        self._scope = InstrumentationScope(names.SCOPE, __version__)
        self._give_up_s = give_up_s
        self._request_timeout_s = request_timeout_s
        self._wait = wait

    def begin(self, position: int, schema: int) -> None:
        """Nothing to open: the first request does."""

    def write(self, table: Table, rows: Sequence[Row]) -> int:
        """Send spans. Raises: StoreError when the destination does not take them in time."""
        spans = [dict(zip(table.names, row, strict=True)) for row in rows]
        costs = self._costs(spans)
        for batch in _batches(self._record(span, costs) for span in spans):
            self._send(batch)
        return 0

    def close(self) -> None:
        """Give connections back."""
        self._destination.close()

    def _costs(self, spans: Sequence[Mapping[str, Any]]) -> Costs:
        keys = [key for span in spans for key in (span["trace_id"], span["span_id"])]
        found = self._connection.execute(_COSTS.format(", ".join(["(?, ?)"] * len(spans))), keys)
        return {(trace_id, span_id): dict(zip(_MONEY, money, strict=True)) for trace_id, span_id, *money in found}

    def _record(self, span: Mapping[str, Any], costs: Costs) -> Record:
        attributes = json.loads(span["attributes"])
        attributes |= costs.get((span["trace_id"], span["span_id"]), {})
        made = self._span(span, {name: _value(value) for name, value in attributes.items() if value is not None})
        return Record(frame_of(made), encode_span(made), spans=1, made_ns=span["ended_ns"])

    def _span(self, span: Mapping[str, Any], attributes: Mapping[str, Any]) -> ReadableSpan:
        return ReadableSpan(
            span["name"],
            _context(span["trace_id"], span["span_id"]),
            _context(span["trace_id"], span["parent_span_id"]) if span["parent_span_id"] else None,
            self._resource,
            attributes,
            kind=SpanKind.CLIENT if kind_of(attributes) is Told.CALL else SpanKind.INTERNAL,
            instrumentation_scope=self._scope,
            status=Status(STATUSES.get(span["status"], StatusCode.UNSET)),
            start_time=span["started_ns"],
            end_time=span["ended_ns"],
        )

    def _send(self, records: Sequence[Record]) -> None:
        payload = request(records)
        answer = self._answer(payload)
        if isinstance(answer, Accepted):
            return
        if isinstance(answer, Partly):
            self.refused[answer.why] += answer.rejected
        elif len(records) == 1:
            self.refused[answer.why] += 1
        else:  # one of them, or all together: halves tell which
            middle = len(records) // 2
            self._send(records[:middle])
            self._send(records[middle:])

    def _answer(self, payload: Payload) -> Answer:
        """The destination's last word. Raises: StoreError."""
        deadline, tries = time.monotonic() + self._give_up_s, 0
        while isinstance(answer := self._destination.send(payload, self._request_timeout_s), Later):
            wait_s = max(answer.after_s or 0.0, min(LAST_WAIT_S, FIRST_WAIT_S * 2**tries))
            if time.monotonic() + wait_s > deadline:
                hint = f" {answer.hint}" if answer.hint else ""
                raise StoreError(
                    f"{self._destination.endpoint} does not take spans ({answer.why}).{hint} "
                    "The same command goes on where this one stopped"
                )
            tries += 1
            self._wait(wait_s)
        return answer


def _context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """As many as fit into a request."""
    batch: list[Record] = []
    size = 0
    for record in records:
        if batch and size + len(record.body) > MAX_BYTES // 2:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record.body)
    if batch:
        yield batch
