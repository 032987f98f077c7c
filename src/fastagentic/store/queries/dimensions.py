"""What calls can be grouped by and filtered by, and where each stands in the tables: a row a dimension."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from fastagentic.core.names import Outcome

if TYPE_CHECKING:
    from .sql import Dialect


class GroupBy(StrEnum):
    """What people group calls by."""

    MODEL = "model"
    PROVIDER = "provider"
    USER = "user"
    TENANT = "tenant"
    SESSION = "session"
    TAG = "tag"
    ENDPOINT = "endpoint"
    RUN = "run"
    DAY = "day"
    GATEWAY = "gateway"
    OUTCOME = "outcome"


@dataclass(slots=True, frozen=True)
class Dimension:
    """The expression over `calls` that a dimension is, and what has to be joined for it."""

    key: str
    joins: str = ""


_RUNS: Final = "LEFT JOIN runs ON runs.run_id = calls.run_id"
OUTCOME_OF_A_CALL: Final = f"""CASE WHEN calls.error_type IS NOT NULL THEN '{Outcome.ERROR}'
    WHEN calls.fallback_used = 1 THEN '{Outcome.RESCUED_BY_FALLBACK}'
    WHEN calls.retries > 0 THEN '{Outcome.RESCUED_BY_RETRY}' ELSE '{Outcome.OK}' END"""

ANSWERED: Final = "answered"
"""The model that answered, else the one that was asked."""
SPELLED: Final = "spelled"
"""The gateway's own spelling of the provider."""
IS_HIT: Final = "is_hit"
"""1 when the gateway's response cache answered, else 0."""

_DIMENSIONS: Final[dict[str, Dimension]] = {
    GroupBy.MODEL: Dimension("COALESCE(calls.model, calls.response_model)"),  # what people wrote, else what answered
    GroupBy.PROVIDER: Dimension("calls.provider"),
    GroupBy.USER: Dimension("calls.user_id"),
    GroupBy.TENANT: Dimension("calls.tenant_id"),
    GroupBy.SESSION: Dimension("calls.session_id"),
    GroupBy.ENDPOINT: Dimension("runs.name", _RUNS),
    GroupBy.RUN: Dimension("calls.run_id"),
    GroupBy.GATEWAY: Dimension("calls.gateway"),
    GroupBy.OUTCOME: Dimension(OUTCOME_OF_A_CALL),
    ANSWERED: Dimension("COALESCE(calls.response_model, calls.model)"),
    SPELLED: Dimension("calls.target_provider"),
    IS_HIT: Dimension("COALESCE(calls.cache_hit, 0)"),
}


def dimension(sql: Dialect, name: str) -> Dimension:
    """The dimension of this name, as a database spells it."""
    if name == GroupBy.TAG:
        return Dimension(sql.tag, sql.tags)
    return Dimension(sql.day("calls.started_ns")) if name == GroupBy.DAY else _DIMENSIONS[name]
