"""Which requests ask the same, or nearly: what a cache could have answered. Pure; only captured content can tell."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from fastagentic.core.names import CacheStatus
from fastagentic.store.queries.reliability import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fastagentic.store.queries.reliability import Request

HITS: Final = (CacheStatus.HIT, CacheStatus.SEMANTIC_HIT)
NEWEST_PROMPTS: Final = 200
"""Of these every two are compared."""
ALIKE: Final = 0.75
"""Words that two prompts share, of all that they have, from which they are taken for two ways to ask one thing."""


class Repeat(NamedTuple):
    """A request that came again and was asked of the target again: after how long, and in which arguments it differed."""

    gap_s: float
    differs_in: tuple[str, ...]
    users_differ: bool


def missed_repeats(requests: Sequence[Request]) -> list[Repeat]:
    """Requests with the prompt and model of an earlier one that the cache did not answer all the same."""
    found = []
    for same in _by_prompt(requests).values():
        for earlier, later in pairwise(same):
            if later.cache_status == CacheStatus.MISS:
                gap_s = (later.started_ns - earlier.started_ns) / 1e9
                found.append(Repeat(gap_s, _differing(earlier, later), earlier.user != later.user))
    return found


def repeated(requests: Sequence[Request]) -> int:
    """How many requests ask, word for word, what an earlier one asked."""
    return sum(len(same) - 1 for same in _by_prompt(requests).values())


def alike(requests: Sequence[Request]) -> int:
    """How many pairs of different prompts share so many words that a semantic cache may take them for one."""
    newest = list(_by_prompt(requests))[-NEWEST_PROMPTS:]
    worded = [(model, _words(prompt)) for _, model, prompt in newest]
    return sum(
        one[0] == other[0] and one[1] != other[1] and _share(one[1], other[1]) >= ALIKE
        for one, other in combinations(worded, 2)
    )  # fmt: skip


def captured(requests: Iterable[Request]) -> Iterator[Request]:
    """Those of which the content is known."""
    return (request for request in requests if request.prompt is not None)


def _by_prompt(requests: Iterable[Request]) -> dict[tuple[str | None, str | None, str], list[Request]]:
    found: dict[tuple[str | None, str | None, str], list[Request]] = defaultdict(list)
    for request in captured(requests):
        found[request.gateway, request.model, request.prompt or ""].append(request)
    return found


def _differing(one: Request, other: Request) -> tuple[str, ...]:
    values = zip(PARAMETERS, json.loads(one.parameters), json.loads(other.parameters), strict=True)
    return tuple(name for name, mine, theirs in values if mine != theirs)


def _words(prompt: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", prompt.lower()))


def _share(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / max(1, len(one | other))
