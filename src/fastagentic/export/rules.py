"""What is not to be sent from a spool: rules beside its segments, which every process that sends from there heeds."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from .record import SCORE
from .spool import notes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from .record import Record


DIGEST: Final = "sha256:"


@dataclass(slots=True, frozen=True)
class Rule:
    """Spans that ended before a time and bear these attributes; or bear none of them, and belong to one of the traces.

    Without attributes it is about all spans that ended before the time. Values may be the ids themselves or their `digest`.
    """

    before_ns: int
    attributes: Mapping[str, str]
    trace_ids: frozenset[str] = frozenset()

    def takes(self, span: Any, made_ns: int) -> bool:
        """Whether it is about a span, a message of OTLP; `made_ns` is when it was recorded, for scores have no times."""
        if (span.end_time_unix_nano or made_ns) >= self.before_ns:
            return False
        own = {one.key: one.value.string_value for one in span.attributes if one.key in self.attributes or one.key == SCORE}
        if SCORE in own:  # a score is a span of one attribute, which names the trace
            return not self.attributes or _trace_of(own[SCORE]) in self.trace_ids
        if own or not self.attributes:
            return all(name in own and _is(own[name], value) for name, value in self.attributes.items())
        return span.trace_id.hex() in self.trace_ids


def without(record: Record, rules: Iterable[Rule]) -> Record | None:
    """A record without the spans that rules are about: itself where it has none, None where it has no others."""
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

    try:
        found = ScopeSpans.FromString(record.body)
    except DecodeError:  # damaged, or of a version that writes something else
        return record
    kept = [span for span in found.spans if not any(rule.takes(span, record.made_ns) for rule in rules)]
    if len(kept) == len(found.spans):
        return record
    body = ScopeSpans(spans=kept).SerializeToString()
    return replace(record, body=body, spans=len(kept)) if kept else None


def scores_in(record: Record | None) -> int:
    """How many of a record's spans are scores."""
    from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

    if record is None or SCORE.encode() not in record.body:
        return 0
    return sum(span.attributes[0].key == SCORE for span in ScopeSpans.FromString(record.body).spans if span.attributes)


class Rules:
    """The rules of a spool as they are now: one look at a directory each time, and at the files when it has changed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._seen_ns: int | None = None
        self._rules: tuple[Rule, ...] = ()

    def now(self) -> tuple[Rule, ...]:
        """All rules; none where there is nothing to be read."""
        try:
            changed_ns: int | None = os.stat(self._directory / notes.RULES).st_mtime_ns
        except OSError:
            changed_ns = None
        if changed_ns != self._seen_ns:
            found = (from_json(found) for _, found in notes.rules(self._directory))
            self._rules, self._seen_ns = tuple(rule for rule in found if rule is not None), changed_ns
        return self._rules


def _trace_of(score: str) -> str:
    with contextlib.suppress(ValueError, TypeError):
        return str(json.loads(score).get("traceId", ""))
    return ""


def digest(value: str) -> str:
    """What stands for an id in a file that is there to have it forgotten."""
    return f"{DIGEST}{hashlib.sha256(value.encode(errors='replace')).hexdigest()}"


def _is(own: str, value: str) -> bool:
    return own == value or (value.startswith(DIGEST) and digest(own) == value)


def as_json(rule: Rule) -> dict[str, Any]:
    """As it lies beside the segments, without naming anybody."""
    attributes = {name: digest(value) for name, value in rule.attributes.items()}
    return {"before_ns": rule.before_ns, "attributes": attributes, "trace_ids": sorted(rule.trace_ids)}


def from_json(found: Any) -> Rule | None:
    """None for what is no rule."""
    try:
        return Rule(int(found["before_ns"]), dict(found["attributes"]), frozenset(found["trace_ids"]))
    except (KeyError, TypeError, ValueError):
        return None
