"""The stand-in's log: what it was asked and what it answered, one `Exchange` a request it had to decide.

A test adds it up and compares with what fastagentic recorded, so nothing here may come from fastagentic.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, Final

CALL_HEADER: Final = "x-demo-call"
"""The header that carries the id of the logical call a request belongs to."""


@dataclass(slots=True)
class Exchange:
    """One request and its answer.

    `usage` is what was stated to the client, None where none was; `answer_usage` is what the model took in
    any case. `cache` is Portkey's word for what its cache did (HIT, SEMANTIC HIT, MISS, REFRESH, DISABLED)
    where the stand-in spoke for the hosted gateway, else None. Of a stream, `chunks_meant` counts what it
    holds and `chunks_sent` what was written before it ended or broke.
    """

    number: int
    segment: str
    endpoint: str
    call_id: str | None
    headers: dict[str, str]
    body: dict[str, Any]
    status: int = 0
    answer_id: str | None = None
    model: str | None = None
    text: str = ""
    usage: dict[str, Any] | None = None
    answer_usage: dict[str, Any] | None = None
    cache: str | None = None
    chunks_meant: int = 0
    chunks_sent: int = 0


@dataclass(slots=True)
class ExchangeLog:
    """All exchanges since the last reset, and how often each logical call came to each segment."""

    exchanges: list[Exchange] = field(default_factory=list)
    _attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _numbers: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self, segment: str, endpoint: str, headers: dict[str, str], body: dict[str, Any]) -> tuple[Exchange, int]:
        """Note a request. Returns its exchange, and which request of its call at this segment it is, from 1.

        Requests without a call id count together, a segment at a time.
        """
        call_id = headers.get(CALL_HEADER)
        with self._lock:
            self._numbers += 1
            exchange = Exchange(self._numbers, segment, endpoint, call_id, headers, body)
            self.exchanges.append(exchange)
            self._attempts[segment, call_id or ""] += 1
            return exchange, self._attempts[segment, call_id or ""]

    def reset(self) -> None:
        """Forget everything, the counts of attempts too."""
        with self._lock:
            self.exchanges.clear()
            self._attempts.clear()

    def of_call(self, call_id: str) -> list[Exchange]:
        """The exchanges of one logical call, in order."""
        return [exchange for exchange in self.exchanges if exchange.call_id == call_id]

    def as_json(self) -> list[dict[str, Any]]:
        """The log as plain data."""
        with self._lock:
            return [asdict(exchange) for exchange in self.exchanges]
