"""How calls went: who answered or failed and how, what the client tried before, which requests came again. For the doctor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names

from .sql import dialect_of

if TYPE_CHECKING:
    from .sql import Dialect, Reader

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


_PARAMETERS: Final = (
    names.REQUEST_TEMPERATURE, names.REQUEST_TOP_P, names.REQUEST_SEED, names.REQUEST_MAX_TOKENS,
    names.REQUEST_FREQUENCY_PENALTY, names.REQUEST_PRESENCE_PENALTY, names.REQUEST_STOP_SEQUENCES, names.REQUEST_CHOICE_COUNT,
)  # fmt: skip
_PROMPT: Final = (names.SYSTEM_INSTRUCTIONS, names.INPUT_MESSAGES, names.TOOL_DEFINITIONS)

PARAMETERS: Final = tuple(name.rpartition(".request.")[2] for name in _PARAMETERS)
"""What `Request.parameters` lists, in its order."""


def groups(connection: Reader, since_ns: int | None = None) -> list[Group]:
    """The calls started from `since_ns` on (nanoseconds since the epoch), by the way they went; most calls first."""
    sql = dialect_of(connection)
    server = f"{sql.attribute(names.SERVER_ADDRESS)} || COALESCE(':' || {sql.attribute(names.SERVER_PORT)}, '')"
    query = f"""
        SELECT gateway, operation, target_path, target_index, target_provider, fallback_used, COALESCE(retries, 0) > 0,
            cache_status, calls.error_type, {sql.whole_attribute(names.HTTP_STATUS_CODE)}, {server},
            COUNT(*), AVG(duration_ns) / 1e9
        {_joined(sql)} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    """
    found = [_group(*row) for row in connection.execute(query, (since_ns or 0,))]
    return sorted(found, key=lambda one: (-one.calls, *(str(getattr(one, name) or "") for name in Group.__dataclass_fields__)))


def lost_attempts(connection: Reader, since_ns: int | None = None) -> list[LostAttempts]:
    """What the client itself tried in vain for calls that were answered in the end."""
    sql = dialect_of(connection)
    # CROSS JOIN keeps SQLite's order: from the few attempts to their calls. The other way round, each call of a long run is
    # held against every span of it.
    query = f"""
        SELECT {sql.attribute(names.ATTEMPT_MODEL)}, spans.error_type, COUNT(*), AVG(spans.ended_ns - spans.started_ns) / 1e9
        FROM spans
            {sql.in_this_order} spans AS asked ON asked.trace_id = spans.trace_id AND asked.span_id = spans.parent_span_id
            {sql.in_this_order} calls ON {sql.call_of("asked")}
        WHERE {sql.since("spans")} AND calls.error_type IS NULL AND spans.error_type IS NOT NULL
            AND {sql.attribute(names.ATTEMPT_NUMBER)} IS NOT NULL
        GROUP BY 1, 2 ORDER BY 3 DESC
    """  # noqa: S608  # SQL of our own
    return [LostAttempts(*row) for row in connection.execute(query, (since_ns or 0,))]


def requests(connection: Reader, since_ns: int | None = None) -> list[Request]:
    """What the newest answered calls asked for of which a cache status is known, the oldest first."""
    sql = dialect_of(connection)
    asked = ", ".join((*map(sql.json_attribute, _PARAMETERS), *map(sql.attribute, _PROMPT)))
    query = f"""
        SELECT calls.started_ns, gateway, model, cache_status, user_id, {asked}
        {_joined(sql)} AND cache_status IS NOT NULL AND calls.error_type IS NULL
        ORDER BY calls.started_ns DESC, calls.trace_id DESC, calls.span_id DESC LIMIT {NEWEST}
    """
    return [_request(*row) for row in reversed(connection.execute(query, (since_ns or 0,)).fetchall())]


def _joined(sql: Dialect) -> str:
    return f" FROM calls JOIN spans ON {sql.span_of_call()} WHERE {sql.since('calls')}"


def _request(started_ns: int, gateway: str | None, model: str | None, status: str, user: str | None, *asked: Any) -> Request:
    parameters, prompt = asked[: len(_PARAMETERS)], asked[len(_PARAMETERS) :]
    listed = f"[{','.join(one or 'null' for one in parameters)}]"
    captured = None if prompt[_PROMPT.index(names.INPUT_MESSAGES)] is None else json.dumps(prompt, ensure_ascii=False)
    return Request(started_ns, gateway, model, status, user, listed, captured)


def _group(*row: object) -> Group:
    values = dict(zip(Group.__dataclass_fields__, row, strict=True))
    for flag in ("fallback_used", "was_retried"):
        values[flag] = None if values[flag] is None else bool(values[flag])
    return Group(**values)  # type: ignore[arg-type]  # as the columns are
