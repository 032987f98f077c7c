"""What only the pages need of an answer: bars, waterfalls, captured messages, choices of filters. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from fastagentic.core import names, words
from fastagentic.store.projection import SpanKind

from .query import Shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from fastagentic.store.queries.run_tree import CallFacts

    from .answers.costs import Series
    from .answers.run import RunDetails, Span

DAY_S: Final = 86_400
LONGEST: Final = 4_000
"""Characters of one captured text or attribute on a page; the API has the whole."""
MOST_SPANS: Final = 400
DEEPEST: Final = 6
"""Spans further inside are not moved further to the right."""
HITS: Final = (names.CacheStatus.HIT, names.CacheStatus.SEMANTIC_HIT)
CONTENT: Final = (
    (names.SYSTEM_INSTRUCTIONS, "Instructions"),
    (names.INPUT_MESSAGES, "Prompt"),
    (names.OUTPUT_MESSAGES, "Answer"),
    (names.TOOL_DEFINITIONS, "Tools"),
)
ALONE: Final = "config"  # the path of a config without targets: there is no other
LEAST_BAR: Final = 0.4  # percent: so that a short span can be seen


@dataclass(slots=True, frozen=True)
class Message:
    """One captured message: who says it, and what; `cut` characters of it are left out."""

    role: str
    text: str
    cut: int


@dataclass(slots=True, frozen=True)
class Captured:
    """What was captured of one kind."""

    title: str
    messages: list[Message]


@dataclass(slots=True, frozen=True)
class Bar:
    """A span in the waterfall, in percent of the run's time."""

    span: Span
    indent: int
    left: float
    width: float
    look: str
    facts: list[str]
    content: list[Captured]
    attributes: list[tuple[str, str, int]]


@dataclass(slots=True, frozen=True)
class ChartRow:
    """One step of a chart: its start in seconds and in words, and a value and its words a layer."""

    at_s: float
    when: str
    values: list[tuple[float | int, str]]


def chart_rows(found: Series, what: Shown) -> list[ChartRow]:
    """The series as a table."""
    say = words.money if what is Shown.COST else words.count
    columns: list[list[float] | list[int]] = [layer.cost if what is Shown.COST else layer.calls for layer in found.layers]
    rows = []
    for at, start in enumerate(found.starts):
        values = [(column[at], say(column[at]) if column[at] else words.NOTHING) for column in columns]  # type: ignore[arg-type]
        rows.append(ChartRow(datetime.fromisoformat(start).timestamp(), _when(start, found.step_s), values))
    return rows


def _when(start: str, step_s: float) -> str:
    return start[:10] if step_s >= DAY_S else f"{start[:10]} {start[11:16]}"


def waterfall(found: RunDetails) -> list[Bar]:
    """The spans of a run as bars, the first of them only."""
    spans = found.spans[:MOST_SPANS]
    ends = [span.starts_s + max(span.duration_s, 0.0) for span in found.spans]
    start = min((span.starts_s for span in found.spans), default=0.0)
    whole = max(ends, default=0.0) - start
    return [_bar(span, start, whole) for span in spans]


def _bar(span: Span, start_s: float, whole_s: float) -> Bar:
    left = 100 * (span.starts_s - start_s) / whole_s if whole_s > 0 else 0.0
    width = 100 * max(span.duration_s, 0.0) / whole_s if whole_s > 0 else 100.0
    left = min(max(left, 0.0), 100 - LEAST_BAR)
    return Bar(
        span=span,
        indent=min(span.depth, DEEPEST),
        left=round(left, 3),
        width=round(min(max(width, LEAST_BAR), 100 - left), 3),
        look=_look(span),
        facts=list(_facts(span.call) if span.call is not None else _asked(span.attributes)),
        content=[captured for name, title in CONTENT if (captured := _captured(title, span.attributes.get(name)))],
        attributes=[_attribute(name, value) for name, value in span.attributes.items() if name not in dict(CONTENT)],
    )


def _look(span: Span) -> str:
    if span.error_type is not None or span.status == "error":
        return "failed"
    if span.call is not None and span.call.cache_status in HITS:
        return "hit"
    return {SpanKind.RUN: "run", SpanKind.CALL: "llm", SpanKind.ATTEMPT: "attempt"}.get(span.kind, "tool")


def _asked(attributes: Mapping[str, Any]) -> Iterator[str]:
    """Whom an attempt asked."""
    for name in (names.ATTEMPT_MODEL, names.ATTEMPT_PROVIDER):
        if isinstance(value := attributes.get(name), str):
            yield value


def _facts(call: CallFacts) -> Iterator[str]:
    """What is worth saying of a call beside its time and cost, the most asked first."""
    if call.input_tokens is not None or call.output_tokens is not None:
        about = "~" if call.is_estimated else ""
        yield f"{about}{words.count(call.input_tokens)} in, {about}{words.count(call.output_tokens)} out"
    if call.cache_status in HITS:
        yield "semantic cache hit" if call.cache_status == names.CacheStatus.SEMANTIC_HIT else "cache hit"
    if call.saved_usd:
        yield f"saved {words.money(call.saved_usd)}"
    if (served := call.target_name or call.target_path) and served != ALONE:
        yield served
    if provider := call.target_provider or call.provider:
        yield provider + (f" via {call.gateway}" if call.gateway else "")
    if call.retries:
        yield "1 retry" if call.retries == 1 else f"{words.count(call.retries)} retries"
    if call.fallback_used:
        yield "fallback"
    if call.stream_end is not None:
        yield f"stream {call.stream_end}"
    if call.time_to_first_chunk_s is not None:
        yield f"first chunk {words.duration(max(call.time_to_first_chunk_s, 0.0))}"


def _attribute(name: str, value: Any) -> tuple[str, str, int]:
    return (name, *_cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))


def _captured(title: str, value: Any) -> Captured | None:
    """Messages as the conventions write them; whatever is written otherwise stays as it is."""
    if value is None:
        return None
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not (isinstance(found, list) and found and all(isinstance(one, dict) for one in found)):
        return Captured(title, [Message("", *_cut(value))])
    return Captured(title, [Message(_text(one.get("role")) or "", *_cut(_said(one))) for one in found])


def _said(message: Mapping[str, Any]) -> str:
    parts = message.get("parts")
    if not isinstance(parts, list):
        content = message.get("content")
        return content if isinstance(content, str) else json.dumps(message, ensure_ascii=False, indent=2)
    return "\n".join(_part(part) for part in parts)


def _part(part: Any) -> str:
    if isinstance(part, dict) and isinstance(part.get("content"), str):
        return str(part["content"])
    return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False, indent=2)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _cut(text: str) -> tuple[str, int]:
    return text[:LONGEST], max(0, len(text) - LONGEST)


def around(page: int, pages: int) -> Sequence[int]:
    """The pages next to one, for links."""
    return range(max(1, page - 2), min(pages, page + 2) + 1)
