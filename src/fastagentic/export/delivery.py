"""Everything between an encoded batch and the acknowledgement of one destination; each destination has a `Delivery` of its own.

A record is on disk before it is sent, and leaves the disk when the destination has acknowledged it: live batches, retries and
what a dead process left are one path. In memory lies a bounded copy of what waits; beyond it, the place on disk. Where the
disk cannot be written, memory is all there is: bounded too, the oldest goes first, and each loss is counted.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import weakref
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from fastagentic.core.guard import report
from fastagentic.core.worker import Worker

from .destination import Accepted, Later, Malformed, Partly
from .encode import request
from .rules import Rules, without

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .destination import Answer, Destination
    from .record import Record
    from .rules import Rule
    from .spool import Position, Spool

logger = logging.getLogger("fastagentic")

MAX_SPANS: Final = 2_048
MAX_BYTES: Final = 4 << 20
"""A request's limits; collectors refuse more than 4 MiB over gRPC."""
MEMORY_BYTES: Final = 16 << 20
"""Of a destination's waiting records that are kept in memory beside the disk, or instead of it."""
FIRST_WAIT_S: Final = 1.0
LAST_WAIT_S: Final = 60.0
FLUSH_WAIT_S: Final = 0.25
"""Between two tries while somebody waits in `flush`, which does not heed the back-off."""
UNSENT: Final = "spool unwritable, process ended"
MEMORY_FULL: Final = "spool unwritable, memory full"
LOOK_AGAIN_S: Final = 60.0
"""How often a living process looks for what others, dead since, have left."""


class Waiting:
    """A record that waits: in memory, on disk, or both; neither when it had to go."""

    __slots__ = ("position", "record", "size", "spans")

    def __init__(self, record: Record | None, position: Position | None, spans: int, size: int) -> None:
        self.record = record
        self.position = position
        self.spans = spans
        self.size = size


