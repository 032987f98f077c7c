"""`Reply`: what a request gets, decided before anything is written to a socket.

The rules of a provider are here, those of the hosted gateway in `hosted.py`; `provider.py` writes the bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .answers import Answer, encode, error_body
from .behaviours import behaviour_of, known_behaviours
from .endpoints import ENDPOINTS, usage_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .behaviours import Behaviour
    from .exchanges import Exchange


@dataclass(slots=True)
class Reply:
    """Status, headers and body; for a stream `chunks`, with a reset after `break_after` of them.

    `is_marked_done`: whether [DONE] follows the last.
    """

    status: int
    exchange: Exchange
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] | None = None
    is_marked_done: bool = True
    break_after: int | None = None
    delay_s: float = 0.0
    answer: Answer | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the reply is an answer and no error."""
        return self.status == 200


def decide(exchange: Exchange, attempt: int) -> Reply:
    """What a provider at this segment replies to the `attempt`-th request of a logical call."""
    behaviour = behaviour_of(exchange.segment)
    if behaviour is None:
        return fail(exchange, 404, f"{exchange.segment!r} is no behaviour; known are: {known_behaviours()}")
    if exchange.endpoint not in ENDPOINTS:
        return fail(exchange, 404, f"{exchange.endpoint!r} is not served; served are: {', '.join(ENDPOINTS)}")
    status = behaviour.status_of(attempt)
    if status != 200:
        headers = _wait_headers(behaviour)
        return fail(exchange, status, f"the stand-in was asked to answer {status} here", headers)
    answer = ENDPOINTS[exchange.endpoint].compose(exchange.body, exchange.number)
    return answered(exchange, answer, behaviour)


def answered(exchange: Exchange, answer: Answer, behaviour: Behaviour) -> Reply:
    """The reply that carries `answer`, whole or in chunks as the request asks; noted in the exchange."""
    endpoint, body = ENDPOINTS[exchange.endpoint], exchange.body
    reply = Reply(200, exchange, answer=answer, delay_s=behaviour.delay_s)
    if body.get("stream") and endpoint.chunks is not None:
        chunks = endpoint.chunks(answer, body, states_usage=behaviour.states_usage)
        usage = usage_in(chunks)
        reply.chunks = [_event(chunk, is_named=endpoint.names_events) for chunk in chunks]
        reply.is_marked_done = not endpoint.names_events
        reply.break_after = behaviour.break_after
    else:
        whole = endpoint.whole(answer, body, states_usage=behaviour.states_usage)
        usage = usage_in(whole)
        reply.body = whole if isinstance(whole, bytes) else encode(whole)
        reply.headers["Content-Type"] = endpoint.content_type
    _note(exchange, reply, usage)
    return reply


def fail(exchange: Exchange, status: int, why: str, headers: Mapping[str, str] | None = None) -> Reply:
    """An error reply, noted in the exchange."""
    exchange.status = status
    return Reply(status, exchange, encode(error_body(status, why)), dict(headers or {}))


def _event(chunk: dict[str, Any], *, is_named: bool) -> bytes:
    """A chunk as a server-sent event."""
    name = b"event: " + chunk["type"].encode() + b"\n" if is_named else b""
    return name + b"data: " + encode(chunk)


def _note(exchange: Exchange, reply: Reply, usage: dict[str, Any] | None) -> None:
    answer = reply.answer
    assert answer is not None
    exchange.status = reply.status
    exchange.answer_id, exchange.model, exchange.text = answer.id, answer.model, answer.text
    exchange.usage, exchange.answer_usage = usage, answer.usage
    exchange.chunks_meant = len(reply.chunks or ())


def _wait_headers(behaviour: Behaviour) -> dict[str, str]:
    wait_ms = behaviour.retry_after_ms
    if wait_ms is None:
        return {}
    return {"retry-after-ms": str(wait_ms), "retry-after": str(math.ceil(wait_ms / 1000))}
