"""Where else a run can be looked at: by its id, which is the trace's everywhere."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote, urlsplit

from fastagentic.core.config import setting

if TYPE_CHECKING:
    from collections.abc import Iterator

TRACE_ID: Final = "{trace_id}"
CLOUD: Final = "https://cloud.langfuse.com"
TEMPO: Final = "tempo"
"""The uid of Tempo's data source in Grafana, as `deploy/` provisions it."""


class Link(NamedTuple):
    """A name and an address."""

    name: str
    url: str


def links(trace_id: str) -> list[Link]:
    """The places that are configured: Langfuse by its keys, another by `FASTAGENTIC_TRACE_URL`."""
    return [link for link in (*_langfuse(trace_id), *_traces(trace_id)) if urlsplit(link.url).scheme in {"http", "https"}]


def _langfuse(trace_id: str) -> Iterator[Link]:
    if os.environ.get("LANGFUSE_PUBLIC_KEY", "").strip():
        named = os.environ.get("LANGFUSE_BASE_URL", "").strip() or os.environ.get("LANGFUSE_HOST", "").strip()
        yield Link("Langfuse", f"{(named or CLOUD).rstrip('/')}/trace/{quote(trace_id)}")


def _traces(trace_id: str) -> Iterator[Link]:
    given = setting("trace_url")
    if not given:
        return
    if TRACE_ID in given:
        yield Link("Traces", given.replace(TRACE_ID, quote(trace_id)))
        return
    source = {"type": TEMPO, "uid": TEMPO}
    query = {"refId": "A", "datasource": source, "queryType": "traceql", "query": trace_id}
    panes = json.dumps({"run": {"datasource": TEMPO, "queries": [query]}}, separators=(",", ":"))
    yield Link("Grafana", f"{given.rstrip('/')}/explore?schemaVersion=1&panes={quote(panes)}")
