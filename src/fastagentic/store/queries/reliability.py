"""How calls went: who answered or failed and how, what the client tried before, which requests came again. For the doctor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fastagentic.core import names

from . import sql

if TYPE_CHECKING:
    import sqlite3

NEWEST: Final = 2_000
"""Requests that are looked at by what they ask; older ones are left."""


@dataclass(slots=True, frozen=True)
class Group:
    """Calls that went the same way. Whatever is None was not said; `error_type` None: they were answered."""

    gateway: str | None
    operation: str | None
    target_path: str | None
    target_index: int | None
    target_provider: str | None
    fallback_used: bool | None
    """None: the strategy is no fallback, or is unknown."""
    was_retried: bool
    cache_status: str | None
    error_type: str | None
    status_code: int | None
    server: str | None
    """`host:port` that was asked."""
    calls: int
    mean_s: float

    @property
    def is_answered(self) -> bool:
        """Whether the call did not fail."""
        return self.error_type is None

    @property
    def is_asked(self) -> bool:
        """Whether a provider answered, and no cache."""
        return self.is_answered and self.cache_status not in (names.CacheStatus.HIT, names.CacheStatus.SEMANTIC_HIT)


@dataclass(slots=True, frozen=True)
class LostAttempts:
    """Attempts of the client's own that failed before another one answered."""

    model: str | None
    error_type: str | None
    attempts: int
    mean_s: float


@dataclass(slots=True, frozen=True)
class Request:
    """What one call asked for. `prompt` is the captured content, None where none was captured."""

    started_ns: int
    gateway: str | None
    model: str | None
    cache_status: str
    user: str | None
    parameters: str
    """Those that the conventions name, as JSON."""
    prompt: str | None


def _attribute(name: str) -> str:
    return f"json_extract(spans.attributes, '$.\"{name}\"')"


_JOINED: Final = (
    " FROM calls JOIN spans ON spans.trace_id = calls.trace_id AND spans.span_id = calls.span_id WHERE calls.started_ns >= ?"
)
_SERVER: Final = f"{_attribute(names.SERVER_ADDRESS)} || COALESCE(':' || {_attribute(names.SERVER_PORT)}, '')"
_GROUPS: Final = f"""
    SELECT gateway, operation, target_path, target_index, target_provider, fallback_used, COALESCE(retries, 0) > 0,
        cache_status, calls.error_type, {_attribute(names.HTTP_STATUS_CODE)}, {_SERVER},
        COUNT(*), AVG(duration_ns) / 1e9
    {_JOINED} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 ORDER BY 12 DESC
"""
# CROSS JOIN keeps the order: from the few attempts to their calls. The other way round, each call of a long run is held
# against every span of it.
_LOST: Final = f"""
    SELECT {_attribute(names.ATTEMPT_MODEL)}, spans.error_type, COUNT(*), AVG(spans.ended_ns - spans.started_ns) / 1e9
    FROM spans CROSS JOIN spans AS asked ON asked.trace_id = spans.trace_id AND asked.span_id = spans.parent_span_id
        CROSS JOIN calls ON {sql.call_of("asked")}
    WHERE spans.started_ns >= ? AND calls.error_type IS NULL AND spans.error_type IS NOT NULL
        AND {_attribute(names.ATTEMPT_NUMBER)} IS NOT NULL
    GROUP BY 1, 2 ORDER BY 3 DESC
"""  # noqa: S608  # SQL of our own
_PARAMETERS: Final = (
    names.REQUEST_TEMPERATURE, names.REQUEST_TOP_P, names.REQUEST_SEED, names.REQUEST_MAX_TOKENS,
    names.REQUEST_FREQUENCY_PENALTY, names.REQUEST_PRESENCE_PENALTY, names.REQUEST_STOP_SEQUENCES, names.REQUEST_CHOICE_COUNT,
)  # fmt: skip
_PROMPT: Final = (names.SYSTEM_INSTRUCTIONS, names.INPUT_MESSAGES, names.TOOL_DEFINITIONS)
_REQUESTS: Final = f"""
    SELECT calls.started_ns, gateway, model, cache_status, user_id,
        json_array({", ".join(map(_attribute, _PARAMETERS))}),
        CASE WHEN {_attribute(names.INPUT_MESSAGES)} IS NOT NULL
            THEN json_array({", ".join(map(_attribute, _PROMPT))}) END
    {_JOINED} AND cache_status IS NOT NULL AND calls.error_type IS NULL ORDER BY calls.started_ns DESC LIMIT {NEWEST}
"""

PARAMETERS: Final = tuple(name.rpartition(".request.")[2] for name in _PARAMETERS)
"""What `Request.parameters` lists, in its order."""


def groups(connection: sqlite3.Connection, since_ns: int | None = None) -> list[Group]:
    """The calls started from `since_ns` on (nanoseconds since the epoch), by the way they went; most calls first."""
    return [_group(*row) for row in connection.execute(_GROUPS, (since_ns or 0,))]


def lost_attempts(connection: sqlite3.Connection, since_ns: int | None = None) -> list[LostAttempts]:
    """What the client itself tried in vain for calls that were answered in the end."""
    return [LostAttempts(*row) for row in connection.execute(_LOST, (since_ns or 0,))]


def requests(connection: sqlite3.Connection, since_ns: int | None = None) -> list[Request]:
    """What the newest answered calls asked for of which a cache status is known, the oldest first."""
    return [Request(*row) for row in reversed(connection.execute(_REQUESTS, (since_ns or 0,)).fetchall())]


def _group(*row: object) -> Group:
    values = dict(zip(Group.__dataclass_fields__, row, strict=True))
    for flag in ("fallback_used", "was_retried"):
        values[flag] = None if values[flag] is None else bool(values[flag])
    return Group(**values)  # type: ignore[arg-type]  # as the columns are
