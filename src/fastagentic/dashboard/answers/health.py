"""How the store is, what waits for destinations, what was lost, what has no price, what the doctor found."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

from pydantic import Field

from fastagentic.core.words import iso_time
from fastagentic.doctor.finding import Severity, Symptom
from fastagentic.doctor.gather import gather
from fastagentic.doctor.rules import diagnose
from fastagentic.export.spool.survey import survey
from fastagentic.store.location import store_home
from fastagentic.store.place import read_place
from fastagentic.store.queries.status import status
from fastagentic.store.reader import write_problem

from .sums import Answer

if TYPE_CHECKING:
    from fastagentic.export.spool.survey import SpoolStatus
    from fastagentic.store.queries.sql import Reader

FINDINGS_SINCE_S: Final = 7 * 86_400
FRESH_S: Final = 30.0
FINDING_NAMES = ("code", "severity", "symptom", "what", "why", "fix", "docs")
WORST_FIRST: Final = (Severity.PROBLEM, Severity.WARNING, Severity.ADVICE, Severity.OK)


class Lost(Answer):
    """Spans that were lost, by reason."""

    reason: str
    spans: int
    last: str | None = Field(description="When that was last noted; null where nobody noted it")


class Unpriced(Answer):
    """A model whose calls have no known cost."""

    model: str
    calls: int


class Destination(Answer):
    """What waits on disk for one destination. The local store is none of them: nothing waits for it on disk."""

    name: str
    endpoint: str
    waiting: int
    oldest: str | None
    refused: int
    lost: list[Lost]
    size_bytes: int
    alive: int = Field(description="Living processes that write there")


class Finding(Answer):
    """Something that the doctor found in the last 7 days."""

    code: str
    severity: Severity
    symptom: Symptom
    what: str
    why: str
    fix: str
    docs: str


class Store(Answer):
    """Where the store is, and what lies in it."""

    path: str = Field(description="The file, or the address of a ClickHouse without its password")
    size_bytes: int | None = Field(description="Null where it is no file")
    schema_version: int | None = Field(description="Null where it is no file")
    spans: int
    calls: int
    runs: int
    oldest: str | None
    newest: str | None
    writable: bool
    problem: str | None
    drops: list[Lost]
    unpriced_models: list[Unpriced]


class Health(Answer):
    """All of it. The findings are at most half a minute old."""

    store: Store
    destinations: list[Destination]
    findings: list[Finding] = Field(description="Worst first")


class Doctor:
    """The doctor's findings, and whether the store can be written: asked for anew when half a minute has passed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: float | None = None
        self._found: tuple[list[Finding], str | None] = ([], None)

    def findings(self) -> tuple[list[Finding], str | None]:
        """The findings, worst first, and what keeps the store from being written."""
        with self._lock:
            if self._asked is None or time.monotonic() - self._asked > FRESH_S:
                path = read_place().path
                self._found = _findings(), None if path is None else write_problem(path)
                self._asked = time.monotonic()
            return self._found


def health(connection: Reader, doctor: Doctor) -> Health:
    """How everything is."""
    place = read_place()
    found = status(connection, place.path or str(place))
    findings, problem = doctor.findings()
    return Health(
        store=Store(
            path=str(place),
            size_bytes=found.size_bytes,
            schema_version=found.schema_version,
            spans=found.spans,
            calls=found.calls,
            runs=found.runs,
            oldest=iso_time(found.oldest_ns),
            newest=iso_time(found.newest_ns),
            writable=problem is None and place.path is not None,
            problem=problem,
            drops=[Lost(reason=drop.reason, spans=drop.spans, last=iso_time(drop.last_ns)) for drop in found.drops],
            unpriced_models=[Unpriced(model=row.model, calls=row.calls) for row in found.unpriced],
        ),
        destinations=[_destination(spool) for spool in survey(store_home())] if place.path is not None else [],
        findings=findings,
    )


def _destination(spool: SpoolStatus) -> Destination:
    return Destination(
        name=spool.name,
        endpoint=spool.endpoint,
        waiting=spool.spans,
        oldest=iso_time(spool.oldest_ns),
        refused=spool.aside_spans,
        lost=[Lost(reason=drop.reason, spans=drop.spans, last=None) for drop in spool.drops],
        size_bytes=spool.size_bytes,
        alive=spool.alive,
    )


def _findings() -> list[Finding]:
    since_ns = max(0, time.time_ns() - FINDINGS_SINCE_S * 10**9)
    found = [
        Finding(
            code=one.code,
            severity=one.severity,
            symptom=one.symptom,
            what=one.what,
            why=one.why,
            fix=one.fix,
            docs=one.docs,
        )
        for one in diagnose(gather(since_ns=since_ns))
    ]
    return sorted(found, key=lambda one: WORST_FIRST.index(one.severity))
