"""`fastagentic.score`: a judgement of a run, by its id, for Langfuse.

The run may be over long since, in another process: all that ties the two is the id, which is the trace id. What goes
wrong on the way is the delivery's (`destinations/_langfuse_scores.py`); what is wrong with the score itself is said at once.
"""

from __future__ import annotations

import json
import logging
import math
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core.guard import never_break
from fastagentic.core.ids import format_trace_id, trace_id_of

from .destinations._langfuse_scores import LangfuseScores
from .encode import SPAN, dressed, encode_attributes
from .record import SCORE, Frame, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .delivery import Delivery

logger = logging.getLogger("fastagentic")

PUT: Final = never_break("queue a score")
NO_FRAME: Final = Frame(b"", b"")
MISSING: Final = (
    "fastagentic.score(): nothing takes scores, this one and further ones go nowhere. Name langfuse among the destinations "
    '(fastagentic.instrument(destinations=["langfuse"]) or FASTAGENTIC_DESTINATIONS) and set LANGFUSE_PUBLIC_KEY and '
    "LANGFUSE_SECRET_KEY"
)

DATA_TYPES: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "NUMERIC": ("a finite number", lambda value: isinstance(value, int | float) and math.isfinite(value)),
    "BOOLEAN": ("True, False, 1 or 0", lambda value: isinstance(value, int | float) and value in (0, 1)),
    "CATEGORICAL": ("a text that is not empty", lambda value: isinstance(value, str) and bool(value)),
    "TEXT": ("a text of 1 to 500 characters", lambda value: isinstance(value, str) and 1 <= len(value) <= 500),
}
"""Langfuse's types of scores, and the values that each takes."""

_is_told = False


def score_to(
    deliveries: Iterable[Delivery],
    run_id: str | uuid.UUID,
    name: str,
    value: float | bool | str,
    *,
    comment: str | None = None,
    data_type: str | None = None,
    config_id: str | None = None,
) -> bool:
    """Queue a score with every one of the deliveries that takes scores.

    Returns: True when it is on its way, False when there is none, or none whose sample the run is in.

    Raises: ValueError for a score that Langfuse would not take.
    """
    kind = _data_type(name, value, data_type)
    trace_id = trace_id_of(run_id)
    content = {
        "id": str(uuid.uuid4()),
        "traceId": format_trace_id(trace_id),
        "name": name,
        "value": value if isinstance(value, str) else float(value),
        "dataType": None if config_id is not None and data_type is None else kind,  # the config says it
        "comment": comment,
        "configId": config_id,
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    takers = [(delivery, delivery.destination) for delivery in deliveries]
    found = [(delivery, scores) for delivery, scores in takers if isinstance(scores, LangfuseScores)]
    if not found:
        _say_what_is_missing()
    sampled = [(delivery, scores) for delivery, scores in found if scores.spans.samples(trace_id)]
    with PUT:
        for delivery, scores in sampled:
            delivery.put(record_of({**content, "environment": scores.spans.settings.environment}))
    return bool(sampled)


def record_of(content: dict[str, Any]) -> Record:
    """A score as a record for the spool: a span with one attribute."""
    written = json.dumps({key: value for key, value in content.items() if value is not None})
    return Record(NO_FRAME, dressed(SPAN + b"\x00", encode_attributes({SCORE: written})), 1, time.time_ns())


def _data_type(name: str, value: object, asked: str | None) -> str:
    """The type of a score, from its value where nobody says it."""
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"fastagentic.score(name={name!r}): the name of a score is a text that is not empty")
    kind = asked or ("BOOLEAN" if isinstance(value, bool) else "CATEGORICAL" if isinstance(value, str) else "NUMERIC")
    if kind not in DATA_TYPES:
        raise ValueError(f"fastagentic.score({name!r}): data_type is {kind!r}; Langfuse accepts {', '.join(DATA_TYPES)}")
    accepted, is_fit = DATA_TYPES[kind]
    if not is_fit(value):
        raise ValueError(f"fastagentic.score({name!r}): value is {value!r}; a score of type {kind} takes {accepted}")
    return kind


def _say_what_is_missing() -> None:
    global _is_told
    if not _is_told:
        logger.warning(MISSING)
        _is_told = True