class Delivery:
    """The queue, the thread and the spool of one destination.

    `put` costs an append to a file and never waits for the destination. `window_s` is how long records gather
    before they are sent together. `request_timeout_s` bounds one request.
    """

    def __init__(
        self, destination: Destination, spool: Spool, *, request_timeout_s: float = 10.0, window_s: float = 0.0
    ) -> None:
        self.destination = destination
        self.spool = spool
        self._things: str = getattr(destination, "carries", "spans")  # not of the protocol: what log lines call them
        self.delivered = 0
        self.spooled = 0
        """Spans that had to wait on disk because the destination did not take them when they came."""
        self._request_timeout_s = request_timeout_s
        # No capacity: what waits is bounded in bytes, here in memory and by the spool on disk.
        self._rules = Rules(spool.directory)
        self._worker: Worker[Waiting | None] = Worker(
            f"fastagentic-{destination.name}", self._handle, window_s=window_s, capacity=1 << 60
        )
        self._reset()
        _deliveries.add(self)

    def _reset(self) -> None:
        """Also in a forked child: what waits is the parent's to deliver."""
        self._lock = threading.RLock()  # a finalizer may end a span, and come back, in the middle of anything
        self._memory = 0
        self._only_here: deque[Waiting] = deque()  # records that are on no disk, oldest first
        self._dropped: Counter[str] = Counter()
        self._undelivered = 0  # dropped or set aside: what makes a flush untrue
        self._told: set[str] = set()
        self._tries = 0
        self._flushing = 0
        self._is_closed = False
        self._look_at_s = 0.0
        self.waiting = 0
        """Spans that are neither delivered nor dropped yet."""

    def start(self) -> None:
        """Take over what dead processes have left, also when no span is ever made here."""
        begin = getattr(self.destination, "start", None)  # not of the protocol: most have nothing to begin
        if begin is not None:
            begin()
        self._worker.put(None)

    def put(self, record: Record) -> None:
        """Write a record to disk and queue it."""
        position = self.spool.append(record)
        size = len(record.body) + len(record.frame.resource) + len(record.frame.scope)
        waiting = Waiting(record, position, record.spans, size)
        with self._lock:
            self.waiting += record.spans
            lost = self._keep_here(waiting) if position is None else 0
            if position is not None and self._memory + size > MEMORY_BYTES:
                waiting.record = None
            elif position is not None:
                self._memory += size
        if position is None:
            self._tell(
                "spool", "the spool on disk cannot be written (%s): %s wait in memory alone", self.spool.fault, self._things
            )
        if lost:
            self.note_drop(lost, MEMORY_FULL)
        self._worker.put(waiting)

    def flush(self, timeout_s: float) -> bool:
        """Send all that waits, what dead processes left included, whatever the back-off says.

        Returns: True when the destination has acknowledged everything and nothing was lost since the last flush.
        """
        self._look_at_s = 0.0  # what others have left is to go as well
        with self._lock:
            self._flushing += 1
        try:
            self._worker.put(None)
            is_through = self._worker.flush(timeout_s)
        finally:
            with self._lock:
                self._flushing -= 1
        undelivered, self._undelivered = self._undelivered, 0
        return is_through and not undelivered

    def close(self, timeout_s: float) -> bool:
        """Flush, then let thread, spool and connections go. What was not delivered stays on disk."""
        is_delivered = self.flush(timeout_s)
        self._is_closed = True
        self._worker.close(timeout_s if is_delivered else 0.0)
        with self._lock:
            lost = sum(waiting.spans for waiting in self._only_here if waiting.record is not None)
        if lost:
            self.note_drop(lost, UNSENT)
        self.spool.close()
        self.destination.close()
        return is_delivered

    @property
    def dropped(self) -> Counter[str]:
        """Spans lost in this process, by reason."""
        with self._lock:
            return self._dropped.copy()

    def note_drop(self, spans: int, reason: str) -> None:
        """Count spans that are lost, say so once a reason, and leave a note for `fastagentic status`."""
        with self._lock:
            self._dropped[reason] += spans
            self._undelivered += spans
        self.spool.note_drop(spans, reason)
        things = self._things.capitalize()
        self._tell(f"dropped {reason}", "%s are being lost: %s. `fastagentic status` counts them", things, reason)

    # --- on the delivery's thread ----------------------------------------------------------------

    def _handle(self, batch: list[Waiting | None]) -> float | None:
        """Send a batch, taking out of it what is done; the seconds to wait where the destination does not take the rest."""
        if time.monotonic() >= self._look_at_s:
            self._look_at_s = time.monotonic() + LOOK_AGAIN_S
            batch[:0] = self._adopted()
        while batch and not self._is_closed:
            taken, going = self._next_request(batch)
            if going:
                records = [record for _, record in going]
                answer = self._send(records)
                if isinstance(answer, Later):
                    self.spool.let_go(*_positions(going))
                    return self._wait_s(answer, batch)
                self._settle(answer, going)
            del batch[:taken]
        return None

    def _adopted(self) -> list[Waiting | None]:
        try:
            positions = self.spool.take_over()
        except Exception as error:  # noqa: BLE001  # anything that a strange disk can hold
            report("take over what a dead process left", error)
            return []
        with self._lock:
            self.waiting += sum(position.spans for position in positions)
        return [Waiting(None, position, position.spans, 0) for position in positions]

    def _next_request(self, batch: Sequence[Waiting | None]) -> tuple[int, list[tuple[Waiting, Record]]]:
        """How many of the batch are done with the next request, and what goes with it; records that are gone do not."""
        going: list[tuple[Waiting, Record]] = []
        spans = size = taken = 0
        rules = self._rules.now()
        for waiting in batch:
            record = None if waiting is None else self._record_of(waiting)
            if rules and waiting is not None and record is not None:
                record = self._allowed(waiting, record, rules)
            if waiting is not None and record is not None:
                size += len(record.body)
                spans += record.spans
                if going and (spans > MAX_SPANS or size > MAX_BYTES):
                    if waiting.position is not None:
                        self.spool.let_go(waiting.position)
                    break
                going.append((waiting, record))
            taken += 1
        return taken, going

    def _record_of(self, waiting: Waiting) -> Record | None:
        """The record, held against being dropped from disk while it is sent; None when it was dropped before."""
        if waiting.position is None:
            return waiting.record
        if self.spool.hold(waiting.position):
            record = waiting.record or self.spool.read(waiting.position)
            if record is not None:
                return record
        self._gone(waiting)
        return None

    def _allowed(self, waiting: Waiting, record: Record, rules: Sequence[Rule]) -> Record | None:
        """What of a record may be sent; where that is nothing it is done with."""
        rest = without(record, rules)
        if rest is None:
            if waiting.position is not None:
                self.spool.acknowledge(waiting.position)
            self._gone(waiting)
        return rest

    def _send(self, records: Sequence[Record]) -> Answer:
        try:
            return self.destination.send(request(records), self._request_timeout_s)
        except Exception as error:  # noqa: BLE001  # a destination of the user's may raise anything
            report(f"send to {self.destination.name}", error)
            return Later(type(error).__qualname__)

    def _settle(self, answer: Accepted | Malformed | Partly, going: Sequence[tuple[Waiting, Record]]) -> None:
        self._tries = 0
        spans = sum(record.spans for _, record in going)
        rejected = spans if isinstance(answer, Malformed) else answer.rejected if isinstance(answer, Partly) else 0
        if not isinstance(answer, Accepted):
            self._set_aside([record for _, record in going], rejected, answer.why)
        elif self._told:
            self._is_well()
        with self._lock:
            self.delivered += spans - rejected
        self.spool.acknowledge(*_positions(going))
        for waiting, _ in going:
            self._gone(waiting)

    def _set_aside(self, records: Sequence[Record], rejected: int, why: str) -> None:
        if self.spool.set_aside(request(records).body, rejected, why):
            with self._lock:
                self._undelivered += rejected
            text = "%s were refused (%s) and set aside: `fastagentic spool export` has them"
            self._tell(f"refused {why}", text, self._things.capitalize(), why)
        else:
            self.note_drop(rejected, f"refused: {why}")

    def _wait_s(self, answer: Later, batch: Sequence[Waiting | None]) -> float:
        self._tries += 1
        if self._tries == 1:
            self.spooled += sum(waiting.spans for waiting in batch if waiting is not None and waiting.position is not None)
        hint = f" {answer.hint}" if answer.hint else ""
        self._tell(answer.why, "%s; %s wait and are sent again.%s", answer.why, self._things, hint)
        if self._flushing:
            return FLUSH_WAIT_S
        wait_s = min(LAST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(self._tries - 1, 10)) * random.uniform(0.8, 1.2)  # noqa: S311
        return max(wait_s, answer.after_s or 0.0)

    def _is_well(self) -> None:
        self._told.clear()
        logger.info("%s (%s) takes %s again.", self.destination.name, self.destination.endpoint, self._things)

    def _tell(self, kind: str, text: str, *details: object) -> None:
        """One log line per kind of failure, until the destination works again."""
        if kind not in self._told:
            self._told.add(kind)
            logger.warning("%s (%s): %s", self.destination.name, self.destination.endpoint, text % details)

    # --- what is in memory -------------------------------------------------------------------------

    def _keep_here(self, waiting: Waiting) -> int:
        """Keep a record that is on no disk; the oldest of its kind go when there are too many. The lock is held.

        Returns: the spans that went.
        """
        self._only_here.append(waiting)
        self._memory += waiting.size
        lost = 0
        while self._memory > MEMORY_BYTES and len(self._only_here) > 1:
            oldest = self._only_here.popleft()
            if oldest.record is not None:
                oldest.record = None
                self._memory -= oldest.size
                self.waiting -= oldest.spans
                lost += oldest.spans
        return lost

    def _gone(self, waiting: Waiting) -> None:
        """Delivered, set aside or lost: it waits no longer."""
        with self._lock:
            self.waiting -= waiting.spans
            if waiting.record is not None:
                waiting.record = None
                self._memory -= waiting.size
            while self._only_here and self._only_here[0].record is None:
                self._only_here.popleft()


def _positions(going: Sequence[tuple[Waiting, Record]]) -> list[Position]:
    return [waiting.position for waiting, _ in going if waiting.position is not None]


_deliveries: Final[weakref.WeakSet[Delivery]] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for delivery in list(_deliveries):
        delivery._reset()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
