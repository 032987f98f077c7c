"""How the stand-in behaves, read from the first segment of a path (`/flaky-1-429/v1/...`) or from one header.

A row of `RULES` is a behaviour; nothing here answers or serves. `reply.py` asks for every request, whether it
came straight in or is one target of a configuration that `hosted.py` works through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER: Final = "x-demo-behaviour"
"""A request that carries this header behaves as it says, whatever its path says."""


@dataclass(slots=True, frozen=True)
class Behaviour:
    """What the stand-in does with a request that it understood.

    The first `failures` requests of a logical call (all, when None) get `status`; `break_after` is the number
    of chunks after which a stream's connection is reset.
    """

    status: int = 200
    failures: int | None = 0
    retry_after_ms: int | None = None
    delay_s: float = 0.0
    break_after: int | None = None
    states_usage: bool = True
    is_hosted_gateway: bool = False

    def status_of(self, attempt: int) -> int:
        """The status of the `attempt`-th request (from 1) of one logical call."""
        fails = self.failures is None or attempt <= self.failures
        return self.status if fails else 200


@dataclass(slots=True, frozen=True)
class Rule:
    """A pattern for a segment, what it means in words, and the behaviour it makes of the match."""

    pattern: str
    meaning: str
    make: Callable[[re.Match[str]], Behaviour]


RULES: Final = (
    Rule(r"ok", "answers", lambda _: Behaviour()),
    Rule(r"fail-(\d{3})", "always that status", lambda m: Behaviour(status=int(m[1]), failures=None)),
    Rule(
        r"flaky-(\d+)-(\d{3})",
        "that status n times, then an answer",
        lambda m: Behaviour(status=int(m[2]), failures=int(m[1])),
    ),
    Rule(
        r"busy-(\d+)-(\d{3})-(\d+)ms",
        "the same, naming the wait in Retry-After",
        lambda m: Behaviour(status=int(m[2]), failures=int(m[1]), retry_after_ms=int(m[3])),
    ),
    Rule(r"slow-(\d+)ms", "answers after that time", lambda m: Behaviour(delay_s=int(m[1]) / 1000)),
    Rule(r"break-(\d+)", "a stream is reset after k chunks", lambda m: Behaviour(break_after=int(m[1]))),
    Rule(r"silent", "answers and never states usage", lambda _: Behaviour(states_usage=False)),
    Rule(r"portkey", "answers as the hosted Portkey gateway", lambda _: Behaviour(is_hosted_gateway=True)),
)


def behaviour_of(segment: str) -> Behaviour | None:
    """The behaviour that a path segment asks for, or None. A label may follow an underscore: `ok_second`."""
    name = segment.partition("_")[0]
    for rule in RULES:
        if match := re.fullmatch(rule.pattern, name):
            return rule.make(match)
    return None


def known_behaviours() -> str:
    """The segments that the stand-in knows, for the message of a 404."""
    return "; ".join(f"{rule.pattern} ({rule.meaning})" for rule in RULES)
