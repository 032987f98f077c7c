"""What the doctor says: a finding, how bad it is, and the row of the table that a rule is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .evidence import Evidence

DOCS: Final = "docs/troubleshooting.md"


class Severity(StrEnum):
    """How bad a finding is, the least first. A problem ends the command with exit status 1."""

    OK = "ok"
    ADVICE = "advice"
    WARNING = "warning"
    PROBLEM = "problem"


class Symptom(StrEnum):
    """What people come with; the parts of the report."""

    FALLBACKS = "fallbacks"
    CACHE = "cache"
    LATENCY = "latency"
    COST = "cost"
    DELIVERY = "delivery"
    ENVIRONMENT = "environment"


@dataclass(slots=True, frozen=True)
class Finding:
    """One thing that was found: what is, why it is so, how to mend it, and where the documentation says more."""

    code: str
    severity: Severity
    what: str
    why: str
    fix: str
    docs: str
    symptom: Symptom


class Told(NamedTuple):
    """What a rule says of one case."""

    what: str
    why: str
    fix: str


@dataclass(slots=True, frozen=True)
class Rule:
    """A row of the table: under which code and how badly what a function finds is reported."""

    code: str
    severity: Severity
    symptom: Symptom
    find: Callable[[Evidence], Iterable[Told]]

    def findings(self, evidence: Evidence) -> list[Finding]:
        """All that this rule finds."""
        docs = f"{DOCS}#{self.symptom.value}"
        return [Finding(self.code, self.severity, *told, docs, self.symptom) for told in self.find(evidence)]


def calls_in_words(number: int) -> str:
    """`1 call`, `1,204 calls`."""
    return f"{number:,} call{'' if number == 1 else 's'}"
